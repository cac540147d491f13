// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.mmu.Access;

/**
 * Performs the moves by which drivers reach device memory: MOV between a register or immediate and
 * memory, MOVZX, MOVSX and MOVSXD. Linux reaches device memory by nothing else
 * (arch/x86/include/asm/io.h).
 */
final class MmioEmulator {
    private static final int MAP_ONE_BYTE = 0;
    private static final int MAP_0F = 1;

    private final GuestState state;
    private final ControlState control;
    private final MmioBus bus;

    MmioEmulator(GuestState state, ControlState control, MmioBus bus) {
        this.state = state;
        this.control = control;
        this.bus = bus;
    }

    /** Performs the instruction at the state's RIP on the device at {@code gpa}. */
    void emulate(Instruction instruction, long gpa, Access access) {
        if (instruction == null || !perform(instruction, gpa)) {
            throw new GuestDiedException(
                    String.format(
                            "device memory accessed by an instruction that is not supported:"
                                    + " guestRip=0x%x, gpa=0x%x, access=%s, kernel=%b, cr3=0x%x",
                            state.rip(), gpa, access, state.isKernelMode(), control.cr3()));
        }
        state.setRip(state.rip() + instruction.length());
    }

    private boolean perform(Instruction in, long gpa) {
        int size = in.operandSizeBytes();
        if (in.map() == MAP_ONE_BYTE) {
            switch (in.opcode()) {
                case 0x63:
                    long value = bus.read(gpa, size == 2 ? 2 : 4);
                    state.setGpr(in.reg(), size, size == 8 ? (int) value : value);
                    return true;
                case 0x88:
                    bus.write(gpa, 1, byteRegister(in, in.reg()));
                    return true;
                case 0x89:
                    bus.write(gpa, size, state.gpr(in.reg()));
                    return true;
                case 0x8a:
                    setByteRegister(in, in.reg(), bus.read(gpa, 1));
                    return true;
                case 0x8b:
                    state.setGpr(in.reg(), size, bus.read(gpa, size));
                    return true;
                case 0xa0:
                    state.setGpr(GuestState.RAX, 1, bus.read(gpa, 1));
                    return true;
                case 0xa2:
                    bus.write(gpa, 1, state.gpr(GuestState.RAX));
                    return true;
                case 0xa1:
                    state.setGpr(GuestState.RAX, size, bus.read(gpa, size));
                    return true;
                case 0xa3:
                    bus.write(gpa, size, state.gpr(GuestState.RAX));
                    return true;
                case 0xc6:
                    bus.write(gpa, 1, in.imm());
                    return true;
                case 0xc7:
                    bus.write(gpa, size, in.imm());
                    return true;
                default:
                    return false;
            }
        }
        if (in.map() == MAP_0F) {
            switch (in.opcode()) {
                case 0xb6:
                    state.setGpr(in.reg(), size, bus.read(gpa, 1) & 0xff);
                    return true;
                case 0xb7:
                    state.setGpr(in.reg(), size, bus.read(gpa, 2) & 0xffff);
                    return true;
                case 0xbe:
                    state.setGpr(in.reg(), size, (byte) bus.read(gpa, 1));
                    return true;
                case 0xbf:
                    state.setGpr(in.reg(), size, (short) bus.read(gpa, 2));
                    return true;
                default:
                    return false;
            }
        }
        return false;
    }

    /** Without REX, encodings 4..7 of a byte register are AH, CH, DH, BH. */
    private long byteRegister(Instruction in, int register) {
        boolean high = in.rex() == 0 && register >= 4 && register < 8;
        return high ? (state.gpr(register - 4) >>> 8) & 0xff : state.gpr(register) & 0xff;
    }

    private void setByteRegister(Instruction in, int register, long value) {
        boolean high = in.rex() == 0 && register >= 4 && register < 8;
        if (high) {
            long old = state.gpr(register - 4);
            state.setGpr(register - 4, (old & ~0xff00L) | ((value & 0xff) << 8));
        } else {
            state.setGpr(register, 1, value);
        }
    }
}
