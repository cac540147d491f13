// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.decode.BranchKind;
import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.Mnemonic;

/**
 * Decoded guest code with one entry and, as it goes on past conditional jumps, several exits.
 * Reusable. Ends after an unconditional branch or an instruction the monitor must emulate, at the
 * end of the page, and at {@link #MAX_INSTRUCTIONS}. An instruction that crosses into the next page
 * is the last one.
 */
final class BasicBlock {
    /** Bounds the emitted size and what one store into the page throws away. Arbitrary. */
    static final int MAX_INSTRUCTIONS = 64;

    private final Instruction[] instructions = new Instruction[MAX_INSTRUCTIONS];
    private final int[] offset = new int[MAX_INSTRUCTIONS + 1];
    private final boolean[] undefined = new boolean[MAX_INSTRUCTIONS];
    private long guestRip;
    private int count;
    private byte[] bytes;
    private int start;
    private boolean crossesPage;

    BasicBlock() {
        for (int i = 0; i < MAX_INSTRUCTIONS; i++) {
            instructions[i] = new Instruction();
        }
    }

    /**
     * Decodes from a guest RIP on.
     *
     * <p>Postcondition: {@link #count} is 0 exactly if the first instruction crosses into a page
     * that is not mapped.
     */
    void decode(CodePages pages, int slot, long firstGuestRip) {
        guestRip = firstGuestRip;
        bytes = pages.bytes(slot);
        start = (int) firstGuestRip & (CodePages.PAGE_SIZE - 1);
        count = 0;
        crossesPage = false;
        int position = start;
        while (count < MAX_INSTRUCTIONS && position < CodePages.PAGE_SIZE) {
            Instruction in = instructions[count];
            int limit = Math.min(pages.length(slot), CodePages.PAGE_SIZE);
            int length = Decoder.decode(bytes, position, limit, in);
            if (length == Decoder.TRUNCATED) {
                pages.extend(slot);
                length = Decoder.decode(bytes, position, pages.length(slot), in);
                if (length == Decoder.TRUNCATED) {
                    break;
                }
                crossesPage = length > 0;
            }
            offset[count] = position - start;
            undefined[count] = length < 0;
            position += Math.max(length, 1);
            count++;
            if (length < 0 || endsHere(in)) {
                break;
            }
        }
        offset[count] = position - start;
    }

    private static boolean endsHere(Instruction in) {
        return switch (in.branch()) {
            case JCC -> false;
            case NONE ->
                    in.isSensitive()
                            && (in.mnemonic() == Mnemonic.SYSRET || !SystemRules.isInline(in));
            default -> true;
        };
    }

    /** GVA of the first instruction. */
    long guestRip() {
        return guestRip;
    }

    int count() {
        return count;
    }

    int byteCount() {
        return offset[count];
    }

    /** Whether the last instruction reaches into the next page. */
    boolean crossesPage() {
        return crossesPage;
    }

    Instruction instruction(int i) {
        return instructions[i];
    }

    /** Offset of instruction {@code i} from the block's guest RIP; of {@code count}, the end. */
    int offset(int i) {
        return offset[i];
    }

    /** Whether instruction {@code i} is no instruction, so that executing it raises #UD. */
    boolean isUndefined(int i) {
        return undefined[i];
    }

    /**
     * Whether the last instruction is none. Bytes behind it, which the block does not count as its
     * own, may have decided that.
     */
    boolean endsUndefined() {
        return count > 0 && undefined[count - 1];
    }

    byte[] bytes() {
        return bytes;
    }

    /** Index in {@link #bytes} of instruction {@code i}. */
    int position(int i) {
        return start + offset[i];
    }

    boolean is(int i, Mnemonic mnemonic) {
        return i < count && !undefined[i] && instructions[i].mnemonic() == mnemonic;
    }

    /**
     * Whether nobody will look at the arithmetic flags that instruction {@code i} writes.
     *
     * <p>Calls, returns and indirect jumps count as overwriting all flags: no code passes flags
     * through them (docs/decisions/003). A direct jump out of the block may lead to a reader.
     */
    boolean flagsDeadAfter(int i) {
        int live = Instruction.FLAGS_ARITHMETIC;
        for (int j = i + 1; j < count; j++) {
            if (undefined[j]) {
                return false;
            }
            Instruction in = instructions[j];
            if ((in.flagsRead() & live) != 0) {
                return false;
            }
            live &= ~in.flagsKilled();
            if (live == 0) {
                return true;
            }
            switch (in.branch()) {
                case CALL, RET, INDIRECT_JMP, INDIRECT_CALL -> {
                    return true;
                }
                case FAR -> {
                    return in.mnemonic() == Mnemonic.IRET;
                }
                case NONE, JMP, JCC, LOOP, JRCXZ -> {
                    if (in.mnemonic() == Mnemonic.SYSRET) {
                        return true;
                    }
                    if (in.branch() != BranchKind.NONE) {
                        return false;
                    }
                }
            }
        }
        return false;
    }
}
