// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestFixture.KERNEL_RSP;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Vector;

final class FarTransfersTest extends InstructionTestBase {
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
}
