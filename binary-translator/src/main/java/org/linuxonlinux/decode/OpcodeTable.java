// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One opcode map, parsed from its row text into packed arrays. Immutable once built, but for a
 * cache of resolved mnemonics whose races are harmless.
 *
 * <p>A row is {@code opcode[/digit|@modrm][.condition…] mnemonic[:CONSTANT] operands attributes…};
 * rows of one opcode stand together and the first that matches wins.
 *
 * <pre>
 * opcode      50   one opcode      50+  eight opcodes, register in the low bits
 *             70%  sixteen opcodes, condition code in the low bits
 * /digit      ModRM.reg            @c1  the whole ModRM byte
 * conditions  np 66 f3 f2  mandatory prefix (VEX/EVEX: pp); n: np or 66; none: any
 *             w0 w1  REX/VEX/EVEX.W     l0 l1 l2  vector length     b0  REX.B clear
 *             o16 o32 o64  operand size     m3  ModRM.mod = 3       nb  EVEX.b clear
 * operands    [=|+|!]form: '=' written, '+' read and written, '!' neither, otherwise read
 *   E rm, general register or memory   R rm, register only   M memory only   G reg   B vvvv
 *   Z opcode low bits   a, c, d  accumulator, CL, DX   I immediate   J branch   O memory offset
 *   V reg, vector   W rm, vector or memory   U rm, vector only   H vvvv   L is4   T VSIB memory
 *   P reg, MMX   Q rm, MMX or memory   N rm, MMX only   S segment   C control   D debug
 *   X DS:RSI   Y ES:RDI   s0 ST(0)   si ST(rm)   s4 s5 FS GS   x0 XMM0   1 the constant
 *   kg ke ku kh  opmask in reg, rm (or memory), rm, vvvv   bg bo  bounds in reg, rm   tg tu th  tile
 * sizes       b 1  w 2  d 4  q 8  t 10  o 16  h 32  e 64 bytes   n none
 *             v operand size   z operand size, at most 4   y 4 or 8 by W   r always 8
 *             s operand size with 64-bit default   i byte sign-extended to operand size
 *             x vector length   j k l  half, quarter, eighth of it   u 8 or (32, 64) (MOVDDUP)
 *             a, c  memory 1, 2 bytes, register 4   S  memory 2 bytes, register operand size
 *             W  memory 2 bytes, register 4 or 8 by W   p far pointer   g 10   f F X  x87, FXSAVE areas
 * attributes  sens end d64 push pop odd nomod   branch and string kinds by name
 *             r: flags read, w: flags written, w?: flags possibly written (* = oszapc)
 *             i: registers read implicitly, o: written   mr mw  memory accessed in an odd way
 *             b2 b4 b8 bw  EVEX broadcast element (bw: 4 or 8 by W)   vsx vsj  VSIB index size
 *             s1 s2 s4 s8  EVEX displacement scale, where it is not the memory operand's size
 *             er sae  rounding control, exception suppression
 * </pre>
 */
final class OpcodeTable {
    // Match state: bits the conditions look at.
    static final int STATE_MODRM = 0xff;
    static final int STATE_MOD3 = 1 << 8;
    static final int STATE_PP_SHIFT = 9;
    static final int STATE_W = 1 << 11;
    static final int STATE_L_SHIFT = 12;
    static final int STATE_OSZ_SHIFT = 14;
    static final int STATE_B = 1 << 16;
    static final int STATE_VVVV = 1 << 17;
    static final int STATE_EVEX_B = 1 << 18;

    // Attribute word.
    static final int BRANCH_MASK = 15;
    static final int STRING_SHIFT = 4;
    static final int STRING_MASK = 7;
    static final int SENSITIVE = 1 << 7;
    static final int BLOCK_END = 1 << 8;
    static final int PUSH = 1 << 9;
    static final int POP = 1 << 10;
    static final int FLAGS_CONDITIONAL = 1 << 11;
    static final int ODD_MEMORY = 1 << 12;
    static final int DEFAULT_64 = 1 << 13;
    static final int NO_MOD = 1 << 14;
    static final int MODRM = 1 << 15;
    static final int IMM_SHIFT = 16;
    static final int IMM_MASK = 7;
    static final int ODD_READ = 1 << 19;
    static final int ODD_WRITE = 1 << 20;
    static final int BROADCAST_SHIFT = 21;
    static final int BROADCAST_MASK = 7;
    static final int CONDITION_CODE = 1 << 24;
    static final int VSIB = 1 << 25;
    static final int VSIB_HALF = 1 << 26;
    static final int ROUNDING = 1 << 27;
    static final int SUPPRESS = 1 << 28;
    static final int ELEMENT_SHIFT = 29;
    static final int ELEMENT_MASK = 7;

    /** Branch kinds by their number in the attribute word. */
    static final BranchKind[] BRANCHES = {
        BranchKind.NONE,
        BranchKind.JMP,
        BranchKind.JCC,
        BranchKind.CALL,
        BranchKind.RET,
        BranchKind.INDIRECT_JMP,
        BranchKind.INDIRECT_CALL,
        BranchKind.LOOP,
        BranchKind.JRCXZ,
        BranchKind.FAR
    };

    /** String families by their number in the attribute word. */
    static final StringOp[] STRINGS = {
        StringOp.NONE,
        StringOp.MOVS,
        StringOp.CMPS,
        StringOp.STOS,
        StringOp.LODS,
        StringOp.SCAS,
        StringOp.INS,
        StringOp.OUTS
    };

    // Immediate layouts (IMM_SHIFT).
    static final int IMM_B = 1;
    static final int IMM_W = 2;
    static final int IMM_Z = 3;
    static final int IMM_V = 4;
    static final int IMM_WB = 5;
    static final int IMM_BB = 6;
    static final int IMM_OFFSET = 7;

    // Broadcast codes (BROADCAST_SHIFT).
    static final int BROADCAST_2 = 1;
    static final int BROADCAST_4 = 2;
    static final int BROADCAST_8 = 3;
    static final int BROADCAST_BY_W = 4;

    /** Size codes are stored as the letter less this. */
    static final int SIZE_BASE = '@';

    // Operand: 16 bits = form | size << 6 | access << 12 (1 read, 2 write).
    static final int FORM_MASK = 63;
    static final int SIZE_SHIFT = 6;
    static final int SIZE_MASK = 63;
    static final int ACCESS_SHIFT = 12;
    static final int OPERAND_BITS = 16;
    static final int MAX_OPERANDS = 4;

    /** Operand forms; the index of a form's letters in this list, by twos, is its number. */
    private static final String FORMS = "--E R M G B Z a c d I J O V W U H L T P Q N S C D X Y 1 ";

    static final int FORM_NONE = 0;
    static final int FORM_E = 1;
    static final int FORM_R = 2;
    static final int FORM_M = 3;
    static final int FORM_G = 4;
    static final int FORM_B = 5;
    static final int FORM_Z = 6;
    static final int FORM_ACCUMULATOR = 7;
    static final int FORM_CL = 8;
    static final int FORM_DX = 9;
    static final int FORM_I = 10;
    static final int FORM_J = 11;
    static final int FORM_O = 12;
    static final int FORM_V = 13;
    static final int FORM_W = 14;
    static final int FORM_U = 15;
    static final int FORM_H = 16;
    static final int FORM_L = 17;
    static final int FORM_T = 18;
    static final int FORM_P = 19;
    static final int FORM_Q = 20;
    static final int FORM_N = 21;
    static final int FORM_S = 22;
    static final int FORM_C = 23;
    static final int FORM_D = 24;
    static final int FORM_X = 25;
    static final int FORM_Y = 26;
    static final int FORM_1 = 27;
    static final int FORM_ST0 = 28;
    static final int FORM_STI = 29;
    static final int FORM_FS = 30;
    static final int FORM_GS = 31;
    static final int FORM_XMM0 = 32;
    static final int FORM_KG = 33;
    static final int FORM_KE = 34;
    static final int FORM_KU = 35;
    static final int FORM_KH = 36;
    static final int FORM_BG = 37;
    static final int FORM_BO = 38;
    static final int FORM_TG = 39;
    static final int FORM_TU = 40;
    static final int FORM_TH = 41;

    private static final byte[] FORM_BY_LETTER = new byte[128];

    static {
        for (int i = 1; i < FORMS.length() / 2; i++) {
            FORM_BY_LETTER[FORMS.charAt(2 * i)] = (byte) i;
        }
    }

    private static final int EXPECTED_ROWS = 640;

    private final String text;

    /** Row of an opcode's first candidate, −1 when the opcode is undefined. */
    final short[] first = new short[256];

    /** Count of candidate rows. */
    final byte[] count = new byte[256];

    /** Whether a ModRM byte follows the opcode. */
    final boolean[] modrm = new boolean[256];

    int[] mask = new int[EXPECTED_ROWS];
    int[] value = new int[EXPECTED_ROWS];
    int[] attributes = new int[EXPECTED_ROWS];

    /** Flags read in the low half, flags written in the high half. */
    int[] flags = new int[EXPECTED_ROWS];

    /** General registers read in the low half, written in the high half. */
    int[] implicit = new int[EXPECTED_ROWS];

    long[] operands = new long[EXPECTED_ROWS];

    /** Start of the name in the text, and its length in the low 6 bits. */
    private int[] name = new int[EXPECTED_ROWS];

    private final Mnemonic[] mnemonics;
    private final String[] names;
    private final int rowCount;

    // Parser state, meaningless afterwards.
    private byte[] bytes;
    private int position;
    private boolean usesVvvv;

    /**
     * Parses a map.
     *
     * @param text the rows
     * @param checksVvvv whether rows without a vvvv operand demand vvvv = 1111b (VEX, EVEX)
     */
    OpcodeTable(String text, boolean checksVvvv) {
        this.text = text;
        Arrays.fill(first, (short) -1);
        int row = 0;
        bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        int end = bytes.length;
        while (position < end) {
            if (row == mask.length) {
                grow();
            }
            parseRow(row++, checksVvvv);
        }
        bytes = new byte[0];
        rowCount = row;
        mnemonics = new Mnemonic[row];
        names = new String[row];
    }

    private void grow() {
        int size = mask.length * 2;
        mask = Arrays.copyOf(mask, size);
        value = Arrays.copyOf(value, size);
        attributes = Arrays.copyOf(attributes, size);
        flags = Arrays.copyOf(flags, size);
        implicit = Arrays.copyOf(implicit, size);
        operands = Arrays.copyOf(operands, size);
        name = Arrays.copyOf(name, size);
    }

    int rowCount() {
        return rowCount;
    }

    /** First matching row of {@code opcode}, or −1. */
    int find(int opcode, int state) {
        int row = first[opcode];
        if (row < 0) {
            return -1;
        }
        for (int end = row + count[opcode]; row < end; row++) {
            if ((state & mask[row]) == value[row]) {
                return row;
            }
        }
        return -1;
    }

    String nameOf(int row) {
        String known = names[row];
        if (known == null) {
            int start = name[row] >>> 6;
            known = text.substring(start, start + (name[row] & 63));
            names[row] = known;
        }
        return known;
    }

    Mnemonic mnemonicOf(int row) {
        Mnemonic known = mnemonics[row];
        if (known == null) {
            int end = (name[row] >>> 6) + (name[row] & 63);
            String key = nameOf(row);
            if (text.charAt(end) == ':') {
                key = text.substring(end + 1, text.indexOf(' ', end));
                if (key.endsWith("\n")) {
                    throw new IllegalStateException("no operands in row: name=" + nameOf(row));
                }
            } else {
                key = key.toUpperCase(Locale.ROOT);
            }
            known = Names.BY_NAME.getOrDefault(key, Mnemonic.OTHER);
            mnemonics[row] = known;
        }
        return known;
    }

    /** Constants by name, built on first use. */
    private static final class Names {
        static final Map<String, Mnemonic> BY_NAME = new HashMap<>(512);

        static {
            for (Mnemonic mnemonic : Mnemonic.values()) {
                BY_NAME.put(mnemonic.name(), mnemonic);
            }
        }

        private Names() {}
    }

    // ---- parser ---------------------------------------------------------------------------

    private static int hex(int c) {
        return c <= '9' ? c - '0' : c - 'a' + 10;
    }

    private void skipBlanks() {
        while (bytes[position] == ' ') {
            position++;
        }
    }

    private void parseRow(int row, boolean checksVvvv) {
        usesVvvv = false;
        int opcode = hex(bytes[position]) << 4 | hex(bytes[position + 1]);
        position += 2;
        int opcodes = parseConditions(row);
        skipBlanks();
        int start = position;
        int c;
        while ((c = bytes[position]) > ' ' && c != ':') {
            position++;
        }
        name[row] = start << 6 | (position - start);
        while (bytes[position] > ' ') {
            position++;
        }
        skipBlanks();
        if (bytes[position] != '\n') {
            parseOperands(row);
            skipBlanks();
            while (bytes[position] != '\n') {
                parseAttribute(row);
                skipBlanks();
            }
        }
        position++;
        if (opcodes == 16) {
            attributes[row] |= CONDITION_CODE;
        }
        if (checksVvvv && !usesVvvv) {
            mask[row] |= STATE_VVVV;
        }
        if ((attributes[row] & NO_MOD) != 0) {
            mask[row] &= ~STATE_MOD3;
            value[row] &= ~STATE_MOD3;
        }
        boolean hasModrm = (attributes[row] & MODRM) != 0;
        for (int i = opcode; i < opcode + opcodes; i++) {
            if (first[i] < 0) {
                first[i] = (short) row;
            }
            count[i]++;
            modrm[i] |= hasModrm;
        }
    }

    private void require(int row, int bits, int wanted) {
        mask[row] |= bits;
        value[row] |= wanted;
    }

    /** Parses what follows the opcode digits; returns how many opcodes the row stands for. */
    private int parseConditions(int row) {
        int opcodes = 1;
        int c = bytes[position];
        if (c == '+') {
            opcodes = 8;
            c = bytes[++position];
        } else if (c == '%') {
            opcodes = 16;
            c = bytes[++position];
        }
        if (c == '/') {
            require(row, 0x38, hex(bytes[position + 1]) << 3);
            attributes[row] |= MODRM;
            position += 2;
        } else if (c == '@') {
            require(row, STATE_MODRM, hex(bytes[position + 1]) << 4 | hex(bytes[position + 2]));
            attributes[row] |= MODRM;
            position += 3;
        }
        while (bytes[position] == '.') {
            c = bytes[position + 1];
            int d = bytes[position + 2];
            position += 3;
            switch (c) {
                case 'n':
                    if (d == 'p') {
                        require(row, 3 << STATE_PP_SHIFT, 0);
                    } else if (d == 'b') {
                        require(row, STATE_EVEX_B, 0);
                    } else {
                        require(row, 2 << STATE_PP_SHIFT, 0);
                        position--;
                    }
                    break;
                case '6':
                    require(row, 3 << STATE_PP_SHIFT, 1 << STATE_PP_SHIFT);
                    break;
                case 'f':
                    require(row, 3 << STATE_PP_SHIFT, (d == '3' ? 2 : 3) << STATE_PP_SHIFT);
                    break;
                case 'w':
                    require(row, STATE_W, d == '1' ? STATE_W : 0);
                    break;
                case 'l':
                    require(row, 3 << STATE_L_SHIFT, (d - '0') << STATE_L_SHIFT);
                    break;
                case 'b':
                    require(row, STATE_B, 0);
                    break;
                case 'm':
                    require(row, STATE_MOD3, STATE_MOD3);
                    break;
                case 'o':
                    require(
                            row,
                            3 << STATE_OSZ_SHIFT,
                            (d == '1' ? 0 : d == '3' ? 1 : 2) << STATE_OSZ_SHIFT);
                    position++;
                    break;
                default:
                    throw new IllegalStateException("unknown condition at " + position);
            }
        }
        return opcodes;
    }

    private void parseOperands(int row) {
        if (bytes[position] == '-') {
            position++;
            return;
        }
        long packed = 0;
        int shift = 0;
        int immediate = 0;
        while (true) {
            int access = 1;
            int c = bytes[position];
            if (c == '=') {
                access = 2;
                c = bytes[++position];
            } else if (c == '+') {
                access = 3;
                c = bytes[++position];
            } else if (c == '!') {
                access = 0;
                c = bytes[++position];
            }
            int form = FORM_BY_LETTER[c];
            int size = 'n';
            if (form == 0) {
                form = parseNamedForm(c);
            } else if (form != FORM_1 && bytes[position + 1] > ',') {
                size = bytes[++position];
            }
            position++;
            if (form == FORM_KG || form == FORM_KE || form == FORM_KU || form == FORM_KH) {
                size = bytes[position++];
            }
            if (form == FORM_BO) {
                size = 'o';
            }
            noteForm(row, form);
            immediate = addImmediate(immediate, form, size);
            packed |=
                    (long) (form | (size - SIZE_BASE) << SIZE_SHIFT | access << ACCESS_SHIFT)
                            << shift;
            shift += OPERAND_BITS;
            if (bytes[position] != ',') {
                break;
            }
            position++;
        }
        operands[row] = packed;
        attributes[row] |= immediate << IMM_SHIFT;
    }

    /**
     * Forms of two letters that are not form and size; leaves the position at the second letter.
     */
    private int parseNamedForm(int first) {
        int second = bytes[++position];
        switch (first) {
            case 's':
                return second == '0'
                        ? FORM_ST0
                        : second == 'i' ? FORM_STI : second == '4' ? FORM_FS : FORM_GS;
            case 'x':
                return FORM_XMM0;
            case 'k':
                return second == 'g'
                        ? FORM_KG
                        : second == 'e' ? FORM_KE : second == 'u' ? FORM_KU : FORM_KH;
            case 'b':
                return second == 'g' ? FORM_BG : FORM_BO;
            case 't':
                return second == 'g' ? FORM_TG : second == 'u' ? FORM_TU : FORM_TH;
            default:
                throw new IllegalStateException("unknown operand form at " + position);
        }
    }

    private void noteForm(int row, int form) {
        switch (form) {
            case FORM_M:
            case FORM_T:
                require(row, STATE_MOD3, 0);
                attributes[row] |= MODRM;
                break;
            case FORM_R:
            case FORM_U:
            case FORM_N:
            case FORM_KU:
            case FORM_TU:
            case FORM_STI:
                require(row, STATE_MOD3, STATE_MOD3);
                attributes[row] |= MODRM;
                break;
            case FORM_E:
            case FORM_G:
            case FORM_V:
            case FORM_W:
            case FORM_P:
            case FORM_Q:
            case FORM_S:
            case FORM_C:
            case FORM_D:
            case FORM_KG:
            case FORM_KE:
            case FORM_BG:
            case FORM_BO:
            case FORM_TG:
                attributes[row] |= MODRM;
                break;
            case FORM_B:
            case FORM_H:
            case FORM_KH:
            case FORM_TH:
                usesVvvv = true;
                break;
            default:
                break;
        }
        if (form == FORM_T) {
            attributes[row] |= VSIB;
        }
    }

    private static int addImmediate(int sofar, int form, int size) {
        if (form == FORM_O) {
            return IMM_OFFSET;
        }
        if (form == FORM_L) {
            return IMM_B;
        }
        if (form != FORM_I && form != FORM_J) {
            return sofar;
        }
        switch (size) {
            case 'b':
            case 'i':
                return sofar == IMM_W ? IMM_WB : sofar == IMM_B ? IMM_BB : IMM_B;
            case 'w':
                return IMM_W;
            case 'z':
                return IMM_Z;
            default:
                return IMM_V;
        }
    }

    private void parseAttribute(int row) {
        int start = position;
        int c = bytes[start];
        int d = bytes[start + 1];
        if (d == ':' || d == '?') {
            position += d == ':' ? 2 : 3;
            if (d == '?') {
                attributes[row] |= FLAGS_CONDITIONAL;
            }
            switch (c) {
                case 'r':
                    flags[row] |= parseFlags();
                    break;
                case 'w':
                    flags[row] |= parseFlags() << 16;
                    break;
                case 'i':
                    implicit[row] |= parseRegisters();
                    break;
                default:
                    implicit[row] |= parseRegisters() << 16;
                    break;
            }
            return;
        }
        while (bytes[position] > ' ') {
            position++;
        }
        int third = position - start > 2 ? bytes[start + 2] : 0;
        attributes[row] |= attributeBits(c | d << 8 | third << 16);
    }

    private int parseFlags() {
        int bits = 0;
        int c;
        while ((c = bytes[position]) > ' ') {
            bits |=
                    switch (c) {
                        case '*' -> Instruction.FLAGS_ARITHMETIC;
                        case 'o' -> Instruction.FLAG_OF;
                        case 's' -> Instruction.FLAG_SF;
                        case 'z' -> Instruction.FLAG_ZF;
                        case 'a' -> Instruction.FLAG_AF;
                        case 'p' -> Instruction.FLAG_PF;
                        case 'c' -> Instruction.FLAG_CF;
                        case 'd' -> Instruction.FLAG_DF;
                        case 'i' -> Instruction.FLAG_IF;
                        default -> throw new IllegalStateException("unknown flag at " + position);
                    };
            position++;
        }
        return bits;
    }

    private int parseRegisters() {
        int bits = 0;
        while (true) {
            switch (bytes[position] << 8 | bytes[position + 1]) {
                case 'a' << 8 | 'x':
                    bits |= 1;
                    break;
                case 'c' << 8 | 'x':
                    bits |= 1 << 1;
                    break;
                case 'd' << 8 | 'x':
                    bits |= 1 << 2;
                    break;
                case 'b' << 8 | 'x':
                    bits |= 1 << 3;
                    break;
                case 'b' << 8 | 'p':
                    bits |= 1 << 5;
                    break;
                case 'd' << 8 | 'i':
                    bits |= 1 << 7;
                    break;
                case 'r' << 8 | '1':
                    bits |= 1 << 11;
                    break;
                default:
                    throw new IllegalStateException("unknown register at " + position);
            }
            while (bytes[position] > ',') {
                position++;
            }
            if (bytes[position] != ',') {
                return bits;
            }
            position++;
        }
    }

    /** Bits of an attribute by the first three letters of its word, first letter lowest. */
    private static int attributeBits(int word) {
        switch (word) {
            case 's' | 'e' << 8 | 'n' << 16:
                return SENSITIVE;
            case 'e' | 'n' << 8 | 'd' << 16:
                return BLOCK_END;
            case 'd' | '6' << 8 | '4' << 16:
                return DEFAULT_64;
            case 'p' | 'u' << 8 | 's' << 16:
                return PUSH;
            case 'p' | 'o' << 8 | 'p' << 16:
                return POP;
            case 'o' | 'd' << 8 | 'd' << 16:
                return ODD_MEMORY;
            case 'n' | 'o' << 8 | 'm' << 16:
                return NO_MOD;
            case 'm' | 'r' << 8:
                return ODD_READ;
            case 'm' | 'w' << 8:
                return ODD_WRITE;
            case 'j' | 'm' << 8 | 'p' << 16:
                return 1;
            case 'j' | 'c' << 8 | 'c' << 16:
                return 2;
            case 'c' | 'a' << 8 | 'l' << 16:
                return 3;
            case 'r' | 'e' << 8 | 't' << 16:
                return 4;
            case 'i' | 'j' << 8 | 'm' << 16:
                return 5;
            case 'i' | 'c' << 8 | 'a' << 16:
                return 6;
            case 'l' | 'o' << 8 | 'o' << 16:
                return 7;
            case 'j' | 'r' << 8 | 'c' << 16:
                return 8;
            case 'f' | 'a' << 8 | 'r' << 16:
                return 9;
            case 'm' | 'o' << 8 | 'v' << 16:
                return 1 << STRING_SHIFT;
            case 'c' | 'm' << 8 | 'p' << 16:
                return 2 << STRING_SHIFT;
            case 's' | 't' << 8 | 'o' << 16:
                return 3 << STRING_SHIFT;
            case 'l' | 'o' << 8 | 'd' << 16:
                return 4 << STRING_SHIFT;
            case 's' | 'c' << 8 | 'a' << 16:
                return 5 << STRING_SHIFT;
            case 'i' | 'n' << 8 | 's' << 16:
                return 6 << STRING_SHIFT;
            case 'o' | 'u' << 8 | 't' << 16:
                return 7 << STRING_SHIFT;
            case 'b' | '2' << 8:
                return BROADCAST_2 << BROADCAST_SHIFT;
            case 'b' | '4' << 8:
                return BROADCAST_4 << BROADCAST_SHIFT;
            case 'b' | '8' << 8:
                return BROADCAST_8 << BROADCAST_SHIFT;
            case 'b' | 'w' << 8:
                return BROADCAST_BY_W << BROADCAST_SHIFT;
            case 'v' | 's' << 8 | 'x' << 16:
                return VSIB;
            case 'v' | 's' << 8 | 'j' << 16:
                return VSIB | VSIB_HALF;
            case 's' | '1' << 8:
                return 1 << ELEMENT_SHIFT;
            case 's' | '2' << 8:
                return 2 << ELEMENT_SHIFT;
            case 's' | '4' << 8:
                return 3 << ELEMENT_SHIFT;
            case 's' | '8' << 8:
                return 4 << ELEMENT_SHIFT;
            case 'e' | 'r' << 8:
                return ROUNDING;
            case 's' | 'a' << 8 | 'e' << 16:
                return SUPPRESS;
            default:
                throw new IllegalStateException("unknown attribute: " + Integer.toHexString(word));
        }
    }
}
