// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * One decoded instruction: a mutable view, filled again and again by {@link Decoder#decode}. The
 * encoding is held in fields; operands and attributes are computed from the table row when asked
 * for, without allocation. Not thread-safe.
 *
 * <p>Offsets ({@code …Offset}) count from the first byte of the instruction (prefixes included) and
 * are −1 for a part that is absent:
 *
 * <pre>
 *   [legacy prefixes] [REX]  [0F [38|3A]] opcode [ModRM [SIB]] [disp 1,2,4,8] [imm 1,2,4,8 (+1)]
 *   [legacy prefixes] VEX C5/C4 | EVEX 62  opcode  ModRM [SIB]  [disp]         [imm 1]
 *   0                 rexOffset / vexOffset opcodeOffset modrmOffset sibOffset dispOffset immOffset
 * </pre>
 *
 * <p>Register numbers are in encoding order, extension bits applied: 0–15 = rax rcx rdx rbx rsp rbp
 * rsi rdi r8 … r15. Register masks have bit <i>n</i> for register <i>n</i>. Sizes are in bytes.
 */
public final class Instruction {
    // Bits of prefixes().
    /**
     * Operand-size prefix 66 (present, whether or not it has an effect or is part of the opcode).
     */
    public static final int PREFIX_OPSIZE = 1;

    /** Address-size prefix 67: 32-bit addressing. */
    public static final int PREFIX_ADDRSIZE = 1 << 1;

    /** LOCK prefix F0. */
    public static final int PREFIX_LOCK = 1 << 2;

    /** REP / REPE prefix F3 (present, even where it is part of the opcode). */
    public static final int PREFIX_REP = 1 << 3;

    /** REPNE prefix F2 (present, even where it is part of the opcode). */
    public static final int PREFIX_REPNE = 1 << 4;

    /** ES override 26; without effect in 64-bit mode. */
    public static final int PREFIX_ES = 1 << 5;

    /** CS override 2E; without effect in 64-bit mode. */
    public static final int PREFIX_CS = 1 << 6;

    /** SS override 36; without effect in 64-bit mode. */
    public static final int PREFIX_SS = 1 << 7;

    /** DS override 3E; without effect in 64-bit mode (as NOTRACK it is a hint). */
    public static final int PREFIX_DS = 1 << 8;

    /** FS override 64. */
    public static final int PREFIX_FS = 1 << 9;

    /** GS override 65. */
    public static final int PREFIX_GS = 1 << 10;

    // Values of segment().
    /** No effective segment override: base 0. */
    public static final int SEGMENT_NONE = 0;

    /** FS base applies. */
    public static final int SEGMENT_FS = 4;

    /** GS base applies. */
    public static final int SEGMENT_GS = 5;

    // Bits of flagsRead(), flagsWritten(), flagsKilled(): positions in RFLAGS.
    /** Carry. */
    public static final int FLAG_CF = 1;

    /** Parity. */
    public static final int FLAG_PF = 1 << 2;

    /** Auxiliary carry. */
    public static final int FLAG_AF = 1 << 4;

    /** Zero. */
    public static final int FLAG_ZF = 1 << 6;

    /** Sign. */
    public static final int FLAG_SF = 1 << 7;

    /** Interrupt enable. */
    public static final int FLAG_IF = 1 << 9;

    /** Direction. */
    public static final int FLAG_DF = 1 << 10;

    /** Overflow. */
    public static final int FLAG_OF = 1 << 11;

    /** CF, PF, AF, ZF, SF and OF. */
    public static final int FLAGS_ARITHMETIC =
            FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF;

    /** No register: result of {@link #base} and {@link #index}. */
    public static final int NO_REGISTER = -1;

    /** Register number of RSP. */
    public static final int RSP = 4;

    /** Prefixes that make a VEX or EVEX prefix undefined. */
    static final int PREFIXES_BARRED_BEFORE_VEX =
            PREFIX_OPSIZE | PREFIX_LOCK | PREFIX_REP | PREFIX_REPNE;

    byte[] code;
    int start;
    int length;
    int prefixes;
    int prefixEnd;
    int segment;
    int rex;
    int rexOffset;
    int vexOffset;
    Encoding encoding = Encoding.LEGACY;
    int map;
    int opcode;
    int opcodeOffset;
    int modrmOffset;
    int sibOffset;
    int dispOffset;
    int dispSize;
    long disp;
    int immOffset;
    int immSize;
    long imm;
    int imm2Size;
    int imm2;

    /** Prefix that is part of the opcode: 0 none, 1 = 66, 2 = F3, 3 = F2. */
    int mandatoryPrefix;

    // Extension bits, 0 or 1, complement taken. extR2 is EVEX.R'.
    int extR;
    int extX;
    int extB;
    int extW;
    int extR2;

    /** VEX/EVEX.vvvv, complement taken, with EVEX.V' as bit 4. */
    int vvvv;

    /** Logarithm of the vector length over 16 bytes. */
    int vectorLength;

    int evexMask;
    boolean evexZero;
    boolean evexBroadcast;
    int evexRounding;
    int operandSize;

    OpcodeTable table;
    int row;
    int attributes;

    /** Makes an empty instruction for {@link Decoder#decode} to fill. */
    public Instruction() {}

    /** Forgets the previous instruction. */
    void reset(byte[] newCode, int newStart) {
        code = newCode;
        start = newStart;
        length = 0;
        segment = SEGMENT_NONE;
        vexOffset = -1;
        encoding = Encoding.LEGACY;
        map = 0;
        modrmOffset = -1;
        sibOffset = -1;
        dispOffset = -1;
        dispSize = 0;
        disp = 0;
        immOffset = -1;
        immSize = 0;
        imm = 0;
        imm2Size = 0;
        imm2 = 0;
        mandatoryPrefix = 0;
        extR2 = 0;
        vvvv = 0;
        vectorLength = 0;
        evexMask = 0;
        evexZero = false;
        evexBroadcast = false;
        evexRounding = 0;
    }

    // ---- encoding -------------------------------------------------------------------------

    /** Length in bytes, 1–15. */
    public int length() {
        return length;
    }

    /** Byte {@code offset} of the instruction, 0–255. */
    public int byteAt(int offset) {
        return code[start + offset] & 0xff;
    }

    /** Copies {@code count} bytes from {@code offset} of the instruction into {@code into}. */
    public void copyBytes(int offset, int count, byte[] into, int intoOffset) {
        System.arraycopy(code, start + offset, into, intoOffset, count);
    }

    /** Legacy prefixes present, {@code PREFIX_…} bits. */
    public int prefixes() {
        return prefixes;
    }

    /** Whether any of the given {@code PREFIX_…} bits is present. */
    public boolean hasPrefix(int prefixBits) {
        return (prefixes & prefixBits) != 0;
    }

    /** Count of bytes before REX, VEX, EVEX or the first opcode byte: the legacy prefixes. */
    public int legacyPrefixCount() {
        return rexOffset >= 0 ? rexOffset : prefixEnd;
    }

    /**
     * Effective segment override: {@link #SEGMENT_NONE}, {@link #SEGMENT_FS} or {@link
     * #SEGMENT_GS}.
     */
    public int segment() {
        return segment;
    }

    /** The REX byte (40–4F), or 0 when there is none that takes effect. */
    public int rex() {
        return rex;
    }

    /** Offset of the REX byte, −1 when none. */
    public int rexOffset() {
        return rexOffset;
    }

    /** Offset of the first byte of the VEX or EVEX prefix, −1 when none. */
    public int vexOffset() {
        return vexOffset;
    }

    /** Encoding family. */
    public Encoding encoding() {
        return encoding;
    }

    /** Opcode map: 0 one-byte, 1 = 0F, 2 = 0F38, 3 = 0F3A, 5 and 6 (EVEX only), 15 = 3DNow!. */
    public int map() {
        return map;
    }

    /** Opcode byte within its map. */
    public int opcode() {
        return opcode;
    }

    /** Offset of the opcode byte (after any escape bytes; for 3DNow! the trailing byte). */
    public int opcodeOffset() {
        return opcodeOffset;
    }

    /** Prefix that is part of the opcode: 0 none, 0x66, 0xF3, 0xF2. */
    public int mandatoryPrefix() {
        return mandatoryPrefix == 0 ? 0 : mandatoryPrefix == 1 ? 0x66 : 0xf5 - mandatoryPrefix;
    }

    /** Whether a ModRM byte is present. */
    public boolean hasModrm() {
        return modrmOffset >= 0;
    }

    /** ModRM byte, 0–255; 0 when absent. */
    public int modrm() {
        return modrmOffset >= 0 ? byteAt(modrmOffset) : 0;
    }

    /** Offset of ModRM, −1 when absent. */
    public int modrmOffset() {
        return modrmOffset;
    }

    /** ModRM.mod, 0–3. */
    public int mod() {
        return modrm() >> 6;
    }

    /** ModRM.reg with REX.R (for vector registers of EVEX see {@link #operandRegister}), 0–15. */
    public int reg() {
        return (modrm() >> 3 & 7) | extR << 3;
    }

    /** ModRM.reg without extension: the /digit of an opcode group. */
    public int digit() {
        return modrm() >> 3 & 7;
    }

    /** ModRM.rm with REX.B, 0–15. Meaningful as a register when {@link #mod} is 3. */
    public int rm() {
        return (modrm() & 7) | extB << 3;
    }

    /** Register in the low three bits of the opcode, with REX.B. */
    public int opcodeRegister() {
        return (opcode & 7) | extB << 3;
    }

    /** Low four bits of the opcode: the condition of Jcc, SETcc, CMOVcc. */
    public int condition() {
        return opcode & 15;
    }

    /** REX.W, VEX.W or EVEX.W. */
    public boolean w() {
        return extW != 0;
    }

    /** VEX/EVEX.vvvv as a register number (complement taken, V' not applied), 0–15. */
    public int vvvv() {
        return vvvv & 15;
    }

    /** Vector length in bytes by VEX.L or EVEX.L'L: 16, 32 or 64. */
    public int vectorLength() {
        return 16 << vectorLength;
    }

    /** Whether there is a ModRM memory operand (mod ≠ 3 and the row takes one). */
    public boolean hasMemoryOperand() {
        return modrmOffset >= 0 && mod() != 3 && (attributes & OpcodeTable.NO_MOD) == 0;
    }

    /** Whether a SIB byte is present. */
    public boolean hasSib() {
        return sibOffset >= 0;
    }

    /** SIB byte, 0–255; 0 when absent. */
    public int sib() {
        return sibOffset >= 0 ? byteAt(sibOffset) : 0;
    }

    /** Offset of SIB, −1 when absent. */
    public int sibOffset() {
        return sibOffset;
    }

    /**
     * Base register of the ModRM memory operand, or {@link #NO_REGISTER} (absolute, RIP-relative).
     */
    public int base() {
        if (!hasMemoryOperand()) {
            return NO_REGISTER;
        }
        int rm = modrm() & 7;
        int low = rm == 4 ? sib() & 7 : rm;
        if (mod() == 0 && low == 5) {
            return NO_REGISTER;
        }
        return low | extB << 3;
    }

    /** Index register of the ModRM memory operand (a general register), or {@link #NO_REGISTER}. */
    public int index() {
        if (!hasMemoryOperand() || sibOffset < 0 || isVectorIndexed()) {
            return NO_REGISTER;
        }
        int index = (sib() >> 3 & 7) | extX << 3;
        return index == RSP ? NO_REGISTER : index;
    }

    /** Factor of the index: 1, 2, 4 or 8. */
    public int scale() {
        return sibOffset < 0 ? 1 : 1 << (sib() >> 6);
    }

    /** Whether the memory operand has a vector index (VSIB: gather, scatter). */
    public boolean isVectorIndexed() {
        return (attributes & OpcodeTable.VSIB) != 0;
    }

    /** Whether the memory operand is relative to the end of the instruction. */
    public boolean ripRelative() {
        return hasMemoryOperand() && (modrm() & 0xc7) == 5;
    }

    /** Size of the displacement field in bytes: 0, 1, 4, or 4/8 for a memory offset. */
    public int dispSize() {
        return dispSize;
    }

    /**
     * Displacement, sign-extended, EVEX compression undone. Branch displacements are immediates.
     */
    public long disp() {
        return disp;
    }

    /** Offset of the displacement, −1 when absent. */
    public int dispOffset() {
        return dispOffset;
    }

    /** Size of the (first) immediate or branch displacement: 0, 1, 2, 4 or 8. */
    public int immSize() {
        return immSize;
    }

    /** Immediate, sign-extended from its field to 64 bits; branch displacement for branches. */
    public long imm() {
        return imm;
    }

    /** Offset of the immediate, −1 when absent. */
    public int immOffset() {
        return immOffset;
    }

    /** Size of the second immediate (ENTER, EXTRQ, INSERTQ): 0 or 1. It follows the first. */
    public int imm2Size() {
        return imm2Size;
    }

    /** Second immediate, 0–255. */
    public int imm2() {
        return imm2;
    }

    /** Effective general operand size: 2, 4 or 8. 8 also for near branches and 64-bit defaults. */
    public int operandSizeBytes() {
        return operandSize;
    }

    /** Effective address size: 8, or 4 with an address-size prefix. */
    public int addressSizeBytes() {
        return (prefixes & PREFIX_ADDRSIZE) != 0 ? 4 : 8;
    }

    /** EVEX opmask register, 0 (none) to 7. */
    public int opmask() {
        return evexMask;
    }

    // ---- identity -------------------------------------------------------------------------

    /** The instruction, or {@link Mnemonic#OTHER}. */
    public Mnemonic mnemonic() {
        return table.mnemonicOf(row);
    }

    /** Name in Intel spelling, lower case, without prefixes and without condition code. */
    public String mnemonicText() {
        return table.nameOf(row);
    }

    /** EVEX opmask register with zeroing (true) or merging (false). */
    public boolean zeroesMasked() {
        return evexZero;
    }

    // ---- operands -------------------------------------------------------------------------

    private int operandCode(int i) {
        return (int) (table.operands[row] >>> (i * OpcodeTable.OPERAND_BITS)) & 0xffff;
    }

    private int form(int i) {
        return operandCode(i) & OpcodeTable.FORM_MASK;
    }

    /** Count of explicit operands, 0–4, in Intel order (destination first). */
    public int operandCount() {
        long codes = table.operands[row];
        return codes == 0 ? 0 : 4 - Long.numberOfLeadingZeros(codes) / OpcodeTable.OPERAND_BITS;
    }

    /** Kind of operand {@code i}; a register-or-memory form is resolved by ModRM.mod. */
    public OperandKind operandKind(int i) {
        switch (form(i)) {
            case OpcodeTable.FORM_E:
                return mod() != 3 ? OperandKind.MEMORY : gprKind(i, rm());
            case OpcodeTable.FORM_R:
                return gprKind(i, rm());
            case OpcodeTable.FORM_M:
            case OpcodeTable.FORM_T:
                return OperandKind.MEMORY;
            case OpcodeTable.FORM_G:
                return gprKind(i, reg());
            case OpcodeTable.FORM_Z:
                return gprKind(i, opcodeRegister());
            case OpcodeTable.FORM_B:
            case OpcodeTable.FORM_ACCUMULATOR:
            case OpcodeTable.FORM_CL:
            case OpcodeTable.FORM_DX:
                return OperandKind.GPR;
            case OpcodeTable.FORM_I:
                return OperandKind.IMMEDIATE;
            case OpcodeTable.FORM_J:
                return OperandKind.RELATIVE;
            case OpcodeTable.FORM_O:
                return OperandKind.MEMORY_OFFSET;
            case OpcodeTable.FORM_W:
                return mod() != 3 ? OperandKind.MEMORY : OperandKind.VECTOR;
            case OpcodeTable.FORM_V:
            case OpcodeTable.FORM_U:
            case OpcodeTable.FORM_H:
            case OpcodeTable.FORM_L:
            case OpcodeTable.FORM_XMM0:
                return OperandKind.VECTOR;
            case OpcodeTable.FORM_Q:
                return mod() != 3 ? OperandKind.MEMORY : OperandKind.MMX;
            case OpcodeTable.FORM_P:
            case OpcodeTable.FORM_N:
                return OperandKind.MMX;
            case OpcodeTable.FORM_S:
            case OpcodeTable.FORM_FS:
            case OpcodeTable.FORM_GS:
                return OperandKind.SEGMENT;
            case OpcodeTable.FORM_C:
                return OperandKind.CONTROL;
            case OpcodeTable.FORM_D:
                return OperandKind.DEBUG;
            case OpcodeTable.FORM_X:
                return OperandKind.MEMORY_SI;
            case OpcodeTable.FORM_Y:
                return OperandKind.MEMORY_DI;
            case OpcodeTable.FORM_1:
                return OperandKind.CONSTANT;
            case OpcodeTable.FORM_ST0:
            case OpcodeTable.FORM_STI:
                return OperandKind.X87;
            case OpcodeTable.FORM_KE:
                return mod() != 3 ? OperandKind.MEMORY : OperandKind.MASK;
            case OpcodeTable.FORM_KG:
            case OpcodeTable.FORM_KU:
            case OpcodeTable.FORM_KH:
                return OperandKind.MASK;
            case OpcodeTable.FORM_BO:
                return mod() != 3 ? OperandKind.MEMORY : OperandKind.BOUND;
            case OpcodeTable.FORM_BG:
                return OperandKind.BOUND;
            case OpcodeTable.FORM_TG:
            case OpcodeTable.FORM_TU:
            case OpcodeTable.FORM_TH:
                return OperandKind.TILE;
            default:
                throw new IndexOutOfBoundsException("no such operand: index=" + i);
        }
    }

    private OperandKind gprKind(int i, int number) {
        return isHighByte(i, number) ? OperandKind.GPR_HIGH_BYTE : OperandKind.GPR;
    }

    /** Registers 4–7 of a byte operand are AH CH DH BH unless there is a REX prefix. */
    private boolean isHighByte(int i, int number) {
        return number >= 4
                && rex == 0
                && encoding == Encoding.LEGACY
                && sizeCode(i) == 'b'
                && number < 8;
    }

    /** Where operand {@code i} is encoded. */
    public OperandSlot operandSlot(int i) {
        switch (form(i)) {
            case OpcodeTable.FORM_E:
            case OpcodeTable.FORM_R:
            case OpcodeTable.FORM_M:
            case OpcodeTable.FORM_T:
            case OpcodeTable.FORM_W:
            case OpcodeTable.FORM_U:
            case OpcodeTable.FORM_Q:
            case OpcodeTable.FORM_N:
            case OpcodeTable.FORM_STI:
            case OpcodeTable.FORM_KE:
            case OpcodeTable.FORM_KU:
            case OpcodeTable.FORM_BO:
            case OpcodeTable.FORM_TU:
                return OperandSlot.MODRM_RM;
            case OpcodeTable.FORM_G:
            case OpcodeTable.FORM_V:
            case OpcodeTable.FORM_P:
            case OpcodeTable.FORM_S:
            case OpcodeTable.FORM_C:
            case OpcodeTable.FORM_D:
            case OpcodeTable.FORM_KG:
            case OpcodeTable.FORM_BG:
            case OpcodeTable.FORM_TG:
                return OperandSlot.MODRM_REG;
            case OpcodeTable.FORM_B:
            case OpcodeTable.FORM_H:
            case OpcodeTable.FORM_KH:
            case OpcodeTable.FORM_TH:
                return OperandSlot.VVVV;
            case OpcodeTable.FORM_Z:
                return OperandSlot.OPCODE;
            case OpcodeTable.FORM_I:
            case OpcodeTable.FORM_J:
            case OpcodeTable.FORM_O:
                return OperandSlot.IMMEDIATE;
            case OpcodeTable.FORM_L:
                return OperandSlot.IS4;
            default:
                return OperandSlot.IMPLICIT;
        }
    }

    /** Letter of the size of operand {@code i} in the row language ({@link OpcodeTable}). */
    char sizeCode(int i) {
        return (char)
                ((operandCode(i) >> OpcodeTable.SIZE_SHIFT & OpcodeTable.SIZE_MASK)
                        + OpcodeTable.SIZE_BASE);
    }

    /** Size of operand {@code i} in bytes; 0 = no fixed size (LEA's memory, XSAVE area). */
    public int operandSize(int i) {
        int form = form(i);
        boolean memory =
                form == OpcodeTable.FORM_M
                        || (modrmOffset >= 0
                                && mod() != 3
                                && (form == OpcodeTable.FORM_E || form == OpcodeTable.FORM_W));
        if (memory && evexBroadcast) {
            return broadcastSize();
        }
        return sizeOf(sizeCode(i), memory);
    }

    private int sizeOf(char size, boolean memory) {
        switch (size) {
            case 'b':
                return 1;
            case 'w':
                return 2;
            case 'd':
                return 4;
            case 'q':
            case 'r':
                return 8;
            case 't':
            case 'g':
                return 10;
            case 'o':
            case 'G':
            case 'O':
                return 16;
            case 'h':
                return 32;
            case 'e':
                return 64;
            case 'v':
            case 'i':
            case 's':
                return operandSize;
            case 'z':
                return Math.min(operandSize, 4);
            case 'y':
                return extW != 0 ? 8 : 4;
            case 'a':
                return memory ? 1 : 4;
            case 'c':
                return memory ? 2 : 4;
            case 'S':
                return memory ? 2 : operandSize;
            case 'W':
                return memory ? 2 : extW != 0 ? 8 : 4;
            case 'p':
                return operandSize + 2;
            case 'f':
                return operandSize == 2 ? 14 : 28;
            case 'F':
                return operandSize == 2 ? 94 : 108;
            case 'X':
                return 512;
            default:
                return vectorSizeOf(size);
        }
    }

    private int vectorSizeOf(char size) {
        int full = 16 << vectorLength;
        switch (size) {
            case 'x':
                return full;
            case 'j':
                return full >> 1;
            case 'k':
                return full >> 2;
            case 'l':
                return full >> 3;
            case 'u':
                return vectorLength == 0 ? 8 : full;
            default:
                return 0;
        }
    }

    /** Size of the element an EVEX memory operand is broadcast from; 0 when it is not. */
    public int broadcastSize() {
        if (!evexBroadcast || mod() == 3) {
            return 0;
        }
        switch (attributes >> OpcodeTable.BROADCAST_SHIFT & OpcodeTable.BROADCAST_MASK) {
            case OpcodeTable.BROADCAST_2:
                return 2;
            case OpcodeTable.BROADCAST_4:
                return 4;
            case OpcodeTable.BROADCAST_8:
                return 8;
            case OpcodeTable.BROADCAST_BY_W:
                return extW != 0 ? 8 : 4;
            default:
                return 0;
        }
    }

    /** Factor of an 8-bit displacement under EVEX: the size of what is accessed in memory. */
    int evexDisp8Scale() {
        int element = attributes >> OpcodeTable.ELEMENT_SHIFT & OpcodeTable.ELEMENT_MASK;
        return element != 0 ? 1 << (element - 1) : Math.max(1, memoryOperandSize());
    }

    /**
     * Register number of operand {@code i}, extension bits applied; for AH, CH, DH, BH the register
     * it is part of (0–3); {@link #NO_REGISTER} when it is not a register.
     */
    public int operandRegister(int i) {
        int number;
        switch (form(i)) {
            case OpcodeTable.FORM_E:
                if (mod() != 3) {
                    return NO_REGISTER;
                }
                number = rm();
                break;
            case OpcodeTable.FORM_R:
                number = rm();
                break;
            case OpcodeTable.FORM_G:
                number = reg();
                break;
            case OpcodeTable.FORM_Z:
                number = opcodeRegister();
                break;
            default:
                return otherRegister(i);
        }
        return isHighByte(i, number) ? number - 4 : number;
    }

    private int otherRegister(int i) {
        switch (form(i)) {
            case OpcodeTable.FORM_B:
                return vvvv & 15;
            case OpcodeTable.FORM_ACCUMULATOR:
            case OpcodeTable.FORM_ST0:
            case OpcodeTable.FORM_XMM0:
                return 0;
            case OpcodeTable.FORM_CL:
                return 1;
            case OpcodeTable.FORM_DX:
                return 2;
            case OpcodeTable.FORM_V:
                return reg() | extR2 << 4;
            case OpcodeTable.FORM_W:
                return mod() != 3 ? NO_REGISTER : rmVector();
            case OpcodeTable.FORM_U:
                return rmVector();
            case OpcodeTable.FORM_H:
                return vvvv;
            case OpcodeTable.FORM_L:
                return (int) imm >> 4 & 15;
            case OpcodeTable.FORM_P:
            case OpcodeTable.FORM_S:
            case OpcodeTable.FORM_KG:
            case OpcodeTable.FORM_TG:
                return modrm() >> 3 & 7;
            case OpcodeTable.FORM_C:
            case OpcodeTable.FORM_D:
            case OpcodeTable.FORM_BG:
                return reg();
            case OpcodeTable.FORM_Q:
            case OpcodeTable.FORM_KE:
            case OpcodeTable.FORM_BO:
                return mod() != 3 ? NO_REGISTER : modrm() & 7;
            case OpcodeTable.FORM_N:
            case OpcodeTable.FORM_KU:
            case OpcodeTable.FORM_TU:
            case OpcodeTable.FORM_STI:
                return modrm() & 7;
            case OpcodeTable.FORM_KH:
            case OpcodeTable.FORM_TH:
                return vvvv & 7;
            case OpcodeTable.FORM_FS:
                return 4;
            case OpcodeTable.FORM_GS:
                return 5;
            default:
                return NO_REGISTER;
        }
    }

    private int rmVector() {
        return encoding == Encoding.EVEX ? rm() | extX << 4 : rm();
    }

    /** Register number of the vector index (VSIB), or {@link #NO_REGISTER}. */
    public int vectorIndex() {
        if (!isVectorIndexed() || sibOffset < 0) {
            return NO_REGISTER;
        }
        int high = encoding == Encoding.EVEX ? vvvv & 16 : 0;
        return (sib() >> 3 & 7) | extX << 3 | high;
    }

    /** Size of the vector index register of a VSIB operand: 16, 32 or 64. */
    int vectorIndexSize() {
        return (attributes & OpcodeTable.VSIB_HALF) != 0
                ? Math.max(16, 8 << vectorLength)
                : 16 << vectorLength;
    }

    /** Whether EVEX.b with a register operand selects a rounding mode, not just {sae}. */
    boolean allowsRounding() {
        return (attributes & OpcodeTable.ROUNDING) != 0;
    }

    /** Whether immediate operand {@code i} is sign-extended to the operand size. */
    boolean isImmediateExtended(int i) {
        char size = sizeCode(i);
        return size == 'i' || size == 'z' || size == 'v';
    }

    private int access(int i) {
        return operandCode(i) >> OpcodeTable.ACCESS_SHIFT;
    }

    /** Whether operand {@code i} is read (an address-only operand such as LEA's is not). */
    public boolean isOperandRead(int i) {
        return (access(i) & 1) != 0;
    }

    /** Whether operand {@code i} is written. */
    public boolean isOperandWritten(int i) {
        return (access(i) & 2) != 0;
    }

    /** Mask of general registers used by the address of the ModRM memory operand. */
    public int addressRegisters() {
        int base = base();
        int index = index();
        return (base < 0 ? 0 : 1 << base) | (index < 0 ? 0 : 1 << index);
    }

    /**
     * Mask of general registers read in any way: operands, addresses, implicit ones (counts of
     * shifts, string pointers, RSP of stack operations). A partly written register counts as read.
     */
    public int gprReads() {
        int mask = addressRegisters() | implicitReads();
        for (int i = operandCount() - 1; i >= 0; i--) {
            OperandKind kind = operandKind(i);
            if (kind == OperandKind.GPR || kind == OperandKind.GPR_HIGH_BYTE) {
                int access = access(i);
                if ((access & 1) != 0 || ((access & 2) != 0 && operandSize(i) < 4)) {
                    mask |= 1 << operandRegister(i);
                }
            }
        }
        return mask;
    }

    /** Mask of general registers written in any way, implicitly or as an operand. */
    public int gprWrites() {
        int mask = implicitWrites();
        for (int i = operandCount() - 1; i >= 0; i--) {
            if ((access(i) & 2) != 0) {
                OperandKind kind = operandKind(i);
                if (kind == OperandKind.GPR || kind == OperandKind.GPR_HIGH_BYTE) {
                    mask |= 1 << operandRegister(i);
                }
            }
        }
        return mask;
    }

    /**
     * General registers read without being operands: MUL's RAX, CPUID's RAX and RCX, pointers and
     * count of string instructions, RSP of stack operations.
     */
    public int implicitReads() {
        int mask = table.implicit[row] & 0xffff;
        return implicitStack() || stringOp() != StringOp.NONE ? mask | pointerRegisters() : mask;
    }

    /** General registers written without being operands (MUL's RDX, SYSCALL's RCX and R11, …). */
    public int implicitWrites() {
        int mask = table.implicit[row] >>> 16;
        return implicitStack() || stringOp() != StringOp.NONE ? mask | pointerRegisters() : mask;
    }

    private int pointerRegisters() {
        if (implicitStack()) {
            return 1 << RSP;
        }
        StringOp op = stringOp();
        return (op.usesSi() ? 1 << 6 : 0)
                | (op.usesDi() ? 1 << 7 : 0)
                | (hasPrefix(PREFIX_REP | PREFIX_REPNE) ? 1 << 1 : 0);
    }

    /** Whether RSP (or ESP, SP, SPL) is an explicit register operand that is read. */
    public boolean readsRspOperand() {
        return (rspOperandAccess() & 1) != 0;
    }

    /** Whether RSP (or ESP, SP, SPL) is an explicit register operand that is written. */
    public boolean writesRspOperand() {
        return (rspOperandAccess() & 2) != 0;
    }

    private int rspOperandAccess() {
        int access = 0;
        for (int i = operandCount() - 1; i >= 0; i--) {
            if (operandRegister(i) == RSP && operandKind(i) == OperandKind.GPR) {
                access |= access(i);
            }
        }
        return access;
    }

    // ---- attributes -----------------------------------------------------------------------

    private boolean has(int attribute) {
        return (attributes & attribute) != 0;
    }

    /** Whether the name ends in a condition: Jcc, SETcc, CMOVcc. */
    public boolean isConditional() {
        return has(OpcodeTable.CONDITION_CODE);
    }

    /** Flags whose value influences the instruction, {@code FLAG_…} bits. */
    public int flagsRead() {
        int flags = table.flags[row] & 0xffff;
        return has(OpcodeTable.CONDITION_CODE) ? flags | conditionFlags(opcode & 15) : flags;
    }

    /** Flags that condition code {@code condition} (0–15) depends on. */
    public static int conditionFlags(int condition) {
        switch (condition >> 1) {
            case 0:
                return FLAG_OF;
            case 1:
                return FLAG_CF;
            case 2:
                return FLAG_ZF;
            case 3:
                return FLAG_CF | FLAG_ZF;
            case 4:
                return FLAG_SF;
            case 5:
                return FLAG_PF;
            case 6:
                return FLAG_SF | FLAG_OF;
            default:
                return FLAG_SF | FLAG_OF | FLAG_ZF;
        }
    }

    /** Flags that may change, those left undefined included. */
    public int flagsWritten() {
        return table.flags[row] >>> 16;
    }

    /**
     * Flags whose old value is certainly lost: {@link #flagsWritten} except for instructions that
     * leave flags alone in some cases (shifts by a count of zero, repeated compares).
     */
    public int flagsKilled() {
        return has(OpcodeTable.FLAGS_CONDITIONAL) || isRepeated() ? 0 : flagsWritten();
    }

    /** Whether the instruction must not run unchanged in a deprivileged kernel. */
    public boolean isSensitive() {
        return has(OpcodeTable.SENSITIVE);
    }

    /** Whether a basic block ends here: any control transfer, and what may change the mode. */
    public boolean endsBlock() {
        return has(OpcodeTable.BLOCK_END);
    }

    /** Kind of control transfer. */
    public BranchKind branch() {
        return OpcodeTable.BRANCHES[attributes & OpcodeTable.BRANCH_MASK];
    }

    /** Target of a direct branch when the instruction is at {@code guestRip}. */
    public long branchTarget(long guestRip) {
        long target = guestRip + length + imm;
        return operandSize == 2 ? target & 0xffff : target;
    }

    /** String instruction family, or {@link StringOp#NONE}. */
    public StringOp stringOp() {
        return OpcodeTable.STRINGS[
                attributes >> OpcodeTable.STRING_SHIFT & OpcodeTable.STRING_MASK];
    }

    /** Element size of a string instruction: 1, 2, 4 or 8; 0 when it is none. */
    public int stringElementSize() {
        StringOp op = stringOp();
        return op == StringOp.NONE
                ? 0
                : operandSize(op == StringOp.INS || op == StringOp.STOS ? 0 : 1);
    }

    /** Whether a string instruction repeats (F3 or F2 present). */
    public boolean isRepeated() {
        return hasPrefix(PREFIX_REP | PREFIX_REPNE) && stringOp() != StringOp.NONE;
    }

    /** Whether the stack is read or written at RSP without an operand saying so. */
    public boolean implicitStack() {
        return has(OpcodeTable.PUSH | OpcodeTable.POP);
    }

    /** Whether it pushes: writes below RSP and decrements it (PUSH, CALL, PUSHF, ENTER). */
    public boolean stackPush() {
        return has(OpcodeTable.PUSH);
    }

    /** Whether it pops: reads at RSP (LEAVE: at RBP) and increments it. */
    public boolean stackPop() {
        return has(OpcodeTable.POP);
    }

    /** Bytes one implicit stack access moves: the operand size, 8 or 2 (far returns: 4 also). */
    public int stackAccessSize() {
        return operandSize;
    }

    /**
     * Whether memory is addressed in a way that is neither the ModRM operand, nor the stack, nor a
     * string operand, nor a memory offset: XLAT, MASKMOVDQU, CLZERO, MOVDIR64B, MONITOR …
     */
    public boolean hasOddMemory() {
        return has(OpcodeTable.ODD_MEMORY);
    }

    /** Whether any memory, explicit or implicit, is read. */
    public boolean memoryRead() {
        return has(OpcodeTable.POP | OpcodeTable.ODD_READ)
                || (memoryAccess() & 1) != 0
                || (has(OpcodeTable.STRING_MASK << OpcodeTable.STRING_SHIFT) && readsString());
    }

    /** Whether any memory, explicit or implicit, is written. */
    public boolean memoryWritten() {
        return has(OpcodeTable.PUSH | OpcodeTable.ODD_WRITE)
                || (memoryAccess() & 2) != 0
                || (has(OpcodeTable.STRING_MASK << OpcodeTable.STRING_SHIFT) && writesString());
    }

    private boolean readsString() {
        StringOp op = stringOp();
        return op.usesSi() || op == StringOp.SCAS;
    }

    private boolean writesString() {
        StringOp op = stringOp();
        return op == StringOp.MOVS || op == StringOp.STOS || op == StringOp.INS;
    }

    /** Index of the ModRM or memory-offset operand, −1 when there is none. */
    public int memoryOperandIndex() {
        for (int i = operandCount() - 1; i >= 0; i--) {
            if (isMemoryForm(form(i))) {
                return i;
            }
        }
        return -1;
    }

    private boolean isMemoryForm(int form) {
        switch (form) {
            case OpcodeTable.FORM_M:
            case OpcodeTable.FORM_T:
            case OpcodeTable.FORM_O:
                return true;
            case OpcodeTable.FORM_E:
            case OpcodeTable.FORM_W:
            case OpcodeTable.FORM_Q:
            case OpcodeTable.FORM_KE:
            case OpcodeTable.FORM_BO:
                return mod() != 3;
            default:
                return false;
        }
    }

    private int memoryAccess() {
        int i = memoryOperandIndex();
        return i < 0 ? 0 : access(i);
    }

    /** Whether the ModRM or memory-offset operand is read. */
    public boolean memoryOperandRead() {
        return (memoryAccess() & 1) != 0;
    }

    /** Whether the ModRM or memory-offset operand is written. */
    public boolean memoryOperandWritten() {
        return (memoryAccess() & 2) != 0;
    }

    /**
     * Size of the ModRM or memory-offset operand in bytes; 0 = no fixed size or no such operand.
     */
    public int memoryOperandSize() {
        int i = memoryOperandIndex();
        return i < 0 ? 0 : operandSize(i);
    }
}
