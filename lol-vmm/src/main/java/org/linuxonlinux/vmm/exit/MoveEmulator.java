// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.GuestState;

/**
 * Moves between memory and a register or immediate: MOV, MOVZX, MOVSX and MOVSXD. vCPU thread only.
 */
final class MoveEmulator {
    /**
     * What the memory operand stands for. Sizes are 1, 2, 4 or 8 bytes; of a value written, the
     * bits above its size mean nothing.
     */
    interface Memory<X extends Exception> {
        long read(long address, int sizeBytes) throws X;

        void write(long address, int sizeBytes, long value) throws X;
    }

    private static final int MAP_ONE_BYTE = 0;
    private static final int MAP_0F = 1;

    private final GuestState state;

    MoveEmulator(GuestState state) {
        this.state = state;
    }

    /**
     * Performs a move; RIP stays.
     *
     * @param address of the memory operand, in the memory's terms
     * @return false = the instruction is another one, nothing happened
     */
    <X extends Exception> boolean perform(Instruction in, long address, Memory<X> memory) throws X {
        int size = in.operandSizeBytes();
        if (in.map() == MAP_ONE_BYTE) {
            switch (in.opcode()) {
                case 0x63:
                    long value = memory.read(address, size == 2 ? 2 : 4);
                    state.setGpr(in.reg(), size, size == 8 ? (int) value : value);
                    return true;
                case 0x88:
                    memory.write(address, 1, byteRegister(in, in.reg()));
                    return true;
                case 0x89:
                    memory.write(address, size, state.gpr(in.reg()));
                    return true;
                case 0x8a:
                    setByteRegister(in, in.reg(), memory.read(address, 1));
                    return true;
                case 0x8b:
                    state.setGpr(in.reg(), size, memory.read(address, size));
                    return true;
                case 0xa0:
                    state.setGpr(GuestState.RAX, 1, memory.read(address, 1));
                    return true;
                case 0xa2:
                    memory.write(address, 1, state.gpr(GuestState.RAX));
                    return true;
                case 0xa1:
                    state.setGpr(GuestState.RAX, size, memory.read(address, size));
                    return true;
                case 0xa3:
                    memory.write(address, size, state.gpr(GuestState.RAX));
                    return true;
                case 0xc6:
                    memory.write(address, 1, in.imm());
                    return true;
                case 0xc7:
                    memory.write(address, size, in.imm());
                    return true;
                default:
                    return false;
            }
        }
        if (in.map() == MAP_0F) {
            switch (in.opcode()) {
                case 0xb6:
                    state.setGpr(in.reg(), size, memory.read(address, 1) & 0xff);
                    return true;
                case 0xb7:
                    state.setGpr(in.reg(), size, memory.read(address, 2) & 0xffff);
                    return true;
                case 0xbe:
                    state.setGpr(in.reg(), size, (byte) memory.read(address, 1));
                    return true;
                case 0xbf:
                    state.setGpr(in.reg(), size, (short) memory.read(address, 2));
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
