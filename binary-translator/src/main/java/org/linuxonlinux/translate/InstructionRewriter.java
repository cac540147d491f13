// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.decode.Encoding;
import org.linuxonlinux.decode.Instruction;

/**
 * Re-encodes a guest instruction with another segment prefix, memory operand or register in place
 * of RSP, without knowing what it does. Works on any encoding of LEGACY, VEX and EVEX kind;
 * prefixes, opcode, operand size, vector length, masks and immediates stay as they are.
 */
final class InstructionRewriter {
    /** Segment argument: no prefix. */
    static final int NO_SEGMENT = 0;

    /** Segment argument: FS prefix byte. */
    static final int FS = 0x64;

    /** Segment argument: GS prefix byte. */
    static final int GS = 0x65;

    /** Slot bit: ModRM.reg is replaced. */
    static final int SLOT_REG = 1;

    /** Slot bit: ModRM.rm (of register form) is replaced. */
    static final int SLOT_RM = 2;

    /** Slot bit: the low bits of the opcode are replaced. */
    static final int SLOT_OPCODE = 4;

    /** Slot bit: VEX.vvvv is replaced. */
    static final int SLOT_VVVV = 8;

    private static final int SEGMENT_PREFIXES =
            Instruction.PREFIX_ES
                    | Instruction.PREFIX_CS
                    | Instruction.PREFIX_SS
                    | Instruction.PREFIX_DS
                    | Instruction.PREFIX_FS
                    | Instruction.PREFIX_GS;

    private enum MemoryForm {
        KEEP,
        ABSOLUTE,
        SUM,
        NEW_BASE
    }

    private final CodeBuffer code;

    // The instruction being rewritten: its bytes start at source[start].
    private byte[] source;
    private int start;
    private Instruction in;

    // What to change.
    private MemoryForm form;
    private int base;
    private int index;
    private int disp32;
    private int slots;
    private int substitute;

    InstructionRewriter(CodeBuffer code) {
        this.code = code;
    }

    /** Selects the instruction that the other methods emit. */
    void select(byte[] bytes, int offset, Instruction instruction) {
        source = bytes;
        start = offset;
        in = instruction;
    }

    /** Emits the instruction as it is. */
    void copy() {
        code.emit(source, start, in.length());
    }

    /** Emits the instruction with a segment prefix in place of its own. */
    void copyWithSegment(int segment) {
        if (segment != NO_SEGMENT) {
            code.emit8(segment);
        }
        if (!in.hasPrefix(SEGMENT_PREFIXES)) {
            copy();
            return;
        }
        int count = in.legacyPrefixCount();
        for (int i = 0; i < count; i++) {
            int b = source[start + i] & 0xff;
            if (isKeptPrefix(b)) {
                code.emit8(b);
            }
        }
        code.emit(source, start + count, in.length() - count);
    }

    /** Emits the instruction with its memory operand at a sign-extended absolute address. */
    void withAbsolute(int segment, int address) {
        form = MemoryForm.ABSOLUTE;
        disp32 = address;
        slots = 0;
        rewrite(segment);
    }

    /** Emits the instruction with memory operand {@code [base + index]}; base not rbp, r13. */
    void withSum(int baseRegister, int indexRegister) {
        form = MemoryForm.SUM;
        base = baseRegister;
        index = indexRegister;
        slots = 0;
        rewrite(NO_SEGMENT);
    }

    /** Emits the instruction with another base register in place of RSP; not rbp, r13. */
    void withBase(int segment, int baseRegister) {
        form = MemoryForm.NEW_BASE;
        base = baseRegister;
        slots = 0;
        rewrite(segment);
    }

    /** Emits the instruction with another register in the given slots. */
    void withRegister(int segment, int slotBits, int register) {
        form = MemoryForm.KEEP;
        slots = slotBits;
        substitute = register;
        rewrite(segment);
    }

    /** As {@link #withRegister}, and the memory operand at an absolute address. */
    void withRegisterAndAbsolute(int segment, int slotBits, int register, int address) {
        form = MemoryForm.ABSOLUTE;
        disp32 = address;
        slots = slotBits;
        substitute = register;
        rewrite(segment);
    }

    /**
     * Emits another legacy instruction with this one's memory operand.
     *
     * @param halfWord operand size 16 instead of 64 bits
     * @param opcode one byte, or two with 0F above
     * @param register number of its register operand
     */
    void otherWithMemory(int segment, boolean halfWord, int opcode, int register) {
        boolean shortAddress = in.hasPrefix(Instruction.PREFIX_ADDRSIZE);
        int extensions = (in.index() >= 8 ? 2 : 0) | (in.base() >= 8 ? 1 : 0);
        otherOpcode(segment, shortAddress, halfWord, opcode, register >> 3 << 2 | extensions);
        int modRm = source[start + in.modrmOffset()] & 0xff;
        code.emit8((modRm & 0xc7) | (register & 7) << 3);
        int addressing = in.modrmOffset() + 1;
        code.emit(source, start + addressing, addressingEnd() - addressing);
    }

    /** As {@link #otherWithMemory}, at a sign-extended absolute address. */
    void otherWithAbsolute(int segment, boolean halfWord, int opcode, int register, int address) {
        otherOpcode(segment, false, halfWord, opcode, register >> 3 << 2);
        absolute(register, address);
    }

    private void otherOpcode(
            int segment, boolean shortAddress, boolean halfWord, int opcode, int rexBits) {
        if (segment != NO_SEGMENT) {
            code.emit8(segment);
        }
        if (shortAddress) {
            code.emit8(0x67);
        }
        if (halfWord) {
            code.emit8(0x66);
        }
        int rex = 0x40 | (halfWord ? 0 : 8) | rexBits;
        if (rex != 0x40) {
            code.emit8(rex);
        }
        if (opcode > 0xff) {
            code.emit8(opcode >> 8);
        }
        code.emit8(opcode);
    }

    private void rewrite(int segment) {
        if (segment != NO_SEGMENT) {
            code.emit8(segment);
        }
        int p = start + in.legacyPrefixCount();
        for (int i = start; i < p; i++) {
            int b = source[i] & 0xff;
            if (isKeptPrefix(b) && (b != 0x67 || form != MemoryForm.SUM)) {
                code.emit8(b);
            }
        }
        if (in.encoding() == Encoding.LEGACY) {
            rewriteLegacy(p);
        } else if (in.encoding() == Encoding.VEX) {
            rewriteVex(p);
        } else {
            rewriteEvex(p);
        }
        if (in.hasModrm()) {
            rewriteModRm();
        }
        int tail = in.hasModrm() ? addressingEnd() : opcodeEnd();
        code.emit(source, start + tail, in.length() - tail);
    }

    private void rewriteLegacy(int position) {
        int p = position;
        int rex = 0;
        if ((source[p] & 0xf0) == 0x40) {
            rex = source[p++] & 0xff;
        }
        int bits = (rex & 8) | changedBits(rex & 4, rex & 2, rex & 1);
        if (bits != 0 || rex != 0) {
            code.emit8(0x40 | bits);
        }
        int end = start + opcodeEnd();
        code.emit(source, p, end - 1 - p);
        int opcode = source[end - 1];
        if ((slots & SLOT_OPCODE) != 0) {
            opcode = (opcode & 0xf8) | (substitute & 7);
        }
        code.emit8(opcode);
    }

    private void rewriteVex(int p) {
        boolean twoBytes = (source[p] & 0xff) == 0xc5;
        int first = source[p + 1] & 0xff;
        int last = twoBytes ? first & 0x7f : source[p + 2] & 0xff;
        int bits =
                twoBytes
                        ? changedBits((~first >> 5) & 4, 0, 0)
                        : changedBits((~first >> 5) & 4, (~first >> 5) & 2, (~first >> 5) & 1);
        int map = twoBytes ? 1 : first & 0x1f;
        if ((slots & SLOT_VVVV) != 0) {
            last = (last & 0x87) | (~substitute & 15) << 3;
        }
        if (twoBytes && (bits & 3) == 0) {
            code.emit8(0xc5);
            code.emit8((~bits & 4) << 5 | (last & 0x7f));
        } else {
            code.emit8(0xc4);
            code.emit8((~bits & 7) << 5 | map);
            code.emit8(last);
        }
        code.emit8(source[start + opcodeEnd() - 1]);
    }

    private void rewriteEvex(int p) {
        int first = source[p + 1] & 0xff;
        int second = source[p + 2] & 0xff;
        int bits = changedBits((~first >> 5) & 4, (~first >> 5) & 2, (~first >> 5) & 1);
        if ((slots & SLOT_VVVV) != 0) {
            second = (second & 0x87) | (~substitute & 15) << 3;
        }
        code.emit8(0x62);
        code.emit8((~bits & 7) << 5 | (first & 0x1f));
        code.emit8(second);
        code.emit8(source[p + 3]);
        code.emit8(source[start + opcodeEnd() - 1]);
    }

    /** The R, X and B extension bits (as 4, 2, 1) after the change. */
    private int changedBits(int oldR, int oldX, int oldB) {
        int r = (slots & SLOT_REG) != 0 ? substitute >> 3 << 2 : oldR;
        int x = oldX;
        int b = oldB;
        if (form == MemoryForm.ABSOLUTE) {
            x = 0;
            b = 0;
        } else if (form == MemoryForm.SUM) {
            x = index >> 3 << 1;
            b = base >> 3;
        } else if (form == MemoryForm.NEW_BASE) {
            b = base >> 3;
        }
        if ((slots & (SLOT_RM | SLOT_OPCODE)) != 0) {
            b = substitute >> 3;
        }
        return r | x | b;
    }

    private void rewriteModRm() {
        int modRm = source[start + in.modrmOffset()] & 0xff;
        int reg = (slots & SLOT_REG) != 0 ? substitute & 7 : modRm >> 3 & 7;
        if ((slots & SLOT_RM) != 0) {
            modRm = (modRm & 0xf8) | (substitute & 7);
        }
        int addressing = in.modrmOffset() + 1;
        switch (form) {
            case ABSOLUTE -> absolute(reg, disp32);
            case SUM -> {
                code.emit8(reg << 3 | 4);
                code.emit8((index & 7) << 3 | (base & 7));
            }
            case NEW_BASE -> {
                code.emit8((modRm & 0xc7) | reg << 3);
                code.emit8((source[start + addressing] & 0xf8) | (base & 7));
                code.emit(source, start + addressing + 1, addressingEnd() - addressing - 1);
            }
            case KEEP -> {
                code.emit8((modRm & 0xc7) | reg << 3);
                code.emit(source, start + addressing, addressingEnd() - addressing);
            }
        }
    }

    /** ModRM, SIB and disp32 without base and index. */
    private void absolute(int reg, int address) {
        code.emit8((reg & 7) << 3 | 4);
        code.emit8(0x25);
        code.emit32(address);
    }

    /** Offset of the byte after ModRM, SIB and displacement. */
    private int addressingEnd() {
        return in.modrmOffset() + 1 + (in.hasSib() ? 1 : 0) + in.dispSize();
    }

    /** Offset of the byte after the opcode. */
    private int opcodeEnd() {
        return in.hasModrm() ? in.modrmOffset() : in.opcodeOffset() + 1;
    }

    /** Drops segment overrides and REX bytes that another prefix makes ineffective. */
    private static boolean isKeptPrefix(int b) {
        return b == 0x66 || b == 0x67 || b == 0xf0 || b == 0xf2 || b == 0xf3;
    }
}
