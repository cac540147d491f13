// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * Decodes one instruction of 64-bit mode. Stateless; any thread; never allocates and never throws
 * for any content of the bytes.
 *
 * <p>Where processors differ, AMD's behaviour is taken, as {@code objdump} does: an operand-size
 * prefix on a near branch gives it a 16-bit displacement.
 */
public final class Decoder {
    /** More bytes are needed: {@code limit} was met inside an instruction that may be valid. */
    public static final int TRUNCATED = -1;

    /** No such instruction, or one of more than 15 bytes. */
    public static final int UNDEFINED = -2;

    /** Longest instruction in bytes (Intel SDM vol. 2 §2.3.11). */
    public static final int MAX_LENGTH = 15;

    /** Number that {@link Instruction#map} gives to 3DNow! instructions. */
    static final int MAP_3DNOW = 15;

    // Result of the prefix classifier beside Instruction.PREFIX_… bits.
    private static final short CLASS_REX = 1 << 14;

    private static final short[] PREFIX_CLASS = new short[256];

    static {
        PREFIX_CLASS[0x66] = Instruction.PREFIX_OPSIZE;
        PREFIX_CLASS[0x67] = Instruction.PREFIX_ADDRSIZE;
        PREFIX_CLASS[0xf0] = Instruction.PREFIX_LOCK;
        PREFIX_CLASS[0xf3] = Instruction.PREFIX_REP;
        PREFIX_CLASS[0xf2] = Instruction.PREFIX_REPNE;
        PREFIX_CLASS[0x26] = Instruction.PREFIX_ES;
        PREFIX_CLASS[0x2e] = Instruction.PREFIX_CS;
        PREFIX_CLASS[0x36] = Instruction.PREFIX_SS;
        PREFIX_CLASS[0x3e] = Instruction.PREFIX_DS;
        PREFIX_CLASS[0x64] = Instruction.PREFIX_FS;
        PREFIX_CLASS[0x65] = Instruction.PREFIX_GS;
        for (int i = 0x40; i < 0x50; i++) {
            PREFIX_CLASS[i] = CLASS_REX;
        }
    }

    private Decoder() {}

    /**
     * Decodes the instruction at {@code offset}.
     *
     * @param code machine code; {@code out} keeps a reference to it, so its bytes must stay as they
     *     are for as long as {@code out} is asked about them
     * @param offset index of the first byte
     * @param limit index after the last byte that may be read
     * @param out receives the instruction; undefined after a negative result
     * @return length in bytes (1–15), {@link #TRUNCATED} or {@link #UNDEFINED}
     */
    public static int decode(byte[] code, int offset, int limit, Instruction out) {
        out.reset(code, offset);
        int end = offset + MAX_LENGTH;
        int noMoreBytes = UNDEFINED;
        if (limit < end) {
            end = limit;
            noMoreBytes = TRUNCATED;
        }
        int p = offset;
        int prefixes = 0;
        int repeat = 0;
        int rex = 0;
        int rexAt = -1;
        int opcode;
        while (true) {
            if (p >= end) {
                return noMoreBytes;
            }
            opcode = code[p++] & 0xff;
            int prefix = PREFIX_CLASS[opcode];
            if (prefix == 0) {
                break;
            }
            if (prefix == CLASS_REX) {
                rex = opcode;
                rexAt = p - 1 - offset;
                continue;
            }
            rex = 0;
            rexAt = -1;
            prefixes |= prefix;
            if (prefix == Instruction.PREFIX_FS) {
                out.segment = Instruction.SEGMENT_FS;
            } else if (prefix == Instruction.PREFIX_GS) {
                out.segment = Instruction.SEGMENT_GS;
            } else if (prefix == Instruction.PREFIX_REP) {
                repeat = 2;
            } else if (prefix == Instruction.PREFIX_REPNE) {
                repeat = 3;
            }
        }
        out.prefixes = prefixes;
        out.prefixEnd = p - 1 - offset;
        out.rex = rex;
        out.rexOffset = rexAt;
        out.extW = rex >> 3 & 1;
        out.extR = rex >> 2 & 1;
        out.extX = rex >> 1 & 1;
        out.extB = rex & 1;
        boolean opsize = (prefixes & Instruction.PREFIX_OPSIZE) != 0;
        int prefixCode = repeat != 0 ? repeat : opsize ? 1 : 0;
        OpcodeTable table;
        if (opcode == 0x0f) {
            if (p >= end) {
                return noMoreBytes;
            }
            opcode = code[p++] & 0xff;
            if (opcode == 0x38 || opcode == 0x3a) {
                if (p >= end) {
                    return noMoreBytes;
                }
                out.map = opcode == 0x38 ? 2 : 3;
                table = opcode == 0x38 ? Legacy38.TABLE : Legacy3A.TABLE;
                opcode = code[p++] & 0xff;
            } else if (opcode == 0x0f) {
                return decode3DNow(code, p, end, noMoreBytes, out);
            } else {
                out.map = 1;
                table = Two.TABLE;
            }
        } else if (opcode == 0xc5 || opcode == 0xc4 || opcode == 0x62) {
            if ((prefixes & Instruction.PREFIXES_BARRED_BEFORE_VEX) != 0 || rex != 0) {
                return UNDEFINED;
            }
            out.vexOffset = p - 1 - offset;
            int payload = opcode == 0xc5 ? 1 : opcode == 0xc4 ? 2 : 3;
            if (p + payload >= end) {
                return noMoreBytes;
            }
            table =
                    opcode == 0x62
                            ? parseEvex(code, p, out)
                            : parseVex(code, p, opcode == 0xc5, out);
            if (table == null) {
                return UNDEFINED;
            }
            p += payload;
            prefixCode = out.mandatoryPrefix;
            opcode = code[p++] & 0xff;
        } else {
            table = One.TABLE;
        }
        out.opcode = opcode;
        out.opcodeOffset = p - 1 - offset;
        return finish(code, p, end, noMoreBytes, table, prefixCode, out);
    }

    /** Parses the bytes after C5 or C4; returns the opcode map, null when there is none. */
    private static OpcodeTable parseVex(byte[] code, int p, boolean shortForm, Instruction out) {
        out.encoding = Encoding.VEX;
        int b = code[p];
        out.extR = ~b >> 7 & 1;
        int map = 1;
        if (!shortForm) {
            out.extX = ~b >> 6 & 1;
            out.extB = ~b >> 5 & 1;
            map = b & 31;
            b = code[p + 1];
            out.extW = b >> 7 & 1;
        }
        out.vvvv = ~b >> 3 & 15;
        out.vectorLength = b >> 2 & 1;
        out.mandatoryPrefix = b & 3;
        out.map = map;
        return map == 1 ? Vex1.TABLE : map == 2 ? Vex2.TABLE : map == 3 ? Vex3.TABLE : null;
    }

    /** Parses the three bytes after 62; returns the opcode map, null when the prefix is invalid. */
    private static OpcodeTable parseEvex(byte[] code, int p, Instruction out) {
        out.encoding = Encoding.EVEX;
        int p0 = code[p];
        int p1 = code[p + 1];
        int p2 = code[p + 2];
        if ((p0 & 8) != 0 || (p1 & 4) == 0) {
            return null;
        }
        out.extR = ~p0 >> 7 & 1;
        out.extX = ~p0 >> 6 & 1;
        out.extB = ~p0 >> 5 & 1;
        out.extR2 = ~p0 >> 4 & 1;
        out.extW = p1 >> 7 & 1;
        out.vvvv = (~p1 >> 3 & 15) | (~p2 << 1 & 16);
        out.mandatoryPrefix = p1 & 3;
        out.evexZero = (p2 & 0x80) != 0;
        out.evexBroadcast = (p2 & 16) != 0;
        out.evexMask = p2 & 7;
        out.vectorLength = p2 >> 5 & 3;
        out.map = p0 & 7;
        switch (p0 & 7) {
            case 1:
                return Evex1.TABLE;
            case 2:
                return Evex2.TABLE;
            case 3:
                return Evex3.TABLE;
            case 5:
                return Evex5.TABLE;
            case 6:
                return Evex6.TABLE;
            default:
                return null;
        }
    }

    private static int decode3DNow(byte[] code, int start, int end, int noMore, Instruction out) {
        out.map = MAP_3DNOW;
        int p = start;
        if (p >= end) {
            return noMore;
        }
        int modrm = code[p] & 0xff;
        out.modrmOffset = p++ - out.start;
        if (modrm < 0xc0) {
            p = parseMemory(code, p, end, modrm, out);
            if (p < 0) {
                return noMore;
            }
        }
        if (p >= end) {
            return noMore;
        }
        out.opcode = code[p] & 0xff;
        out.opcodeOffset = p++ - out.start;
        out.table = ThreeDNow.TABLE;
        out.row = out.table.find(out.opcode, modrm | (modrm >= 0xc0 ? OpcodeTable.STATE_MOD3 : 0));
        if (out.row < 0) {
            return UNDEFINED;
        }
        out.attributes = out.table.attributes[out.row];
        out.operandSize = 4;
        return out.length = p - out.start;
    }

    /** Everything after the opcode: ModRM, choice of the row, memory operand, immediates. */
    private static int finish(
            byte[] code,
            int start,
            int end,
            int noMore,
            OpcodeTable table,
            int prefixCode,
            Instruction out) {
        int p = start;
        int opcode = out.opcode;
        if (table.first[opcode] < 0) {
            return UNDEFINED;
        }
        int sizeCode = out.extW != 0 ? 2 : (out.prefixes & Instruction.PREFIX_OPSIZE) != 0 ? 0 : 1;
        int state =
                prefixCode << OpcodeTable.STATE_PP_SHIFT
                        | out.extW * OpcodeTable.STATE_W
                        | out.extB * OpcodeTable.STATE_B
                        | sizeCode << OpcodeTable.STATE_OSZ_SHIFT;
        int modrm = 0;
        if (table.modrm[opcode]) {
            if (p >= end) {
                return noMore;
            }
            modrm = code[p] & 0xff;
            out.modrmOffset = p++ - out.start;
            state |= modrm | (modrm >= 0xc0 ? OpcodeTable.STATE_MOD3 : 0);
        }
        if (out.encoding != Encoding.LEGACY) {
            if (out.encoding == Encoding.EVEX && !adjustEvex(modrm, out)) {
                return UNDEFINED;
            }
            state |=
                    out.vectorLength << OpcodeTable.STATE_L_SHIFT
                            | (out.vvvv != 0 ? OpcodeTable.STATE_VVVV : 0)
                            | (out.evexBroadcast ? OpcodeTable.STATE_EVEX_B : 0);
        }
        int row = table.find(opcode, state);
        if (row < 0) {
            return UNDEFINED;
        }
        int attributes = table.attributes[row];
        out.table = table;
        out.row = row;
        out.attributes = attributes;
        out.mandatoryPrefix =
                (table.mask[row] >> OpcodeTable.STATE_PP_SHIFT & 3) == 3 ? prefixCode : 0;
        out.operandSize =
                sizeCode == 1
                        ? (attributes & OpcodeTable.DEFAULT_64) != 0 ? 8 : 4
                        : sizeCode == 0 ? 2 : 8;
        if (out.modrmOffset >= 0) {
            if (modrm < 0xc0 && (attributes & OpcodeTable.NO_MOD) == 0) {
                p = parseMemory(code, p, end, modrm, out);
                if (p < 0) {
                    return noMore;
                }
            }
            if (!isOperandValid(modrm, out)) {
                return UNDEFINED;
            }
        }
        int immediate = attributes >> OpcodeTable.IMM_SHIFT & OpcodeTable.IMM_MASK;
        if (immediate != 0) {
            p = parseImmediate(code, p, end, immediate, out);
            if (p < 0) {
                return noMore;
            }
        }
        return out.length = p - out.start;
    }

    /** EVEX.b with a register operand turns L'L into the rounding mode, the length being 512. */
    private static boolean adjustEvex(int modrm, Instruction out) {
        if (out.evexBroadcast && modrm >= 0xc0) {
            out.evexRounding = out.vectorLength;
            out.vectorLength = 2;
        }
        return out.vectorLength != 3;
    }

    /** Register fields that name nothing, and restrictions the row language does not express. */
    private static boolean isOperandValid(int modrm, Instruction out) {
        int segment = modrm >> 3 & 7;
        if (out.map == 0 && out.opcode == 0x8e) {
            return segment != 1 && segment < 6;
        }
        if (out.map == 0 && out.opcode == 0x8c) {
            return segment < 6;
        }
        if (out.encoding == Encoding.LEGACY) {
            return true;
        }
        // Gather and scatter have no form without SIB, and EVEX ones demand an opmask.
        return (out.attributes & OpcodeTable.VSIB) == 0
                || (out.sibOffset >= 0 && (out.encoding == Encoding.VEX || out.evexMask != 0));
    }

    /** Parses SIB and displacement; returns the position after them, −1 when bytes are missing. */
    private static int parseMemory(byte[] code, int start, int end, int modrm, Instruction out) {
        int p = start;
        int mod = modrm >> 6;
        int low = modrm & 7;
        if (low == 4) {
            if (p >= end) {
                return -1;
            }
            out.sibOffset = p - out.start;
            low = code[p++] & 7;
        }
        if (mod == 1) {
            if (p >= end) {
                return -1;
            }
            out.dispOffset = p - out.start;
            out.dispSize = 1;
            int disp = code[p++];
            out.disp = out.encoding == Encoding.EVEX ? (long) disp * out.evexDisp8Scale() : disp;
        } else if (mod == 2 || low == 5) {
            if (p + 4 > end) {
                return -1;
            }
            out.dispOffset = p - out.start;
            out.dispSize = 4;
            out.disp = read32(code, p);
            p += 4;
        }
        return p;
    }

    private static int parseImmediate(byte[] code, int start, int end, int kind, Instruction out) {
        int p = start;
        int size;
        switch (kind) {
            case OpcodeTable.IMM_B:
            case OpcodeTable.IMM_BB:
                size = 1;
                break;
            case OpcodeTable.IMM_W:
            case OpcodeTable.IMM_WB:
                size = 2;
                break;
            case OpcodeTable.IMM_Z:
                size = out.operandSize == 2 ? 2 : 4;
                break;
            case OpcodeTable.IMM_V:
                size = out.operandSize;
                break;
            default:
                size = out.addressSizeBytes();
                break;
        }
        if (p + size > end) {
            return -1;
        }
        long imm;
        switch (size) {
            case 1:
                imm = code[p];
                break;
            case 2:
                imm = (short) ((code[p] & 0xff) | code[p + 1] << 8);
                break;
            case 4:
                imm = read32(code, p);
                break;
            default:
                imm = (read32(code, p) & 0xffff_ffffL) | (long) read32(code, p + 4) << 32;
                break;
        }
        if (kind == OpcodeTable.IMM_OFFSET) {
            out.dispOffset = p - out.start;
            out.dispSize = size;
            out.disp = size == 4 ? imm & 0xffff_ffffL : imm;
            return p + size;
        }
        out.immOffset = p - out.start;
        out.immSize = size;
        out.imm = imm;
        p += size;
        if (kind == OpcodeTable.IMM_WB || kind == OpcodeTable.IMM_BB) {
            if (p >= end) {
                return -1;
            }
            out.imm2Size = 1;
            out.imm2 = code[p++] & 0xff;
        }
        return p;
    }

    private static int read32(byte[] code, int p) {
        return (code[p] & 0xff)
                | (code[p + 1] & 0xff) << 8
                | (code[p + 2] & 0xff) << 16
                | code[p + 3] << 24;
    }

    /** Every opcode map, for tests of the tables. */
    static OpcodeTable[] allTables() {
        return new OpcodeTable[] {
            One.TABLE,
            Two.TABLE,
            Legacy38.TABLE,
            Legacy3A.TABLE,
            ThreeDNow.TABLE,
            Vex1.TABLE,
            Vex2.TABLE,
            Vex3.TABLE,
            Evex1.TABLE,
            Evex2.TABLE,
            Evex3.TABLE,
            Evex5.TABLE,
            Evex6.TABLE
        };
    }

    // One holder per map: a map is parsed when its first instruction is met.

    /** One-byte opcodes. */
    private static final class One {
        static final OpcodeTable TABLE = new OpcodeTable(OneByteMap.ROWS, false);

        private One() {}
    }

    /** After 0F. */
    private static final class Two {
        static final OpcodeTable TABLE = new OpcodeTable(TwoByteMap.ROWS, false);

        private Two() {}
    }

    /** After 0F 38. */
    private static final class Legacy38 {
        static final OpcodeTable TABLE = new OpcodeTable(Map0F38.ROWS, false);

        private Legacy38() {}
    }

    /** After 0F 3A. */
    private static final class Legacy3A {
        static final OpcodeTable TABLE = new OpcodeTable(Map0F3A.ROWS, false);

        private Legacy3A() {}
    }

    /** 3DNow!. */
    private static final class ThreeDNow {
        static final OpcodeTable TABLE = new OpcodeTable(Map3DNow.ROWS, false);

        private ThreeDNow() {}
    }

    /** VEX map 1. */
    private static final class Vex1 {
        static final OpcodeTable TABLE = new OpcodeTable(VexMap0F.ROWS, true);

        private Vex1() {}
    }

    /** VEX map 2. */
    private static final class Vex2 {
        static final OpcodeTable TABLE = new OpcodeTable(VexMap0F38.ROWS, true);

        private Vex2() {}
    }

    /** VEX map 3. */
    private static final class Vex3 {
        static final OpcodeTable TABLE = new OpcodeTable(VexMap0F3A.ROWS, true);

        private Vex3() {}
    }

    /** EVEX map 1. */
    private static final class Evex1 {
        static final OpcodeTable TABLE = new OpcodeTable(EvexMap0F.ROWS, true);

        private Evex1() {}
    }

    /** EVEX map 2. */
    private static final class Evex2 {
        static final OpcodeTable TABLE = new OpcodeTable(EvexMap0F38.ROWS, true);

        private Evex2() {}
    }

    /** EVEX map 3. */
    private static final class Evex3 {
        static final OpcodeTable TABLE = new OpcodeTable(EvexMap0F3A.ROWS, true);

        private Evex3() {}
    }

    /** EVEX map 5. */
    private static final class Evex5 {
        static final OpcodeTable TABLE = new OpcodeTable(EvexMap5.ROWS, true);

        private Evex5() {}
    }

    /** EVEX map 6. */
    private static final class Evex6 {
        static final OpcodeTable TABLE = new OpcodeTable(EvexMap6.ROWS, true);

        private Evex6() {}
    }
}
