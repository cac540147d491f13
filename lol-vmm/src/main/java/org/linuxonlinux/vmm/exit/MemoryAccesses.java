// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.mmu.Access;

/**
 * The memory that one instruction touches, computed from its operands and the registers before it.
 *
 * <p>Under ptrace the host hides whether a fault was a read or a write, and a folded address does
 * not tell its GVA; the instruction does. Reused; vCPU thread only.
 */
final class MemoryAccesses {
    private static final int MAX_ACCESSES = 4;

    /** Upper bound of operands without a fixed size: the largest XSAVE area plus slack. */
    private static final int UNSIZED_OPERAND_BYTES = 16384;

    private static final int MAP_0F = 1;

    private final ControlState control;
    private final long[] gvas = new long[MAX_ACCESSES];
    private final int[] sizes = new int[MAX_ACCESSES];
    private final Access[] kinds = new Access[MAX_ACCESSES];
    private final boolean[] stack = new boolean[MAX_ACCESSES];

    private int count;
    private Access fallback = Access.READ;

    MemoryAccesses(ControlState control) {
        this.control = control;
    }

    /** Lists the accesses of an instruction about to run at {@code guestRip}. */
    void collect(Instruction instruction, long guestRip, GuestState state) {
        count = 0;
        int stackBytes = instruction.stackAccessSize();
        fallback = instruction.memoryWritten() ? Access.WRITE : Access.READ;
        if (instruction.memoryOperandRead() || instruction.memoryOperandWritten()) {
            long gva = EffectiveAddress.of(instruction, guestRip, state, control);
            gva += bitOffsetBytes(instruction, state);
            if (instruction.stackPop() && instruction.base() == GuestState.RSP) {
                // POP computes its destination's address after it has moved RSP.
                gva += stackBytes;
            }
            add(
                    gva,
                    instruction.memoryOperandSize(),
                    instruction.memoryOperandWritten(),
                    instruction.base() == GuestState.RSP);
        }
        if (instruction.stringOp().usesDi()) {
            long offset = EffectiveAddress.wrapped(instruction, state.gpr(GuestState.RDI));
            addString(instruction, offset, isStringWrite(instruction));
        }
        if (instruction.stringOp().usesSi()) {
            long offset = EffectiveAddress.wrapped(instruction, state.gpr(GuestState.RSI));
            long base = EffectiveAddress.segmentBase(instruction, control);
            addString(instruction, offset + base, false);
        }
        if (instruction.stackPush()) {
            add(state.gpr(GuestState.RSP) - stackBytes, stackBytes, true, true);
        }
        if (instruction.stackPop()) {
            boolean leave = instruction.map() == 0 && instruction.opcode() == 0xc9;
            int pointer = leave ? GuestState.RBP : GuestState.RSP;
            add(state.gpr(pointer), stackBytes, false, !leave);
        }
    }

    private static boolean isStringWrite(Instruction instruction) {
        return switch (instruction.stringOp()) {
            case MOVS, STOS, INS -> true;
            default -> false;
        };
    }

    private void addString(Instruction instruction, long gva, boolean written) {
        add(gva, instruction.stringElementSize(), written, false);
    }

    private void add(long gva, int sizeBytes, boolean written, boolean onStack) {
        gvas[count] = gva;
        sizes[count] = sizeBytes == 0 ? UNSIZED_OPERAND_BYTES : sizeBytes;
        kinds[count] = written ? Access.WRITE : Access.READ;
        stack[count] = onStack;
        count++;
    }

    /** BT, BTS, BTR and BTC with a register index reach beyond their operand. */
    private static long bitOffsetBytes(Instruction instruction, GuestState state) {
        if (instruction.map() != MAP_0F) {
            return 0;
        }
        switch (instruction.opcode()) {
            case 0xa3:
            case 0xab:
            case 0xb3:
            case 0xbb:
                long index = state.gpr(instruction.reg());
                switch (instruction.operandSizeBytes()) {
                    case 2:
                        return ((long) (short) index >> 4) << 1;
                    case 4:
                        return ((long) (int) index >> 5) << 2;
                    default:
                        return (index >> 6) << 3;
                }
            default:
                return 0;
        }
    }

    int count() {
        return count;
    }

    long gva(int index) {
        return gvas[index];
    }

    int sizeBytes(int index) {
        return sizes[index];
    }

    Access access(int index) {
        return kinds[index];
    }

    /** Whether it goes through RSP, which is always folded. */
    boolean isStack(int index) {
        return stack[index];
    }

    /** Whether the byte at {@code gva} is written; of what the list does not cover, a guess. */
    Access accessAt(long gva) {
        for (int i = 0; i < count; i++) {
            if (gva - gvas[i] >= 0 && gva - gvas[i] < sizes[i]) {
                return kinds[i];
            }
        }
        return fallback;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i < count; i++) {
            text.append(String.format(" %s 0x%x+%d", kinds[i], gvas[i], sizes[i]));
        }
        return text.append(" ]").toString();
    }
}
