// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestFixture.KERNEL_RSP;
import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RBX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;

final class SegmentInstructionsTest extends InstructionTestBase {
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
            completes("8e e8");
            assertEquals(0x1234_5678L, control.gsBase());
            assertEquals(2, fixture.transport.basesChanged);
        }

        @Test
        void loadsAreDoneByTheContextProcess() {
            state.setGpr(RAX, 0x2b);
            completes("8e d8");
            completes("8e e8");
            assertEquals(1 << ControlState.DS | 1 << ControlState.GS, control.segmentsToLoad());
        }

        @Test
        void theKernelsOwnSegmentsAreNoneOfTheHosts() {
            state.setGpr(RAX, 0x18);
            completes("8e d8");
            assertEquals(0, control.selector(ControlState.DS));
        }

        @Test
        void threadLocalSegmentsBecomeTheHosts() {
            guest.descriptor(0x60, 0x12cf_f334_5678_ffffL);
            state.setGpr(RAX, 0x63);
            completes("8e e8");
            assertEquals(0x63, control.selector(ControlState.GS));
            assertEquals(1, guest.commands.count());
            assertEquals(-HostCommandQueue.I386_SET_THREAD_AREA, guest.commands.word(0, 0));
            assertEquals(12 | 0x1234_5678L << 32, guest.page.get(VcpuPageLayout.THREAD_AREAS));
            assertEquals(0xf_ffffL | 0x11L << 32, guest.page.get(VcpuPageLayout.THREAD_AREAS + 8));
            completes("8e e8");
            assertEquals(1, guest.commands.count());
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
}
