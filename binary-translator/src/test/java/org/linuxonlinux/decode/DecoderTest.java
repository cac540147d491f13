// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class DecoderTest {
    private final Instruction in = new Instruction();

    private Instruction decode(String hex) {
        byte[] code = HexFormat.of().parseHex(hex);
        assertEquals(code.length, Decoder.decode(code, 0, code.length, in), hex);
        return in;
    }

    @Test
    void locatesEveryFieldOfALongEncoding() {
        // es lock add QWORD PTR gs:[r12+r13*8+0x11223344],0x55667788
        decode("2665f04b8184ec4433221188776655");
        assertEquals(15, in.length());
        assertEquals(3, in.legacyPrefixCount());
        assertEquals(3, in.rexOffset());
        assertEquals(0x4b, in.rex());
        assertEquals(4, in.opcodeOffset());
        assertEquals(5, in.modrmOffset());
        assertEquals(6, in.sibOffset());
        assertEquals(7, in.dispOffset());
        assertEquals(4, in.dispSize());
        assertEquals(0x11223344, in.disp());
        assertEquals(11, in.immOffset());
        assertEquals(4, in.immSize());
        assertEquals(0x55667788, in.imm());
        assertEquals(12, in.base());
        assertEquals(13, in.index());
        assertEquals(8, in.scale());
        assertEquals(Instruction.SEGMENT_GS, in.segment());
        assertTrue(in.hasPrefix(Instruction.PREFIX_LOCK));
        assertEquals(-1, in.vexOffset());
    }

    @Test
    void findsNoBaseInRipRelativeAndAbsoluteForms() {
        assertTrue(decode("488b0500000000").ripRelative());
        assertEquals(Instruction.NO_REGISTER, in.base());
        assertFalse(decode("488b042500000000").ripRelative());
        assertEquals(Instruction.NO_REGISTER, in.base());
        assertEquals(Instruction.NO_REGISTER, in.index());
        // With mod = 1 the same rm value means rbp, with REX.B r13.
        assertEquals(5, decode("488b4500").base());
        assertEquals(13, decode("498b4500").base());
        // rm = 5 and mod = 0 is RIP-relative whatever REX.B says.
        assertTrue(decode("498b0500000000").ripRelative());
    }

    @Test
    void keepsVexOperandsApart() {
        // bzhi rax,QWORD PTR [rsp+r9*4],r10
        decode("c4a2a8f5048c");
        assertEquals(Encoding.VEX, in.encoding());
        assertEquals(0, in.vexOffset());
        assertEquals(3, in.opcodeOffset());
        assertEquals(2, in.map());
        assertEquals(10, in.vvvv());
        assertEquals(10, in.operandRegister(2));
        assertEquals(OperandSlot.VVVV, in.operandSlot(2));
        assertEquals(Instruction.RSP, in.base());
        assertEquals(9, in.index());
        assertTrue(in.w());
    }

    @Test
    void scalesEvexDisplacements() {
        // vmovdqu64 zmm0,[rdi+0x40]
        assertEquals(0x40, decode("62f1fe486f4701").disp());
        assertEquals(1, in.dispSize());
        assertEquals(64, in.memoryOperandSize());
    }

    @Test
    void readsNothingBeforeTheOffset() {
        byte[] code = {0x48, (byte) 0x90, (byte) 0xc3};
        assertEquals(1, Decoder.decode(code, 1, 3, in));
        assertEquals("nop", in.mnemonicText());
        assertEquals(Decoder.TRUNCATED, Decoder.decode(code, 3, 3, in));
    }

    @Test
    void computesBranchTargets() {
        assertEquals(0xffff_ffff_8100_0000L, decode("ebfe").branchTarget(0xffff_ffff_8100_0000L));
        assertEquals(BranchKind.JMP, in.branch());
        assertEquals(0x1000 + 5 + 0x10, decode("e810000000").branchTarget(0x1000));
    }

    @Test
    void knowsTheConstantOfEverySensitiveInstruction() {
        int anonymous = 0;
        for (OpcodeTable table : Decoder.allTables()) {
            for (int row = 0; row < table.rowCount(); row++) {
                boolean sensitive = (table.attributes[row] & OpcodeTable.SENSITIVE) != 0;
                if (sensitive && table.mnemonicOf(row) == Mnemonic.OTHER) {
                    anonymous++;
                    System.out.println("sensitive without constant: " + table.nameOf(row));
                }
            }
        }
        assertEquals(0, anonymous);
    }

    @Test
    void countsKnownAndUnknownInstructions() {
        byte[] code = HexFormat.of().parseHex("90" + "0606" + "fa" + "c3" + "06" + "4889e5");
        InstructionCensus census = InstructionCensus.sweep(code, 0, code.length);
        assertEquals(4, census.known());
        assertEquals(2, census.unknown());
        assertEquals(3, census.unknownBytes());
        assertEquals(1, census.sensitive());
        assertEquals(1, census.firstUnknown());
    }
}
