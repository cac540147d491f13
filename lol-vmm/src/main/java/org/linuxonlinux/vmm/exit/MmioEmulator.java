// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.mmu.Access;

/**
 * Performs the moves by which drivers reach device memory. Linux reaches device memory by nothing
 * else (arch/x86/include/asm/io.h).
 */
final class MmioEmulator {
    private final GuestState state;
    private final ControlState control;
    private final MoveEmulator moves;
    private final MoveEmulator.Memory<RuntimeException> devices;

    MmioEmulator(GuestState state, ControlState control, MmioBus bus) {
        this.state = state;
        this.control = control;
        this.moves = new MoveEmulator(state);
        this.devices =
                new MoveEmulator.Memory<>() {
                    @Override
                    public long read(long gpa, int sizeBytes) {
                        return bus.read(gpa, sizeBytes);
                    }

                    @Override
                    public void write(long gpa, int sizeBytes, long value) {
                        bus.write(gpa, sizeBytes, value);
                    }
                };
    }

    /** Performs the instruction at the state's RIP on the device at {@code gpa}. */
    void emulate(Instruction instruction, long gpa, Access access) {
        if (instruction == null || !moves.perform(instruction, gpa, devices)) {
            throw new GuestDiedException(
                    String.format(
                            "device memory accessed by an instruction that is not supported:"
                                    + " guestRip=0x%x, gpa=0x%x, access=%s, kernel=%b, cr3=0x%x",
                            state.rip(), gpa, access, state.isKernelMode(), control.cr3()));
        }
        state.setRip(state.rip() + instruction.length());
    }
}
