// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import java.util.StringJoiner;

/** One-line description of what an instruction does, in the third column of the vector files. */
final class InstructionDescription {
    private InstructionDescription() {}

    /** Attributes of {@code in}, in a fixed order, those without effect left out. */
    static String of(Instruction in) {
        StringJoiner words = new StringJoiner(" ");
        addRegisters(words, "in:", in.gprReads());
        addRegisters(words, "out:", in.gprWrites());
        if (in.readsRspOperand() || in.writesRspOperand()) {
            words.add(
                    "rsp:"
                            + (in.readsRspOperand() ? "r" : "")
                            + (in.writesRspOperand() ? "w" : ""));
        }
        addFlags(words, "fin:", in.flagsRead());
        addFlags(words, "fout:", in.flagsWritten());
        addFlags(words, "fkill:", in.flagsKilled());
        if (in.memoryOperandIndex() >= 0) {
            String access =
                    (in.memoryOperandRead() ? "r" : "") + (in.memoryOperandWritten() ? "w" : "");
            words.add("mem:" + (access.isEmpty() ? "-" : access) + in.memoryOperandSize());
        }
        if (in.memoryRead() || in.memoryWritten()) {
            words.add("any:" + (in.memoryRead() ? "r" : "") + (in.memoryWritten() ? "w" : ""));
        }
        if (in.implicitStack()) {
            words.add((in.stackPush() ? "push" : "pop") + in.stackAccessSize());
        }
        if (in.stringOp() != StringOp.NONE) {
            words.add("string:" + in.stringOp() + in.stringElementSize());
        }
        if (in.branch() != BranchKind.NONE) {
            words.add("branch:" + in.branch());
        }
        if (in.hasOddMemory()) {
            words.add("odd");
        }
        if (in.isSensitive()) {
            words.add("sensitive:" + in.mnemonic());
        }
        if (in.endsBlock()) {
            words.add("end");
        }
        return words.toString();
    }

    private static void addRegisters(StringJoiner words, String prefix, int mask) {
        if (mask == 0) {
            return;
        }
        StringJoiner names = new StringJoiner(",", prefix, "");
        for (int i = 0; i < 16; i++) {
            if ((mask >> i & 1) != 0) {
                names.add(InstructionFormatter.registerName(i, 8));
            }
        }
        words.add(names.toString());
    }

    private static void addFlags(StringJoiner words, String prefix, int flags) {
        if (flags == 0) {
            return;
        }
        StringBuilder letters = new StringBuilder(prefix);
        String names = "c.p.a.zs.ido";
        for (int i = 0; i < names.length(); i++) {
            if ((flags >> i & 1) != 0) {
                letters.append(names.charAt(i));
            }
        }
        words.add(letters.toString());
    }
}
