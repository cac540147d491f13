// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RBX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RDX;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.Mmu;

final class InstructionEmulatorTest extends InstructionTestBase {
    @ParameterizedTest
    @ValueSource(strings = {"0f 0b", "0f 05", "0f 01 ca", "0f 01 cb", "0f a7 c0", "f3 0f a6 c8"})
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

    @Test
    void processorIdComesFromTscAux() {
        fixture.msrs.write(0xc000_0103, 5);
        completes("f3 0f c7 f8");
        assertEquals(5, state.gpr(RAX));
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
}
