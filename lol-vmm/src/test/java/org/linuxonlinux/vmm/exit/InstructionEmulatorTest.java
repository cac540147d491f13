// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestFixture.KERNEL_RSP;
import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RBX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RDI;
import static org.linuxonlinux.vmm.cpu.GuestState.RDX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSI;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.legacy.PortDevice;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.GuestTables;
import org.linuxonlinux.vmm.mmu.Mmu;

final class InstructionEmulatorTest {
    private static final long RIP = 0xffff_ffff_8100_1234L;
    private static final long FLAGS = Rflags.FIXED | Rflags.IF | Rflags.CF;
    private static final int PORT = 0x500;
    private static final long NOT_CANONICAL = 0x8000_0000_0000L;

    private final ExitFixture fixture = new ExitFixture();
    private final GuestFixture guest = fixture.guest;
    private final GuestState state = guest.state;
    private final ControlState control = guest.control;
    private final InstructionEmulator emulator = new InstructionEmulator(fixture.parts);

    @BeforeEach
    void startInKernelMode() {
        control.setCr0(0x8005_0033L);
        control.setCr4(0xa0);
        state.setRip(RIP);
        state.setRflags(FLAGS);
        state.setGpr(RBX, FREE);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Emulates one instruction and expects it to complete with RIP behind it. */
    private void completes(String bytes) {
        assertEquals(InstructionEmulator.Outcome.RESUME, emulate(bytes));
        assertEquals(RIP + Code.bytes(bytes).length, state.rip(), "RIP is behind it");
    }

    private InstructionEmulator.Outcome emulate(String bytes) {
        state.setRip(RIP);
        return emulator.emulate(Code.decode(bytes));
    }

    /** Emulates one instruction and expects an exception of it, with or without an error code. */
    private void faults(int vector, int errorCode, String bytes) {
        long rsp = state.gpr(RSP);
        emulate(bytes);
        assertEquals(Long.toHexString(GuestFixture.handler(vector)), Long.toHexString(state.rip()));
        long frame = state.gpr(RSP);
        boolean hasCode = vector >= 10 && vector <= 14;
        if (hasCode) {
            assertEquals(errorCode, guest.getLong(frame), "error code");
            frame += 8;
        }
        assertEquals(RIP, guest.getLong(frame), "saved RIP");
        assertEquals(rsp, guest.getLong(frame + 24), "RSP is as before");
        guest.kernelMode();
        state.setGpr(RSP, rsp);
        state.setRflags(FLAGS);
    }

    @Nested
    final class ControlRegisters {
        @ParameterizedTest
        @CsvSource({"0f 20 c0, 0", "0f 20 d0, 2", "0f 20 d8, 3", "0f 20 e0, 4"})
        void areReadWhole(String bytes, int number) {
            control.setCr2(0xffff_8880_1234_5678L);
            state.setGpr(RAX, -1);
            completes(bytes);
            long[] expected = {control.cr0(), 0, control.cr2(), control.cr3(), control.cr4()};
            assertEquals(expected[number], state.gpr(RAX));
        }

        @ParameterizedTest
        @ValueSource(strings = {"0f 20 c8", "0f 22 e8", "0f 22 f0", "0f 20 f8", "44 0f 20 c8"})
        void thatDoNotExistAreUndefined(String bytes) {
            faults(Vector.UD, 0, bytes);
        }

        @Test
        void cr2And3KeepWhatIsWritten() {
            state.setGpr(RAX, 0x1234);
            completes("0f 22 d0");
            assertEquals(0x1234, control.cr2());
            GuestTables others = new GuestTables(guest.memory, 0x10_0000);
            others.setEntry(GuestFixture.BASE, 39, guest.pageTables.entry(GuestFixture.BASE, 39));
            state.setGpr(RAX, others.rootGpa());
            completes("0f 22 d8");
            assertEquals(others.rootGpa(), control.cr3());
        }

        @Test
        void cr3WriteSwitchesTheAddressSpace() {
            GuestTables others = new GuestTables(guest.memory, 0x10_0000);
            others.map(0x40_0000, 0x5000, 12, GuestTables.P | GuestTables.U);
            state.setGpr(RAX, others.rootGpa());
            completes("0f 22 d8");
            assertEquals(
                    Mmu.Outcome.MAPPED, guest.mmu.resolve(0x40_0000, 0x40_0000, Access.READ, true));
        }

        @Test
        void cr0WriteProtectTakesEffect() {
            guest.pageTables.map(FREE, 0x8_0000, 12, GuestTables.P);
            state.setGpr(RAX, 0x8004_0033L);
            completes("0f 22 c0");
            assertEquals(
                    Mmu.Outcome.MAPPED,
                    guest.mmu.resolve(FREE, FakeTransport.hva(FREE), Access.WRITE, false));
            state.setGpr(RAX, 0x8005_0033L);
            completes("0f 22 c0");
            assertEquals(
                    Mmu.Outcome.PAGE_FAULT,
                    guest.mmu.resolve(FREE, FakeTransport.hva(FREE), Access.WRITE, false));
        }

        @ParameterizedTest
        @ValueSource(longs = {0x0005_0033L, 0x8005_0032L, 0x1_8005_0033L})
        void cr0CannotLeavePagingOrSetReservedBits(long value) {
            state.setGpr(RAX, value);
            faults(Vector.GP, 0, "0f 22 c0");
            assertEquals(0x8005_0033L, control.cr0());
        }

        @Test
        void cr0AlwaysHasTheExtensionType() {
            state.setGpr(RAX, 0x8005_0023L);
            completes("0f 22 c0");
            assertEquals(0x8005_0033L, control.cr0());
        }

        @Test
        void cr4RefusesWhatIsNotAdvertisedAndNeedsPae() {
            state.setGpr(RAX, 0x2_00a0L);
            faults(Vector.GP, 0, "0f 22 e0");
            state.setGpr(RAX, 0x80);
            faults(Vector.GP, 0, "0f 22 e0");
            assertEquals(0xa0, control.cr4());
        }

        @Test
        void cr4GlobalToggleFlushesGlobalPages() {
            assertEquals(
                    Mmu.Outcome.MAPPED,
                    guest.mmu.resolve(FREE, FakeTransport.hva(FREE), Access.READ, false));
            guest.commands.clear();
            guest.unmap(FREE);
            state.setGpr(RAX, 0x20);
            completes("0f 22 e0");
            assertEquals(1, guest.commands.count());
            assertEquals(FakeTransport.hva(FREE), guest.commands.word(0, 1));
        }

        @Test
        void cr8IsTheTaskPriority() {
            state.setGpr(RAX, 5);
            completes("44 0f 22 c0");
            state.setGpr(RAX, -1);
            completes("44 0f 20 c0");
            assertEquals(5, state.gpr(RAX));
            state.setGpr(RAX, 16);
            faults(Vector.GP, 0, "44 0f 22 c0");
        }

        @Test
        void clearTaskSwitchedAndMachineStatusWord() {
            state.setGpr(RAX, 0x8005_003bL);
            completes("0f 22 c0");
            completes("0f 06");
            assertEquals(0x8005_0033L, control.cr0());
            completes("0f 01 e0");
            assertEquals(0x8005_0033L, state.gpr(RAX), "smsw %eax");
            state.setGpr(RAX, 0x8);
            completes("0f 01 f0");
            assertEquals(0x8005_0039L, control.cr0(), "lmsw cannot clear PE");
        }
    }

    @Nested
    final class DebugRegisters {
        @Test
        void keepAddresses() {
            state.setGpr(RAX, 0x1234_5678_9abcL);
            completes("0f 23 d8");
            state.setGpr(RAX, 0);
            completes("0f 21 d8");
            assertEquals(0x1234_5678_9abcL, state.gpr(RAX));
        }

        @Test
        void haveFixedBitsInDr6AndDr7() {
            completes("0f 21 f0");
            assertEquals(0xffff_0ff0L, state.gpr(RAX));
            completes("0f 21 f8");
            assertEquals(0x400, state.gpr(RAX));
            state.setGpr(RAX, 0);
            completes("0f 23 f0");
            completes("0f 23 f8");
            completes("0f 21 f0");
            assertEquals(0xffff_0ff0L, state.gpr(RAX));
            completes("0f 21 f8");
            assertEquals(0x400, state.gpr(RAX));
        }

        @Test
        void names4And5Mean6And7() {
            emulator.setDebugStatus(1L << 14);
            completes("0f 21 e0");
            assertEquals(0xffff_4ff0L, state.gpr(RAX));
        }

        @Test
        void refuseUpperBitsInDr7AndNumbersAbove7() {
            state.setGpr(RAX, 1L << 32);
            faults(Vector.GP, 0, "0f 23 f8");
            faults(Vector.UD, 0, "44 0f 21 c0");
        }
    }

    @Nested
    final class ModelRegistersAndCpuid {
        private static final int IA32_LSTAR = 0xc000_0082;
        private static final int IA32_KERNEL_GS_BASE = 0xc000_0102;

        @Test
        void goThroughEdxAndEaxWithUpperHalvesClear() {
            state.setGpr(RCX, 0xffff_ffff_0000_0000L | (IA32_LSTAR & 0xffff_ffffL));
            state.setGpr(RAX, 0x1111_1111_8180_0040L);
            state.setGpr(RDX, 0x2222_2222_ffff_ffffL);
            completes("0f 30");
            assertEquals(0xffff_ffff_8180_0040L, fixture.msrs.syscallEntry64());
            state.setGpr(RAX, -1);
            state.setGpr(RDX, -1);
            completes("0f 32");
            assertEquals(0x8180_0040L, state.gpr(RAX));
            assertEquals(0xffff_ffffL, state.gpr(RDX));
        }

        @Test
        void refuseAddressesThatAreNotCanonical() {
            state.setGpr(RCX, IA32_KERNEL_GS_BASE);
            state.setGpr(RDX, 0x8000);
            state.setGpr(RAX, 0);
            faults(Vector.GP, 0, "0f 30");
        }

        @Test
        void faultWhereThereIsNone() {
            state.setGpr(RCX, 0xdead);
            faults(Vector.GP, 0, "0f 32");
            faults(Vector.GP, 0, "0f 33");
        }

        @Test
        void cpuidFillsFourRegisters() {
            for (int register : new int[] {RAX, RBX, RCX, RDX}) {
                state.setGpr(register, 0xffff_ffff_0000_0000L);
            }
            completes("0f a2");
            assertEquals(0x6874_7541L, state.gpr(RBX));
            assertEquals(0x444d_4163L, state.gpr(RCX));
            assertEquals(0x6974_6e65L, state.gpr(RDX));
            assertEquals(0, state.gpr(RAX) >>> 32);
        }

        @Test
        void xsetbvTakesWhatIsValid() {
            state.setGpr(RCX, 0);
            state.setGpr(RDX, 0);
            state.setGpr(RAX, 7);
            completes("0f 01 d1");
            assertEquals(7, fixture.msrs.xcr0());
            state.setGpr(RAX, 6);
            faults(Vector.GP, 0, "0f 01 d1");
        }

        @Test
        void hypercallsDoNotExist() {
            completes("0f 01 c1");
            assertEquals(-1000, state.gpr(RAX));
        }
    }

    @Nested
    final class PortIo {
        private final Device device = new Device();

        @BeforeEach
        void plugIn() {
            fixture.ports.register(PORT, 8, device);
            fixture.ports.register(0x80, 1, device);
            state.setGpr(RDX, 0xffff_0000L | PORT);
        }

        @ParameterizedTest(name = "{0}")
        @CsvSource({
            "ec,    1, 11223344556677d1",
            "66 ed, 2, 112233445566d2d1",
            "ed,    4, d4d3d2d1",
            "48 ed, 4, d4d3d2d1",
        })
        void inputReplacesAsMuchOfRaxAsItIsWide(String bytes, int width, String rax) {
            state.setGpr(RAX, 0x1122_3344_5566_7788L);
            completes(bytes);
            assertEquals(rax, Long.toHexString(state.gpr(RAX)));
            assertEquals(List.of("in 500 " + width), fixture.log);
        }

        @ParameterizedTest(name = "{0}")
        @CsvSource({"ee, 1, 88", "66 ef, 2, 7788", "ef, 4, 55667788", "48 ef, 4, 55667788"})
        void outputSendsTheLowPart(String bytes, int width, String value) {
            state.setGpr(RAX, 0x1122_3344_5566_7788L);
            completes(bytes);
            assertEquals(List.of("out 500 " + width + " " + value), fixture.log);
        }

        @Test
        void portsMayBeImmediate() {
            state.setGpr(RAX, 0x42);
            completes("e6 80");
            completes("e4 80");
            assertEquals(List.of("out 80 1 42", "in 80 1"), fixture.log);
        }

        @Test
        void stringOutputSendsEachElementAndMovesOn() {
            guest.put(FREE, 1, 2, 3, 4, 5, 6);
            state.setGpr(RSI, FREE);
            state.setGpr(RCX, 3);
            completes("f3 66 6f");
            assertEquals(List.of("out 500 2 201", "out 500 2 403", "out 500 2 605"), fixture.log);
            assertEquals(FREE + 6, state.gpr(RSI));
            assertEquals(0, state.gpr(RCX));
        }

        @Test
        void stringInputFillsMemoryBackwardsWithDirectionSet() {
            state.setRflags(FLAGS | Rflags.DF);
            state.setGpr(RDI, FREE + 8);
            state.setGpr(RCX, 2);
            completes("f3 6d");
            assertEquals(0xd4d3_d2d1, guest.memory.getInt(FREE + 8 - GuestFixture.BASE));
            assertEquals(0xd4d3_d2d1, guest.memory.getInt(FREE + 4 - GuestFixture.BASE));
            assertEquals(FREE, state.gpr(RDI));
        }

        @Test
        void withoutRepeatCountIsLeftAlone() {
            state.setGpr(RDI, FREE);
            state.setGpr(RCX, 7);
            completes("6c");
            assertEquals(7, state.gpr(RCX));
            assertEquals(FREE + 1, state.gpr(RDI));
            assertEquals(List.of("in 500 1"), fixture.log);
        }

        @Test
        void repeatOfZeroDoesNothing() {
            state.setGpr(RDI, NOT_CANONICAL);
            state.setGpr(RCX, 0);
            completes("f3 6c");
            assertTrue(fixture.log.isEmpty());
        }

        @Test
        void sourceObeysTheSegmentOverride() {
            control.setGsBase(FREE);
            guest.put(FREE + 0x20, 0x99);
            state.setGpr(RSI, 0x20);
            completes("65 6e");
            assertEquals(List.of("out 500 1 99"), fixture.log);
        }

        @Test
        void aPageFaultInTheMiddleKeepsWhatIsDone() {
            guest.unmap(FREE + 0x1000);
            state.setGpr(RDI, FREE + 0xffc);
            state.setGpr(RCX, 3);
            faults(Vector.PF, 2, "f3 6d");
            assertEquals(FREE + 0x1000, state.gpr(RDI));
            assertEquals(2, state.gpr(RCX));
            assertEquals(List.of("in 500 4"), fixture.log);
            assertEquals(FREE + 0x1000, control.cr2());
        }

        @Test
        void noInputIsLostWhenItsElementReachesIntoAnAbsentPage() {
            guest.unmap(FREE + 0x1000);
            state.setGpr(RDI, FREE + 0xffe);
            faults(Vector.PF, 2, "6d");
            assertTrue(fixture.log.isEmpty());
        }

        @Test
        void longRepeatsAreInterruptible() {
            state.setGpr(RDI, FREE);
            state.setGpr(RCX, 5000);
            emulate("f3 6c");
            assertEquals(RIP, state.rip(), "runs again");
            assertEquals(5000 - 4096, state.gpr(RCX));
            completes("f3 6c");
            assertEquals(FREE + 5000, state.gpr(RDI));
        }

        /** Answers 0xd4d3d2d1 and remembers. */
        private final class Device implements PortDevice {
            @Override
            public int in(int port, int widthBytes) {
                fixture.log.add(String.format("in %x %d", port, widthBytes));
                return 0xd4d3_d2d1;
            }

            @Override
            public void out(int port, int widthBytes, int value) {
                fixture.log.add(String.format("out %x %d %x", port, widthBytes, value));
            }
        }
    }

    @Nested
    final class Segments {
        @ParameterizedTest(name = "{0}")
        @CsvSource({"8e c0, 0", "8e d8, 3", "8e e0, 4", "8e e8, 5"})
        void loadFromARegister(String bytes, int segment) {
            state.setGpr(RAX, 0xffff_002bL);
            completes(bytes);
            assertEquals(0x2b, control.selector(segment));
        }

        @Test
        void loadFromMemory() {
            guest.put(FREE, 0x2b, 0);
            completes("8e 1b");
            assertEquals(0x2b, control.selector(ControlState.DS));
        }

        @Test
        void stackSegmentNeedsItsOwnRing() {
            state.setGpr(RAX, 0x18);
            state.setSs(0);
            completes("8e d0");
            assertEquals(0x18, state.ss());
            state.setGpr(RAX, 0x2b);
            faults(Vector.GP, 0x28, "8e d0");
            state.setGpr(RAX, 0x10);
            faults(Vector.GP, 0x10, "8e d0");
        }

        @Test
        void fsAndGsTakeTheirBaseFromTheDescriptor() {
            guest.descriptor(0x28, 0x12cf_f334_5678_ffffL);
            state.setGpr(RAX, 0x2b);
            completes("8e e0");
            assertEquals(0x1234_5678L, control.fsBase());
            assertEquals(0, fixture.transport.basesChanged);
            completes("8e e8");
            assertEquals(0x1234_5678L, control.gsBase());
            assertEquals(1, fixture.transport.basesChanged);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 2, 3})
        void nullIsFineForDataAndClearsTheBase(int selector) {
            control.setGsBase(FREE);
            state.setGpr(RAX, selector);
            completes("8e e8");
            assertEquals(0, control.gsBase());
            assertEquals(selector, control.selector(ControlState.GS));
        }

        @ParameterizedTest(name = "{0} raises {1}")
        @CsvSource({
            "0x78,   13", // an empty entry
            "0x88,   13", // beyond the limit
            "0x2f,   13", // in the LDT
            "0x43,   13", // a TSS
            "0x1b,   13", // kernel data with RPL 3
            "0x50,   11", // not present
            "0x5b,   13", // code that cannot be read
        })
        void thatCannotBeLoadedFaultWithTheSelector(String selector, int vector) {
            guest.descriptor(0x50, 0x00cf_7300_0000_ffffL);
            guest.descriptor(0x58, 0x00af_f900_0000_ffffL);
            control.setSelector(ControlState.DS, 0x18);
            int value = Integer.decode(selector);
            state.setGpr(RAX, value);
            faults(vector, value & ~3, "8e d8");
            assertEquals(0x18, control.selector(ControlState.DS));
        }

        @Test
        void codeThatCanBeReadIsFine() {
            state.setGpr(RAX, GuestFixture.USER_CS);
            completes("8e d8");
        }

        @Test
        void stackSegmentThatIsAbsentIsAStackFault() {
            guest.descriptor(0x50, 0x00cf_1300_0000_ffffL);
            state.setGpr(RAX, 0x50);
            faults(Vector.SS, 0x50, "8e d0");
        }

        @ParameterizedTest
        @ValueSource(strings = {"8e c8", "8e f0", "8e f8"})
        void codeSegmentAndMissingOnesAreUndefined(String bytes) {
            // Some of these the decoder refuses already.
            try {
                Code.decode(bytes);
            } catch (AssertionError e) {
                return;
            }
            faults(Vector.UD, 0, bytes);
        }

        @Test
        void storesAreWordsInMemoryAndZeroExtendedInRegisters() {
            guest.setLong(FREE, -1);
            completes("8c 0b");
            assertEquals(0xffff_ffff_ffff_0010L, guest.getLong(FREE));
            state.setGpr(RAX, -1);
            completes("8c d0");
            assertEquals(0x18, state.gpr(RAX));
            state.setGpr(RAX, -1);
            completes("66 8c d0");
            assertEquals(0xffff_ffff_ffff_0018L, state.gpr(RAX));
        }

        @Test
        void popLoadsAndMovesTheStackOnlyOnSuccess() {
            guest.setLong(KERNEL_RSP, 0x2b);
            completes("0f a1");
            assertEquals(0x2b, control.selector(ControlState.FS));
            assertEquals(KERNEL_RSP + 8, state.gpr(RSP));
            state.setGpr(RSP, KERNEL_RSP);
            completes("66 0f a9");
            assertEquals(KERNEL_RSP + 2, state.gpr(RSP));
            state.setGpr(RSP, KERNEL_RSP);
            guest.setLong(KERNEL_RSP, 0x78);
            faults(Vector.GP, 0x78, "0f a1");
        }
    }

    @Nested
    final class DescriptorTableRegisters {
        @Test
        void areLoadedAndStoredAs10Bytes() {
            guest.memory.setShort(FREE - GuestFixture.BASE, (short) 0xabcd);
            guest.memory.setLong(FREE + 2 - GuestFixture.BASE, 0xffff_fe00_0000_1000L);
            completes("0f 01 13");
            assertEquals(0xabcd, guest.tables.gdtLimit());
            assertEquals(0xffff_fe00_0000_1000L, guest.tables.gdtBase());
            completes("0f 01 1b");
            assertEquals(0xabcd, guest.tables.idtLimit());
            state.setGpr(RBX, FREE + 0x100);
            completes("0f 01 03");
            assertEquals((short) 0xabcd, guest.memory.getShort(FREE + 0x100 - GuestFixture.BASE));
            assertEquals(
                    0xffff_fe00_0000_1000L, guest.memory.getLong(FREE + 0x102 - GuestFixture.BASE));
            completes("0f 01 0b");
        }

        @Test
        void localTableIsKept() {
            state.setGpr(RAX, 0x60);
            completes("0f 00 d0");
            state.setGpr(RAX, -1);
            completes("0f 00 c0");
            assertEquals(0x60, state.gpr(RAX));
        }

        @Test
        void taskIsLoadedAndMarkedBusy() {
            guest.descriptor(0x60, 0x0000_8900_3000_0067L);
            guest.descriptor(0x68, 0xffff_8880L);
            state.setGpr(RAX, 0x60);
            completes("0f 00 d8");
            assertEquals(0x60, guest.tables.taskSelector());
            assertEquals(0xb, guest.getLong(GuestFixture.GDT + 0x60) >>> 40 & 0xf);
            state.setGpr(RAX, -1);
            completes("66 0f 00 c8");
            assertEquals(0xffff_ffff_ffff_0060L, state.gpr(RAX));
        }

        @Test
        void taskMustBeAnIdleOneThatIsPresent() {
            state.setGpr(RAX, GuestFixture.TASK);
            faults(Vector.GP, GuestFixture.TASK, "0f 00 d8");
            state.setGpr(RAX, 0);
            faults(Vector.GP, 0, "0f 00 d8");
            guest.descriptor(0x60, 0x0000_0900_3000_0067L);
            state.setGpr(RAX, 0x60);
            faults(Vector.NP, 0x60, "0f 00 d8");
            assertEquals(GuestFixture.TASK, guest.tables.taskSelector());
        }
    }

    @Nested
    final class FarTransfers {
        @Test
        void returnPopsRipAndCs() {
            guest.setLong(KERNEL_RSP, 0xffff_ffff_8123_0000L);
            guest.setLong(KERNEL_RSP + 8, 0x10);
            emulate("48 cb");
            assertEquals(0xffff_ffff_8123_0000L, state.rip());
            assertEquals(0x10, state.cs());
            assertEquals(KERNEL_RSP + 16, state.gpr(RSP));
        }

        @Test
        void returnOf32BitsReleasesParametersToo() {
            guest.setLong(KERNEL_RSP, 0x10_8123_0000L);
            emulate("ca 10 00");
            assertEquals(0x8123_0000L, state.rip());
            assertEquals(KERNEL_RSP + 8 + 16, state.gpr(RSP));
        }

        @Test
        void returnToNowhereIsAProtectionFault() {
            guest.setLong(KERNEL_RSP, NOT_CANONICAL);
            guest.setLong(KERNEL_RSP + 8, 0x10);
            faults(Vector.GP, 0, "48 cb");
            guest.setLong(KERNEL_RSP, RIP);
            guest.setLong(KERNEL_RSP + 8, 0);
            faults(Vector.GP, 0, "48 cb");
        }

        @Test
        void returnToAnOuterRingEndsTheGuest() {
            guest.setLong(KERNEL_RSP, 0x40_0000);
            guest.setLong(KERNEL_RSP + 8, 0x33);
            assertThrows(GuestDiedException.class, () -> emulate("48 cb"));
        }

        @Test
        void jumpReadsItsTargetFromMemory() {
            guest.setLong(FREE, 0xffff_ffff_8123_0000L);
            guest.setLong(FREE + 8, 0x10);
            emulate("48 ff 2b");
            assertEquals(0xffff_ffff_8123_0000L, state.rip());
            assertEquals(KERNEL_RSP, state.gpr(RSP));
        }

        @Test
        void callPushesCsAndTheNextRip() {
            guest.setLong(FREE, 0xffff_ffff_8123_0000L);
            guest.setLong(FREE + 8, 0x10);
            emulate("48 ff 1b");
            assertEquals(0xffff_ffff_8123_0000L, state.rip());
            assertEquals(KERNEL_RSP - 16, state.gpr(RSP));
            assertEquals(RIP + 3, guest.getLong(KERNEL_RSP - 16));
            assertEquals(0x10, guest.getLong(KERNEL_RSP - 8));
        }
    }

    @Nested
    final class InterruptReturns {
        private void frame(long rip, long cs, long flags, long rsp, long ss) {
            guest.setLong(KERNEL_RSP, rip);
            guest.setLong(KERNEL_RSP + 8, cs);
            guest.setLong(KERNEL_RSP + 16, flags);
            guest.setLong(KERNEL_RSP + 24, rsp);
            guest.setLong(KERNEL_RSP + 32, ss);
        }

        @Test
        void toTheKernelRestoreEverything() {
            frame(0xffff_ffff_8123_0000L, 0x10, 0x246, FREE, 0x18);
            emulate("48 cf");
            assertEquals(0xffff_ffff_8123_0000L, state.rip());
            assertEquals(0x246, state.rflags());
            assertEquals(FREE, state.gpr(RSP));
            assertEquals(0x18, state.ss());
            assertTrue(state.isKernelMode());
        }

        @ParameterizedTest
        @ValueSource(ints = {0x33, 0x23})
        void toUserModeLeaveTheKernel(int cs) {
            frame(0x40_1000, cs, 0x246, 0x7fff_0000_1000L, 0x2b);
            emulate("48 cf");
            assertEquals(0x40_1000, state.rip());
            assertEquals(cs, state.cs());
            assertEquals(0x2b, state.ss());
            assertFalse(state.isKernelMode());
        }

        @Test
        void takeOnlyFlagsThatExist() {
            frame(0x40_1000, 0x33, -1, 0x7fff_0000_1000L, 0x2b);
            emulate("48 cf");
            assertEquals(
                    Long.toHexString(0x3d_4fd7), Long.toHexString(state.rflags()), "no VM, IOPL");
        }

        @Test
        void pop32BitFramesToo() {
            for (int i = 0; i < 5; i++) {
                int value = new int[] {0x40_1000, 0x23, 0x246, 0xffff_1000, 0x2b}[i];
                guest.memory.setInt(KERNEL_RSP - GuestFixture.BASE + i * 4L, value);
            }
            emulate("cf");
            assertEquals(0x40_1000, state.rip());
            assertEquals(0xffff_1000L, state.gpr(RSP));
            assertEquals(0x23, state.cs());
        }

        @ParameterizedTest(name = "rip={0} cs={1} ss={2}")
        @CsvSource({
            "0x800000000000, 0x33, 0x2b, 0x00",
            "0x401000,       0x00, 0x2b, 0x00",
            "0x401000,       0x03, 0x2b, 0x00",
            "0x401000,       0x31, 0x2b, 0x30",
            "0x401000,       0x43, 0x2b, 0x40",
            "0x401000,       0x33, 0x18, 0x18",
        })
        void ofBadFramesFaultAtTheInstruction(String rip, String cs, String ss, String code) {
            frame(Long.decode(rip), Integer.decode(cs), 0x246, 0x1000, Integer.decode(ss));
            // The frame of the fault overwrites nothing of this one: it lies below.
            faults(Vector.GP, Integer.decode(code), "48 cf");
        }

        @Test
        void ofAnAbsentFrameArePageFaults() {
            guest.gate(Vector.PF, GuestFixture.INTERRUPT_GATE, 1, 0);
            state.setGpr(RSP, FREE);
            guest.unmap(FREE);
            faults(Vector.PF, 0, "48 cf");
        }
    }

    @Nested
    final class SystemReturns {
        @Test
        void of64BitsTakeRcxAndR11() {
            state.setGpr(RCX, 0x7f00_1234_5678L);
            state.setGpr(GuestState.R11, 0x1_3246);
            emulate("48 0f 07");
            assertEquals(0x7f00_1234_5678L, state.rip());
            assertEquals(0x246, state.rflags(), "without RF and IOPL");
            assertEquals(0x33, state.cs());
            assertEquals(0x2b, state.ss());
            assertFalse(state.isKernelMode());
            assertEquals(KERNEL_RSP, state.gpr(RSP));
        }

        @Test
        void of32BitsTakeEcx() {
            state.setGpr(RCX, 0x1_0804_8000L);
            state.setGpr(GuestState.R11, 0x202);
            emulate("0f 07");
            assertEquals(0x0804_8000L, state.rip());
            assertEquals(0x23, state.cs());
        }
    }

    @Nested
    final class Interrupts {
        @Test
        void instructionsEnterTheHandlerWithRipBehindThem() {
            emulate("cd 80");
            assertEquals(GuestFixture.handler(0x80), state.rip());
            assertEquals(RIP + 2, guest.getLong(state.gpr(RSP)));
            guest.kernelMode();
            emulate("cc");
            assertEquals(GuestFixture.handler(3), state.rip());
            assertEquals(RIP + 1, guest.getLong(state.gpr(RSP)));
            guest.kernelMode();
            emulate("f1");
            assertEquals(GuestFixture.handler(1), state.rip());
            assertEquals(RIP + 1, guest.getLong(state.gpr(RSP)));
        }

        @ParameterizedTest
        @ValueSource(
                strings = {"0f 0b", "0f 05", "0f 01 ca", "0f 01 cb", "0f a7 c0", "f3 0f a6 c8"})
        void undefinedInstructionsFaultAtThemselves(String bytes) {
            faults(Vector.UD, 0, bytes);
        }

        @Test
        void haltSleepsBehindItself() {
            assertEquals(InstructionEmulator.Outcome.HALT, emulate("f4"));
            assertEquals(RIP + 1, state.rip());
        }

        @ParameterizedTest
        @ValueSource(strings = {"0f 08", "0f 09"})
        void cacheInstructionsDoNothing(String bytes) {
            completes(bytes);
        }
    }

    @Nested
    final class Memory {
        @Test
        void invalidationReachesTheMappings() {
            assertEquals(
                    Mmu.Outcome.MAPPED,
                    guest.mmu.resolve(FREE, FakeTransport.hva(FREE), Access.READ, false));
            guest.commands.clear();
            guest.unmap(FREE);
            completes("0f 01 3b");
            assertEquals(1, guest.commands.count());
        }

        @Test
        void operandsThatAreAbsentArePageFaultsAtTheInstruction() {
            guest.unmap(FREE);
            faults(Vector.PF, 2, "0f 01 03");
            faults(Vector.PF, 0, "0f 01 13");
            assertEquals(FREE, control.cr2() & -4096);
            assertNotEquals(0, guest.tables.gdtLimit());
        }

        @Test
        void operandsThatAreNotCanonicalAreProtectionFaults() {
            state.setGpr(RBX, NOT_CANONICAL);
            faults(Vector.GP, 0, "0f 01 13");
            faults(Vector.GP, 0, "8e 1b");
        }
    }

    @Nested
    final class SegmentFacts {
        @Test
        void accessRightsAndLimit() {
            state.setGpr(RAX, 0x33);
            completes("0f 02 c8");
            assertEquals(0x00a0_fb00L, state.gpr(RCX));
            assertNotEquals(0, state.rflags() & Rflags.ZF);
            state.setGpr(RAX, 0x2b);
            completes("0f 03 c8");
            assertEquals(0xffff_ffffL, state.gpr(RCX));
        }

        @Test
        void ofSelectorsWithoutDescriptorLeaveTheRegisterAlone() {
            state.setGpr(RAX, 0x88);
            state.setGpr(RCX, 0x77);
            state.setRflags(FLAGS | Rflags.ZF);
            completes("0f 03 c8");
            assertEquals(0x77, state.gpr(RCX));
            assertEquals(0, state.rflags() & Rflags.ZF);
        }

        @ParameterizedTest(name = "{0} of selector {1}: {2}")
        @CsvSource({
            "0f 00 e0, 0x18, true",
            "0f 00 e8, 0x18, true",
            "0f 00 e0, 0x10, true",
            "0f 00 e8, 0x10, false",
            "0f 00 e0, 0x40, false",
            "0f 00 e8, 0x00, false",
        })
        void verification(String bytes, String selector, boolean zero) {
            state.setGpr(RAX, Integer.decode(selector));
            completes(bytes);
            assertEquals(zero, (state.rflags() & Rflags.ZF) != 0);
        }

        @Test
        void processorIdComesFromTscAux() {
            fixture.msrs.write(0xc000_0103, 5);
            completes("f3 0f c7 f8");
            assertEquals(5, state.gpr(RAX));
        }
    }
}
