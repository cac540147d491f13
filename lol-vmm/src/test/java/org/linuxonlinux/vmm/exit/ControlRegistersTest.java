// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestState.RAX;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.GuestTables;
import org.linuxonlinux.vmm.mmu.Mmu;

final class ControlRegistersTest extends InstructionTestBase {
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
}
