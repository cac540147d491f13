// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.exit.ExitFixture.TEXT;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.GatePosition;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.translate.TranslationBlock;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.exit.ExitStatistics.Kind;
import org.linuxonlinux.vmm.exit.Faults.Resume;
import org.linuxonlinux.vmm.legacy.MmioDevice;
import org.linuxonlinux.vmm.legacy.PortDevice;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.GuestTables;

final class FaultsTest {
    private static final int SIGTRAP = 5;
    private static final int SIGBUS = 7;
    private static final int SIGSEGV = 11;
    private static final int SI_KERNEL = 0x80;
    private static final int SEGV_MAPERR = 1;

    private static final long USER_CODE = 0x40_1000;
    private static final long USER_DATA = 0x7f12_3456_7000L;
    private static final long SMALL_USER_DATA = 0x10_0000;

    private final ExitFixture fixture = new ExitFixture();
    private final GuestFixture guest = fixture.guest;
    private final GuestState state = guest.state;
    private final FakeTransport transport = fixture.transport;
    private final Faults faults =
            new Faults(
                    fixture.parts,
                    new GuestInstructions(guest.mmu),
                    new InstructionEmulator(fixture.parts),
                    new Premap(guest.page, guest.mmu, fixture.translator, true),
                    new SystemCallEntry(guest.state, fixture.msrs, true));

    @BeforeEach
    void startInKernelMode() {
        fixture.mapText();
        transport.kernel = true;
        transport.process.setGpr(GuestState.RSP, GuestFixture.KERNEL_RSP);
        transport.process.setGpr(GuestState.RBX, FREE);
        transport.process.setRflags(Rflags.CF);
        guest.page.set(VcpuPageLayout.VIRTUAL_IF, Rflags.IF);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Stops the process at the first host instruction for a kernel instruction. */
    private void stopAt(String hex) {
        fixture.put(TEXT, hex + " f4");
        TranslationBlock block = fixture.translator.blockAt(TEXT);
        guest.commands.clear();
        transport.hostRip = block.entryHva();
    }

    private Resume faultAt(long hva) {
        transport.signal = SIGSEGV;
        transport.signalCode = SEGV_MAPERR;
        transport.faultHva = hva;
        return faults.onKernelFault();
    }

    private Resume protectionFault() {
        transport.signal = SIGSEGV;
        transport.signalCode = SI_KERNEL;
        transport.faultHva = 0;
        return transport.kernel ? faults.onKernelFault() : faults.onUserFault();
    }

    private void assertHandler(int vector) {
        assertEquals(Long.toHexString(GuestFixture.handler(vector)), Long.toHexString(state.rip()));
    }

    private long pushed(int word) {
        return guest.getLong(state.gpr(GuestState.RSP) + 8L * word);
    }

    @Nested
    final class InTheKernel {
        @Test
        void aPageTheGuestHasIsMappedAndTheProcessGoesOn() {
            stopAt("48 8b 43 08");
            assertEquals(Resume.UNCHANGED, faultAt(FakeTransport.hva(FREE + 8)));
            assertEquals(Kind.KERNEL_PAGE, faults.kind());
            assertTrue(guest.commands.count() > 0);
            assertEquals(9, guest.commands.word(0, 0));
        }

        @ParameterizedTest(name = "{1}")
        @CsvSource({
            "48 8b 43 08,    load,     0",
            "48 89 43 08,    store,    2",
            "48 83 43 08 01, add,      2",
            "48 39 43 08,    compare,  0",
        })
        void aPageItHasNotIsItsPageFault(String bytes, String what, int errorCode) {
            guest.unmap(FREE);
            stopAt(bytes);
            assertEquals(Resume.LOADED, faultAt(FakeTransport.hva(FREE + 8)));
            assertEquals(Kind.GUEST_PAGE_FAULT, faults.kind());
            assertHandler(Vector.PF);
            assertEquals(FREE + 8, guest.control.cr2(), what);
            assertEquals(errorCode, pushed(0), what);
            assertEquals(TEXT, pushed(1));
        }

        @Test
        void anOperandAcrossPagesFaultsWhereItCannotGoOn() {
            guest.unmap(FREE + 0x1000);
            transport.process.setGpr(GuestState.RBX, FREE + 0xffc);
            stopAt("48 8b 03");
            faultAt(FakeTransport.hva(FREE + 0x1000));
            assertHandler(Vector.PF);
            assertEquals(FREE + 0x1000, guest.control.cr2());
        }

        @Test
        void aPushFaultsBelowTheStackPointer() {
            transport.process.setGpr(GuestState.RSP, FREE);
            guest.unmap(FREE - 0x1000);
            guest.gate(Vector.PF, GuestFixture.INTERRUPT_GATE, 1, 0);
            stopAt("50");
            faultAt(FakeTransport.hva(FREE - 8));
            assertHandler(Vector.PF);
            assertEquals(FREE - 8, guest.control.cr2());
            assertEquals(2, pushed(0));
        }

        @Test
        void anAddressThatIsNotCanonicalIsAProtectionFault() {
            transport.process.setGpr(GuestState.RBX, 0x8000_0000_0000_1234L);
            stopAt("48 8b 03");
            assertEquals(Resume.LOADED, protectionFault());
            assertHandler(Vector.GP);
            assertEquals(TEXT, pushed(1));
        }

        @Test
        void aMisalignedVectorOperandIsAProtectionFault() {
            stopAt("0f 29 43 01");
            assertEquals(Resume.LOADED, protectionFault());
            assertHandler(Vector.GP);
        }

        @Test
        void aUserAddressMakesTheInstructionDynamicOnce() {
            transport.process.setGpr(GuestState.RBX, USER_DATA);
            stopAt("48 8b 03");
            guest.mmu.closeLowWindow();
            assertEquals(Resume.LOADED, protectionFault());
            assertEquals(Kind.DYNAMIC_FOLD, faults.kind());
            assertTrue(fixture.translator.isDynamic(TEXT));
            assertEquals(TEXT, state.rip(), "runs again");
            assertNull(fixture.translator.findBlock(TEXT));
        }

        @Test
        void aSmallUserAddressMakesItDynamicToo() {
            transport.process.setGpr(GuestState.RBX, SMALL_USER_DATA);
            stopAt("48 8b 03");
            guest.mmu.closeLowWindow();
            assertEquals(Resume.LOADED, faultAt(SMALL_USER_DATA + AddressMap.FOLD));
            assertEquals(Kind.DYNAMIC_FOLD, faults.kind());
        }

        @Test
        void duringEarlyBootASmallAddressIsShownThroughTheWindow() {
            guest.pageTables.map(
                    SMALL_USER_DATA, 0x8_0000, GuestTables.SIZE_4K, GuestTables.P | GuestTables.W);
            transport.process.setGpr(GuestState.RBX, SMALL_USER_DATA);
            stopAt("48 8b 03");
            assertEquals(Resume.UNCHANGED, faultAt(SMALL_USER_DATA + AddressMap.FOLD));
            assertEquals(SMALL_USER_DATA + AddressMap.FOLD, guest.commands.word(0, 1));
            assertFalse(fixture.translator.isDynamic(TEXT));
        }

        @Test
        void deviceMemoryIsEmulated() {
            guest.pageTables.map(
                    FREE, 0xfec0_0000L, GuestTables.SIZE_4K, GuestTables.P | GuestTables.W);
            fixture.mmio.register(0xfec0_0000L, 0x1000, new Constant());
            stopAt("8b 43 10");
            assertEquals(Resume.LOADED, faultAt(FakeTransport.hva(FREE + 0x10)));
            assertEquals(Kind.MMIO, faults.kind());
            assertEquals(0x1234_5678, state.gpr(GuestState.RAX));
            assertEquals(TEXT + 3, state.rip());
        }

        @ParameterizedTest(name = "{1}")
        @CsvSource({"48 89 03, store, true", "48 01 03, add, false"})
        void aLowPageWhereTheBranchTableIsIsReachedByMovesOnly(
                String bytes, String what, boolean done) {
            long gva = AddressMap.BRANCH_TABLE_HVA;
            long frame = 0x8_0000;
            guest.pageTables.map(gva, frame, GuestTables.SIZE_4K, GuestTables.P | GuestTables.W);
            fixture.translator.addDynamic(new long[] {TEXT});
            transport.process.setGpr(GuestState.RAX, 0x1234);
            transport.process.setGpr(GuestState.RBX, gva);
            stopAt(bytes);
            assertEquals(Resume.LOADED, faultAt(gva));
            assertTrue(guest.commands.isEmpty(), "the table stays");
            assertEquals(done ? 0x1234 : 0, guest.memory.getLong(frame), what);
            if (done) {
                assertEquals(Kind.HIDDEN_PAGE, faults.kind());
                assertEquals(TEXT + 3, state.rip());
            } else {
                assertEquals(Kind.GUEST_EXCEPTION, faults.kind());
                assertHandler(Vector.GP);
            }
        }

        @Test
        void aCopyIntoAHiddenPageThatEndsInAnAbsentOneIsAPageFaultThere() {
            long gva = AddressMap.BRANCH_TABLE_HVA;
            guest.pageTables.map(gva, 0x8_0000, GuestTables.SIZE_4K, GuestTables.P | GuestTables.W);
            fixture.translator.addDynamic(new long[] {TEXT});
            transport.process.setGpr(GuestState.RCX, 8);
            transport.process.setGpr(GuestState.RSI, FREE);
            transport.process.setGpr(GuestState.RDI, gva + 0xffc);
            stopAt("f3 a4");
            assertEquals(Resume.LOADED, faultAt(gva + 0xffc));
            assertHandler(Vector.PF);
            assertEquals(gva + 0x1000, guest.control.cr2());
            assertEquals(4, state.gpr(GuestState.RCX));
        }

        @Test
        void aWriteToTranslatedCodeDropsItsBlocks() {
            fixture.put(TEXT + 0x1000, "f4");
            fixture.translator.blockAt(TEXT + 0x1000);
            transport.process.setGpr(GuestState.RBX, TEXT + 0x1000);
            stopAt("c6 03 90");
            assertEquals(Resume.UNCHANGED, faultAt(FakeTransport.hva(TEXT + 0x1000)));
            assertEquals(Kind.CODE_WRITE, faults.kind());
            assertNull(fixture.translator.findBlock(TEXT + 0x1000));
            assertFalse(guest.mmu.isCodeFrame(0x20_1000));
        }

        @Test
        void aWriteToItsOwnFrameIsSteppedAlone() {
            transport.process.setGpr(GuestState.RBX, TEXT + 0x800);
            stopAt("c6 03 90");
            TranslationBlock block = fixture.translator.findBlock(TEXT);
            transport.scripts.add(
                    () -> {
                        // Behind the store: gs, opcode, ModRM, immediate.
                        transport.hostRip = block.entryHva() + 4;
                        return ExitTransport.Stop.STEP;
                    });
            assertEquals(Resume.LOADED, faultAt(FakeTransport.hva(TEXT + 0x800)));
            assertEquals(1, transport.singleSteps);
            assertEquals(TEXT + 3, state.rip());
            assertNull(fixture.translator.findBlock(TEXT), "translated anew with what it stored");
        }

        @Test
        void aStoreToOwnCodeThatReachesIntoAnAbsentPageIsDoneLater() {
            transport.process.setGpr(GuestState.RBX, TEXT + 0xffc);
            stopAt("48 89 03");
            transport.scripts.add(
                    () -> {
                        transport.faultHva = FakeTransport.hva(TEXT + 0x1000);
                        return ExitTransport.Stop.FAULT;
                    });
            assertEquals(Resume.LOADED, faultAt(FakeTransport.hva(TEXT + 0xffc)));
            assertEquals(TEXT, state.rip(), "runs again");
            assertNull(fixture.translator.findBlock(TEXT), "or it would store unseen");
        }

        @Test
        void aWriteToAReadOnlyUserPageWithoutWriteProtectIsSteppedAlone() {
            guest.mmu.setWriteProtect(false);
            guest.pageTables.map(
                    USER_DATA, 0x8_0000, GuestTables.SIZE_4K, GuestTables.P | GuestTables.U);
            fixture.translator.addDynamic(new long[] {TEXT});
            transport.process.setGpr(GuestState.RBX, USER_DATA);
            stopAt("c6 03 90");
            TranslationBlock block = fixture.translator.findBlock(TEXT);
            transport.scripts.add(
                    () -> {
                        assertEquals(USER_DATA, guest.commands.word(0, 1));
                        assertEquals(7, guest.commands.word(0, 3), "read, write, execute");
                        guest.commands.clear();
                        transport.hostRip = block.entryHva();
                        return ExitTransport.Stop.STEP;
                    });
            assertEquals(Resume.LOADED, faultAt(USER_DATA));
            assertEquals(Kind.KERNEL_PAGE, faults.kind());
            assertEquals(1, transport.singleSteps);
            assertEquals(11, guest.commands.word(0, 0), "unmapped");
            assertEquals(USER_DATA, guest.commands.word(0, 1));
        }

        @Test
        void anExceptionFrameOnTranslatedCodeDropsItsBlocks() {
            long stackPage = GuestFixture.KERNEL_RSP - 0x1000;
            guest.put(stackPage, 0xf4);
            fixture.translator.blockAt(stackPage);
            guest.unmap(FREE);
            stopAt("48 8b 43 08");
            assertEquals(Resume.LOADED, faultAt(FakeTransport.hva(FREE + 8)));
            assertHandler(Vector.PF);
            assertNull(fixture.translator.findBlock(stackPage));
        }

        @Test
        void anAbsentBranchTableEntryIsFilledForItsTarget() {
            fixture.put(TEXT + 0x100, "f4");
            transport.hostRip = 0;
            transport.process.setGpr(GuestState.RCX, TEXT + 0x100);
            guest.page.set(VcpuPageLayout.SPILL_RCX, 0x77);
            assertEquals(Resume.LOADED, faultAt(0));
            assertEquals(Kind.BRANCH_MISS, faults.kind());
            assertEquals(TEXT + 0x100, state.rip());
            assertEquals(0x77, state.gpr(GuestState.RCX));
        }

        @Test
        void aHostAddressThatIsNothingOfOursEndsTheGuest() {
            transport.hostRip = 0x1234_5000;
            assertThrows(GuestDiedException.class, () -> faultAt(0x1234_5000));
        }

        @Test
        void aFaultThatTheInstructionCannotHaveCausedIsABugOfTheMonitor() {
            stopAt("48 8b 03");
            assertThrows(
                    IllegalStateException.class, () -> faultAt(FakeTransport.hva(FREE + 0x4000)));
        }

        @ParameterizedTest(name = "signal {0} code {1} is vector {2}")
        @CsvSource({"4, 2, 6", "8, 1, 0", "8, 3, 19", "7, 1, 17"})
        void otherSignalsAreOtherExceptions(int signal, int code, int vector) {
            stopAt("0f 58 03");
            transport.signal = signal;
            transport.signalCode = code;
            assertEquals(Resume.LOADED, faults.onKernelFault());
            assertHandler(vector);
            assertEquals(signal, transport.signal());
        }
    }

    @Nested
    final class InTheGate {
        @Test
        void aFrameThatIsNotMappedYetIsMappedAndTheIretStartsAnew() {
            fixture.put(TEXT, "48 cf");
            guest.page.set(VcpuPageLayout.STUB_GUEST_RIP, TEXT);
            transport.hostRip = placeBefore();
            assertEquals(
                    Resume.LOADED, faultAt(FakeTransport.hva(GuestFixture.KERNEL_RSP - 0x1000)));
            assertEquals(TEXT, state.rip());
            assertEquals(Kind.KERNEL_PAGE, faults.kind());
            assertTrue(guest.commands.count() > 0);
        }

        @Test
        void aBadFrameIsAProtectionFaultOfTheIret() {
            fixture.put(TEXT, "48 cf");
            guest.page.set(VcpuPageLayout.STUB_GUEST_RIP, TEXT);
            transport.hostRip = placeBefore();
            assertEquals(Resume.LOADED, protectionFault());
            assertHandler(Vector.GP);
            assertEquals(TEXT, pushed(1));
        }

        private long placeBefore() {
            GatePosition position = new GatePosition();
            for (long hva = fixture.gate.iretHva(); ; hva++) {
                fixture.gate.locate(hva, position);
                if (position.kind() == GatePosition.Kind.BEFORE) {
                    return hva;
                }
            }
        }
    }

    @Nested
    final class InUserMode {
        @BeforeEach
        void startInUserMode() {
            transport.kernel = false;
            transport.process.setRip(USER_CODE);
            transport.process.setGpr(GuestState.RSP, 0x7fff_0000_1000L);
            transport.process.setGpr(GuestState.RBX, USER_DATA);
            fixture.mapUser(USER_CODE, "90");
        }

        private Resume faultOn(String hex, long gva) {
            fixture.mapUser(USER_CODE, hex);
            transport.signal = SIGSEGV;
            transport.signalCode = SEGV_MAPERR;
            transport.faultHva = gva;
            return faults.onUserFault();
        }

        @Test
        void itsFirstFaultClosesTheLowWindow() {
            faultOn("90", USER_CODE);
            assertFalse(guest.mmu.isLowWindowOpen());
        }

        @Test
        void codeThatTheGuestHasIsMapped() {
            assertEquals(Resume.UNCHANGED, faultOn("90", USER_CODE));
            assertEquals(Kind.USER_PAGE, faults.kind());
        }

        @ParameterizedTest(name = "{1}")
        @CsvSource({
            "48 8b 03,        load,  4",
            "48 89 03,        store, 6",
            "f0 48 0f b1 0b,  cas,   6",
            "f3 a4,           movsb, 6",
            "48 0f ae 23,     xsave, 6",
        })
        void dataItHasNotIsAPageFault(String bytes, String what, int errorCode) {
            transport.process.setGpr(GuestState.RDI, USER_DATA);
            transport.process.setGpr(GuestState.RCX, 1);
            assertEquals(Resume.LOADED, faultOn(bytes, USER_DATA));
            assertHandler(Vector.PF);
            assertEquals(errorCode, pushed(0), what);
            assertEquals(USER_CODE, pushed(1));
            assertEquals(0x33, pushed(2));
        }

        @Test
        void thePageItHasNotIsAskedForOnReturn() {
            faultOn("48 8b 03", USER_DATA + 8);
            assertEquals(USER_DATA, guest.page.get(VcpuPageLayout.PREMAP_GVA));
        }

        @Test
        void codeItHasNotIsAFetchFault() {
            transport.process.setRip(USER_DATA);
            assertEquals(Resume.LOADED, faultOn("90", USER_DATA));
            assertEquals(0x14, pushed(0));
        }

        @Test
        void anInstructionThatReachesIntoAnAbsentPageIsAFetchFaultThere() {
            transport.process.setRip(USER_CODE + 0xffd);
            guest.memory.write(0x30_0ffd, Code.bytes("48 8b 05"));
            assertEquals(Resume.LOADED, faultOn("90", USER_CODE + 0x1000));
            assertHandler(Vector.PF);
            assertEquals(0x14, pushed(0));
            assertEquals(USER_CODE + 0x1000, guest.control.cr2());
        }

        @Test
        void dataBehindTheLastInstructionOfAPageIsNoFetch() {
            long lastRip = USER_CODE + 0xffd;
            fixture.mapUser(USER_CODE, "90");
            guest.memory.write(0x30_0ffd, Code.bytes("48 8b 03"));
            transport.process.setRip(lastRip);
            transport.process.setGpr(GuestState.RBX, USER_CODE + 0x1000);
            guest.pageTables.map(
                    USER_CODE + 0x1000,
                    0x8_0000,
                    GuestTables.SIZE_4K,
                    GuestTables.P | GuestTables.U | GuestTables.NX);
            transport.signal = SIGSEGV;
            transport.signalCode = SEGV_MAPERR;
            transport.faultHva = USER_CODE + 0x1000;
            assertEquals(Resume.UNCHANGED, faults.onUserFault());
            assertEquals(Kind.USER_PAGE, faults.kind());
        }

        @Test
        void aKernelAddressIsDenied() {
            transport.process.setGpr(GuestState.RBX, FREE);
            assertEquals(Resume.LOADED, faultOn("48 8b 03", FREE));
            assertHandler(Vector.PF);
            assertEquals(5, pushed(0));
            assertTrue(guest.commands.isEmpty());
        }

        @Test
        void aPrivilegedInstructionIsAProtectionFault() {
            fixture.mapUser(USER_CODE, "f4");
            assertEquals(Resume.LOADED, protectionFault());
            assertHandler(Vector.GP);
            assertEquals(0, pushed(0));
        }

        /** in (%dx), out imm8, out (%dx) of 2 bytes; ins and outs are never allowed. */
        @ParameterizedTest
        @CsvSource({
            "ec, 0x510, true",
            "e6 90, 0, true",
            "66 ef, 0x510, true",
            "ec, 0x514, false",
            "6c, 0x510, false",
            "6e, 0x510, false"
        })
        void aPortIsReachedWhereTheGuestAllowsIt(String bytes, String port, boolean allowed)
                throws GuestPageFaultException {
            allowPorts(0x90, 0x510, 0x511);
            List<String> accesses = new ArrayList<>();
            PortDevice device = new PortLog(accesses);
            fixture.ports.register(0x510, 8, device);
            fixture.ports.register(0x90, 1, device);
            transport.process.setGpr(GuestState.RDX, Integer.decode(port));
            fixture.mapUser(USER_CODE, bytes);
            assertEquals(Resume.LOADED, protectionFault());
            assertEquals(allowed ? 1 : 0, accesses.size(), accesses::toString);
            if (allowed) {
                assertEquals(Kind.INSTRUCTION, faults.kind());
                assertEquals(USER_CODE + Code.bytes(bytes).length, state.rip());
                assertFalse(state.isKernelMode());
            } else {
                assertHandler(Vector.GP);
                assertEquals(0, pushed(0));
                assertEquals(USER_CODE, pushed(1));
            }
        }

        private void allowPorts(int... ports) throws GuestPageFaultException {
            long low = guest.getLong(GuestFixture.GDT + GuestFixture.TASK);
            guest.descriptor(GuestFixture.TASK, (low & ~0xffffL) | 0x1ff);
            guest.setLong(GuestFixture.TSS + 96, 0x80L << 48);
            for (int i = 0x80; i < 0x200; i += 8) {
                guest.setLong(GuestFixture.TSS + i, -1);
            }
            for (int port : ports) {
                long gva = GuestFixture.TSS + 0x80 + port / 64 * 8L;
                guest.setLong(gva, guest.getLong(gva) & ~(1L << port % 64));
            }
            guest.tables.loadTaskRegister(GuestFixture.TASK);
        }

        @Test
        void anInterruptInstructionOfAClosedGateIsAProtectionFaultWithTheVector() {
            fixture.mapUser(USER_CODE, "cd 81");
            assertEquals(Resume.LOADED, protectionFault());
            assertHandler(Vector.GP);
            assertEquals(0x81 * 8 + 2, pushed(0));
            assertEquals(USER_CODE, pushed(1));
        }

        @Test
        void anInterruptInstructionOfAnOpenGateEntersIt() {
            guest.gate(0x81, GuestFixture.INTERRUPT_GATE, 0, 3);
            fixture.mapUser(USER_CODE, "cd 81");
            assertEquals(Resume.LOADED, protectionFault());
            assertHandler(0x81);
            assertEquals(USER_CODE + 2, pushed(0));
        }

        @ParameterizedTest(name = "signal {0} code {1} at {2} is vector {3}")
        @CsvSource({
            "4, 2, 0f 0b, 6",
            "8, 1, f7 f3, 0",
            "8, 3, 0f 58 03, 19",
            "8, 3, d8 03, 16",
            "8, 3, 9b, 16",
            "7, 1, 48 8b 03, 17",
        })
        void signalsAreExceptions(int signal, int code, String bytes, int vector) {
            fixture.mapUser(USER_CODE, bytes);
            transport.signal = signal;
            transport.signalCode = code;
            assertEquals(Resume.LOADED, faults.onUserFault());
            assertHandler(vector);
        }

        @Test
        void aBreakpointEntersItsGateWithRipBehindIt() {
            guest.gate(Vector.BP, GuestFixture.INTERRUPT_GATE, 0, 3);
            transport.process.setRip(USER_CODE + 1);
            transport.signal = SIGTRAP;
            transport.signalCode = SI_KERNEL;
            faults.onUserFault();
            assertHandler(Vector.BP);
            assertEquals(USER_CODE + 1, pushed(0));
        }

        @Test
        void aSingleStepIsADebugTrap() {
            transport.signal = SIGTRAP;
            transport.signalCode = 2;
            faults.onUserFault();
            assertHandler(Vector.DB);
            assertEquals(USER_CODE, pushed(0));
        }

        @Test
        void lostRamIsNotTheGuestsFault() {
            transport.signal = SIGBUS;
            transport.signalCode = 2;
            assertThrows(IllegalStateException.class, faults::onUserFault);
        }

        @Test
        void unknownSignalsAreABugOfTheMonitor() {
            transport.signal = 31;
            assertThrows(IllegalStateException.class, faults::onUserFault);
        }
    }

    /** A device register that reads as a constant. */
    private static final class Constant implements MmioDevice {
        @Override
        public long read(long offset, int widthBytes) {
            return 0x1234_5678;
        }

        @Override
        public void write(long offset, int widthBytes, long value) {}
    }

    /** Notes every access. */
    private record PortLog(List<String> accesses) implements PortDevice {
        @Override
        public int in(int port, int widthBytes) {
            accesses.add("in " + port);
            return 0;
        }

        @Override
        public void out(int port, int widthBytes, int value) {
            accesses.add("out " + port);
        }
    }
}
