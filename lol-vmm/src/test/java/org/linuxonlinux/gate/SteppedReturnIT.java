// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.exit.ExitTransport;
import org.linuxonlinux.vmm.exit.PtraceTransport;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;

/** An interrupt in the sysret stub: the vCPU steps on until the guest is in user mode. */
final class SteppedReturnIT {
    private static final int MAX_STEPS = 60;
    private static final long USER_FLAGS = 0x246;

    /**
     * The steps' trap flag must not reach the guest: it would take a debug exception at its first
     * user instruction.
     */
    @Test
    void userModeBeginsWithoutTheTrapFlag() {
        try (GateProcess gate = new GateProcess()) {
            gate.registers.setGpr(GuestState.RCX, GateProcess.USER_CODE_HVA);
            gate.registers.setGpr(GuestState.R11, USER_FLAGS);
            gate.registers.setRsp(GateProcess.STACK_HVA + GateProcess.STACK_SIZE_BYTES / 2);
            gate.enterKernelCode(gate.gate.sysretHva());
            ControlState control = new ControlState(gate.page);
            PtraceTransport transport =
                    new PtraceTransport(
                            gate.process,
                            gate.page,
                            control,
                            gate.gate,
                            new HostCommandQueue(),
                            false);
            int steps = 0;
            do {
                assertEquals(ExitTransport.Stop.STEP, transport.run(true));
                steps++;
                assertTrue(steps < MAX_STEPS, "not in user mode after " + steps + " steps");
            } while (transport.inKernelMode());
            GuestState state = new GuestState();
            transport.load(state);
            assertEquals(GateProcess.USER_CODE_HVA, state.rip());
            assertEquals(0, state.rflags() & Rflags.TF);
        }
    }
}
