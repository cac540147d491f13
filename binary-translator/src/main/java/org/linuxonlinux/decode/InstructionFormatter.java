// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * Writes an instruction as text in Intel syntax, in the spelling of {@code objdump -M intel}
 * without symbols: for dumps of guest code, and for the test that compares the decoder with
 * objdump.
 */
public final class InstructionFormatter {
    private static final String[] GPR64 = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15"
    };
    private static final String[] GPR32 = {
        "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d",
        "r12d", "r13d", "r14d", "r15d"
    };
    private static final String[] GPR16 = {
        "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w",
        "r13w", "r14w", "r15w"
    };
    private static final String[] GPR8 = {
        "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b",
        "r13b", "r14b", "r15b"
    };
    private static final String[] HIGH_BYTE = {"ah", "ch", "dh", "bh"};
    private static final String[] SEGMENTS = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};
    private static final String[] CONDITIONS = {
        "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"
    };
    private static final String[] ROUNDINGS = {"{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"};

    private InstructionFormatter() {}

    /** Name of general register {@code number} (0–15) of {@code sizeBytes} 1, 2, 4 or 8. */
    public static String registerName(int number, int sizeBytes) {
        switch (sizeBytes) {
            case 1:
                return GPR8[number];
            case 2:
                return GPR16[number];
            case 4:
                return GPR32[number];
            default:
                return GPR64[number];
        }
    }

    /** Mnemonic with its condition code, without prefixes. */
    public static String mnemonic(Instruction in) {
        String name = in.mnemonicText();
        if (in.isConditional()) {
            return name + CONDITIONS[in.condition()];
        }
        if (in.addressSizeBytes() == 4 && in.branch() == BranchKind.JRCXZ) {
            return "jecxz";
        }
        return name;
    }

    /** Prefixes that take effect beyond the opcode, mnemonic and operands. */
    public static String format(Instruction in, long rip) {
        StringBuilder text = new StringBuilder(48);
        if (in.hasPrefix(Instruction.PREFIX_LOCK)) {
            text.append("lock ");
        }
        if (in.isRepeated()) {
            boolean compares = in.stringOp() == StringOp.CMPS || in.stringOp() == StringOp.SCAS;
            boolean repne = in.hasPrefix(Instruction.PREFIX_REPNE);
            text.append(compares ? repne ? "repnz " : "repz " : repne ? "repnz " : "rep ");
        }
        text.append(mnemonic(in));
        for (int i = 0; i < in.operandCount(); i++) {
            text.append(i == 0 ? ' ' : ',');
            appendOperand(text, in, i, rip);
        }
        return text.toString();
    }

    /** Appends operand {@code i} with its opmask and broadcast or rounding decorations. */
    public static void appendOperand(StringBuilder text, Instruction in, int i, long rip) {
        switch (in.operandKind(i)) {
            case GPR:
                text.append(registerName(in.operandRegister(i), in.operandSize(i)));
                break;
            case GPR_HIGH_BYTE:
                text.append(HIGH_BYTE[in.operandRegister(i)]);
                break;
            case VECTOR:
                int size = in.operandSize(i);
                text.append(size == 64 ? "zmm" : size == 32 ? "ymm" : "xmm");
                text.append(in.operandRegister(i));
                break;
            case MMX:
                text.append("mm").append(in.operandRegister(i));
                break;
            case X87:
                text.append("st");
                if (in.operandSlot(i) != OperandSlot.IMPLICIT) {
                    text.append('(').append(in.operandRegister(i)).append(')');
                }
                break;
            case SEGMENT:
                text.append(SEGMENTS[in.operandRegister(i)]);
                break;
            case CONTROL:
                text.append("cr").append(in.operandRegister(i));
                break;
            case DEBUG:
                text.append("dr").append(in.operandRegister(i));
                break;
            case MASK:
                text.append('k').append(in.operandRegister(i));
                break;
            case BOUND:
                text.append("bnd").append(in.operandRegister(i));
                break;
            case TILE:
                text.append("tmm").append(in.operandRegister(i));
                break;
            case MEMORY:
                appendMemory(text, in, i);
                break;
            case MEMORY_OFFSET:
                text.append(segmentName(in, "ds")).append(':');
                appendHex(text, in.disp());
                break;
            case MEMORY_SI:
                appendPointer(text, in.operandSize(i));
                text.append(segmentName(in, "ds")).append(":[");
                text.append(registerName(6, in.addressSizeBytes())).append(']');
                break;
            case MEMORY_DI:
                appendPointer(text, in.operandSize(i));
                text.append("es:[").append(registerName(7, in.addressSizeBytes())).append(']');
                break;
            case IMMEDIATE:
                appendImmediate(text, in, i);
                break;
            case RELATIVE:
                appendHex(text, in.branchTarget(rip));
                break;
            case CONSTANT:
                text.append('1');
                break;
        }
        appendDecorations(text, in, i);
    }

    private static void appendDecorations(StringBuilder text, Instruction in, int i) {
        if (in.encoding() != Encoding.EVEX) {
            return;
        }
        if (i == 0 && in.opmask() != 0) {
            text.append("{k").append(in.opmask()).append('}');
        }
        if (i == 0 && in.zeroesMasked()) {
            text.append("{z}");
        }
        boolean last =
                i + 1 == in.operandCount()
                        ? in.operandKind(i) != OperandKind.IMMEDIATE
                        : in.operandKind(i + 1) == OperandKind.IMMEDIATE;
        if (last && in.evexBroadcast && in.mod() == 3) {
            text.append(',');
            text.append(in.allowsRounding() ? ROUNDINGS[in.evexRounding] : "{sae}");
        }
    }

    private static String segmentName(Instruction in, String without) {
        int segment = in.segment();
        return segment == Instruction.SEGMENT_NONE ? without : SEGMENTS[segment];
    }

    private static void appendHex(StringBuilder text, long value) {
        text.append("0x").append(Long.toHexString(value));
    }

    private static void appendImmediate(StringBuilder text, Instruction in, int i) {
        long value = in.imm();
        boolean second =
                in.imm2Size() != 0 && i > 0 && in.operandKind(i - 1) == OperandKind.IMMEDIATE;
        if (second) {
            value = in.imm2();
        } else {
            int size = in.isImmediateExtended(i) ? in.operandSizeBytes() : in.immSize();
            if (size < 8) {
                value &= (1L << (size * 8)) - 1;
            }
        }
        appendHex(text, value);
    }

    private static void appendPointer(StringBuilder text, int size) {
        switch (size) {
            case 1:
                text.append("BYTE PTR ");
                break;
            case 2:
                text.append("WORD PTR ");
                break;
            case 4:
                text.append("DWORD PTR ");
                break;
            case 6:
                text.append("FWORD PTR ");
                break;
            case 8:
                text.append("QWORD PTR ");
                break;
            case 10:
                text.append("TBYTE PTR ");
                break;
            case 16:
                text.append("XMMWORD PTR ");
                break;
            case 32:
                text.append("YMMWORD PTR ");
                break;
            case 64:
                text.append("ZMMWORD PTR ");
                break;
            default:
                break;
        }
    }

    private static void appendMemory(StringBuilder text, Instruction in, int i) {
        int size = in.operandSize(i);
        int broadcast = in.broadcastSize();
        char sizeCode = in.sizeCode(i);
        if (sizeCode == 'O') {
            text.append("OWORD PTR ");
        } else if (sizeCode != 'g' && sizeCode != 'G') {
            appendPointer(text, size);
        }
        if (broadcast != 0) {
            text.setLength(text.length() - 4);
            text.append("BCST ");
        }
        if (in.segment() != Instruction.SEGMENT_NONE) {
            text.append(segmentName(in, "")).append(':');
        }
        int addressSize = in.addressSizeBytes();
        long disp = in.disp();
        if (in.ripRelative()) {
            text.append(addressSize == 4 ? "[eip" : "[rip");
            text.append('+');
            appendHex(text, addressSize == 4 ? disp & 0xffff_ffffL : disp);
            text.append(']');
            return;
        }
        int base = in.base();
        int index = in.isVectorIndexed() ? in.vectorIndex() : in.index();
        if (base < 0 && index < 0) {
            if (in.segment() == Instruction.SEGMENT_NONE) {
                text.append("ds:");
            }
            appendHex(text, addressSize == 4 ? disp & 0xffff_ffffL : disp);
            return;
        }
        text.append('[');
        if (base >= 0) {
            text.append(registerName(base, addressSize));
        }
        if (index >= 0) {
            text.append(base >= 0 ? "+" : "");
            if (in.isVectorIndexed()) {
                int indexSize = in.vectorIndexSize();
                text.append(indexSize == 64 ? "zmm" : indexSize == 32 ? "ymm" : "xmm");
                text.append(index);
            } else {
                text.append(registerName(index, addressSize));
            }
            text.append('*').append(in.scale());
        }
        appendDisplacement(text, disp, in.dispSize() != 0);
        text.append(']');
    }

    private static void appendDisplacement(StringBuilder text, long disp, boolean present) {
        if (disp != 0 || present) {
            text.append(disp < 0 ? '-' : '+');
            appendHex(text, Math.abs(disp));
        }
    }
}
