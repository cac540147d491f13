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

    byte[] code;
    int start;
    int length;
    int prefixes;
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

    /** Opcode prefix selected by the row: 0 none, 1 = 66, 2 = F3, 3 = F2. */
    int mandatoryPrefix;

    /** Raw extension bits: R, X, B, and for VEX/EVEX W, vvvv, L and the rest. */
    int extR;

    int extX;
    int extB;
    int extW;
    int vvvv;
    int vectorLength;
    int evexMask;
    int operandSize;

    /** Makes an empty instruction for {@link Decoder#decode} to fill. */
    public Instruction() {}

    void reset(byte[] newCode, int newStart) {
        code = newCode;
        start = newStart;
        length = 0;
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

    /** Count of legacy prefix bytes (they come first; REX is not counted). */
    public int legacyPrefixCount() {
        return rexOffset >= 0
                ? rexOffset
                : vexOffset >= 0 ? vexOffset : opcodeOffset - escapeCount();
    }

    private int escapeCount() {
        return encoding != Encoding.LEGACY || map == 0 ? 0 : map == 1 ? 1 : 2;
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
        return modrmOffset >= 0 && mod() != 3;
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
        return false;
    }

    /** Whether the memory operand is relative to the end of the instruction. */
    public boolean ripRelative() {
        return modrmOffset >= 0 && (modrm() & 0xc7) == 5;
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
        return Mnemonic.OTHER;
    }

    /** Name in Intel spelling, lower case, without prefixes and without condition code. */
    public String mnemonicText() {
        return "";
    }

    // ---- operands -------------------------------------------------------------------------

    /** Count of explicit operands, 0–4, in Intel order (destination first). */
    public int operandCount() {
        return 0;
    }

    /** Kind of operand {@code i}; a register-or-memory form is resolved by ModRM.mod. */
    public OperandKind operandKind(int i) {
        return OperandKind.GPR;
    }

    /** Where operand {@code i} is encoded. */
    public OperandSlot operandSlot(int i) {
        return OperandSlot.IMPLICIT;
    }

    /** Size of operand {@code i} in bytes; 0 = no fixed size (LEA's memory, XSAVE area). */
    public int operandSize(int i) {
        return 0;
    }

    /**
     * Register number of operand {@code i}, extension bits applied; −1 when it is not a register.
     */
    public int operandRegister(int i) {
        return NO_REGISTER;
    }

    /** Whether operand {@code i} is read (an address-only operand such as LEA's is not). */
    public boolean isOperandRead(int i) {
        return false;
    }

    /** Whether operand {@code i} is written. */
    public boolean isOperandWritten(int i) {
        return false;
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
        return 0;
    }

    /** Mask of general registers written in any way, implicitly or as an operand. */
    public int gprWrites() {
        return 0;
    }

    /** General registers read without being operands (MUL's RAX, CPUID's RAX and RCX, …). */
    public int implicitReads() {
        return 0;
    }

    /** General registers written without being operands (MUL's RDX, SYSCALL's RCX and R11, …). */
    public int implicitWrites() {
        return 0;
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
        for (int i = 0; i < operandCount(); i++) {
            if (operandKind(i) == OperandKind.GPR && operandRegister(i) == RSP) {
                access |= (isOperandRead(i) ? 1 : 0) | (isOperandWritten(i) ? 2 : 0);
            }
        }
        return access;
    }

    // ---- attributes -----------------------------------------------------------------------

    /** Flags whose value influences the instruction, {@code FLAG_…} bits. */
    public int flagsRead() {
        return 0;
    }

    /** Flags that may change, those left undefined included. */
    public int flagsWritten() {
        return 0;
    }

    /**
     * Flags whose old value is certainly lost: {@link #flagsWritten} except for instructions that
     * leave flags alone in some cases (shifts by a count of zero, repeated compares).
     */
    public int flagsKilled() {
        return 0;
    }

    /** Whether the instruction must not run unchanged in a deprivileged kernel. */
    public boolean isSensitive() {
        return false;
    }

    /** Whether a basic block ends here: any control transfer, and what may change the mode. */
    public boolean endsBlock() {
        return false;
    }

    /** Kind of control transfer. */
    public BranchKind branch() {
        return BranchKind.NONE;
    }

    /** Target of a direct branch when the instruction is at {@code guestRip}. */
    public long branchTarget(long guestRip) {
        long target = guestRip + length + imm;
        return operandSize == 2 ? target & 0xffff : target;
    }

    /** String instruction family, or {@link StringOp#NONE}. */
    public StringOp stringOp() {
        return StringOp.NONE;
    }

    /** Element size of a string instruction: 1, 2, 4 or 8; 0 when it is none. */
    public int stringElementSize() {
        return 0;
    }

    /** Whether a string instruction repeats (F3 or F2 present). */
    public boolean isRepeated() {
        return stringOp() != StringOp.NONE && hasPrefix(PREFIX_REP | PREFIX_REPNE);
    }

    /** Whether the stack is read or written at RSP without an operand saying so. */
    public boolean implicitStack() {
        return stackPush() || stackPop();
    }

    /** Whether it pushes: writes below RSP and decrements it (PUSH, CALL, PUSHF, ENTER). */
    public boolean stackPush() {
        return false;
    }

    /** Whether it pops: reads at RSP (LEAVE: at RBP) and increments it. */
    public boolean stackPop() {
        return false;
    }

    /** Bytes one implicit stack access moves: 8, or 2 with an operand-size prefix. */
    public int stackAccessSize() {
        return operandSize == 2 ? 2 : 8;
    }

    /**
     * Whether memory is addressed in a way that is neither the ModRM operand, nor the stack, nor a
     * string operand, nor a memory offset: XLAT, MASKMOVDQU, CLZERO, MOVDIR64B, MONITOR …
     */
    public boolean hasOddMemory() {
        return false;
    }

    /** Whether any memory, explicit or implicit, is read. */
    public boolean memoryRead() {
        return false;
    }

    /** Whether any memory, explicit or implicit, is written. */
    public boolean memoryWritten() {
        return false;
    }

    /** Whether the ModRM or memory-offset operand is read. */
    public boolean memoryOperandRead() {
        return false;
    }

    /** Whether the ModRM or memory-offset operand is written. */
    public boolean memoryOperandWritten() {
        return false;
    }

    /**
     * Size of the ModRM or memory-offset operand in bytes; 0 = no fixed size or no such operand.
     */
    public int memoryOperandSize() {
        return 0;
    }
}
