// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.asm.Reg.r10;
import static org.linuxonlinux.asm.Reg.r11;
import static org.linuxonlinux.asm.Reg.r12;
import static org.linuxonlinux.asm.Reg.r13;
import static org.linuxonlinux.asm.Reg.r14;
import static org.linuxonlinux.asm.Reg.r15;
import static org.linuxonlinux.asm.Reg.r8;
import static org.linuxonlinux.asm.Reg.r9;
import static org.linuxonlinux.asm.Reg.rax;
import static org.linuxonlinux.asm.Reg.rbp;
import static org.linuxonlinux.asm.Reg.rbx;
import static org.linuxonlinux.asm.Reg.rcx;
import static org.linuxonlinux.asm.Reg.rdi;
import static org.linuxonlinux.asm.Reg.rdx;
import static org.linuxonlinux.asm.Reg.rsi;
import static org.linuxonlinux.asm.Reg.rsp;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.linuxonlinux.testing.Golden;

class AssemblerTest {
    private static final String VECTORS = "org/linuxonlinux/asm/assembler.vectors";
    private static final long BASE_HVA = 0x7be0_0010_0000L;
    // The symbols FAR and NEAR of the vectors.
    private static final long FAR_HVA = BASE_HVA + 0x1000;
    private static final Mem FAR = Mem.ripRelative(FAR_HVA);

    private final Map<String, Consumer<Assembler>> rows = new LinkedHashMap<>();

    AssemblerTest() {
        moves();
        addressingForms();
        arithmetic();
        stack();
        branches();
        others();
    }

    private void row(String text, Consumer<Assembler> emit) {
        if (rows.put(text, emit) != null) {
            throw new IllegalArgumentException("row appears twice: " + text);
        }
    }

    private void moves() {
        row("mov rax, rbx", a -> a.movq(rax, rbx));
        row("mov r8, rsp", a -> a.movq(r8, rsp));
        row("mov rsp, r15", a -> a.movq(rsp, r15));
        row("mov eax, r11d", a -> a.movl(rax, r11));
        row("mov r9d, esi", a -> a.movl(r9, rsi));
        row("mov ecx, dword ptr [rbx]", a -> a.movl(rcx, Mem.base(rbx)));
        row("mov qword ptr [rdi+8], r14", a -> a.movq(Mem.base(rdi, 8), r14));
        row("mov dword ptr [rdi+8], r14d", a -> a.movl(Mem.base(rdi, 8), r14));
        row("mov word ptr [rdi+8], ax", a -> a.movw(Mem.base(rdi, 8), rax));
        row("mov word ptr fs:[r9], r10w", a -> a.movw(Mem.base(r9).fs(), r10));
        row("mov byte ptr [rdi], al", a -> a.movb(Mem.base(rdi), rax));
        row("mov byte ptr [rdi], sil", a -> a.movb(Mem.base(rdi), rsi));
        row("mov byte ptr gs:[rdi], r9b", a -> a.movb(Mem.base(rdi).gs(), r9));
        row("mov eax, 0x80000000", a -> a.movImm(rax, 0x8000_0000L));
        row("mov r10d, 7", a -> a.movImm(r10, 7));
        row("mov rdx, -2", a -> a.movImm(rdx, -2));
        row("mov r12, -0x80000000", a -> a.movImm(r12, -0x8000_0000L));
        row("movabs rbx, 0x7c0000000000", a -> a.movImm(rbx, 0x7c00_0000_0000L));
        row("movabs r15, 0xffffffff7fffffff", a -> a.movImm(r15, 0xffff_ffff_7fff_ffffL));
        row("mov qword ptr [rbx], -1", a -> a.movqImm(Mem.base(rbx), -1));
        row("mov qword ptr FAR[rip], 0x200", a -> a.movqImm(FAR, 0x200));
        row("mov dword ptr gs:FAR[rip], 5", a -> a.movlImm(FAR.gs(), 5));
        row("mov dword ptr [r13+4], 0x12345678", a -> a.movlImm(Mem.base(r13, 4), 0x1234_5678));
        row("mov word ptr FAR[rip], 0x1234", a -> a.movwImm(FAR, 0x1234));
        row("mov byte ptr FAR[rip], 0x12", a -> a.movbImm(FAR, 0x12));
        row("movsxd rcx, dword ptr [rsp]", a -> a.movsxd(rcx, Mem.base(rsp)));
        row("movsxd r8, r9d", a -> a.movsxd(r8, r9));
        row("movzx eax, byte ptr [r12+1]", a -> a.movzxb(rax, Mem.base(r12, 1)));
        row("movzx r15d, word ptr gs:[rax]", a -> a.movzxw(r15, Mem.base(rax).gs()));
        row("lea rax, [rax+rbx*1-0x200]", a -> a.leaq(rax, Mem.indexed(rax, rbx, 1, -0x200)));
        row("lea rsp, FAR[rip]", a -> a.leaq(rsp, FAR));
        row("xchg rdx, rbx", a -> a.xchgq(rdx, rbx));
        row("xchg qword ptr [rsp], r9", a -> a.xchgq(Mem.base(rsp), r9));
        row("rorx rcx, rax, 47", a -> a.rorxq(rcx, rax, 47));
        row("rorx r12, r9, 1", a -> a.rorxq(r12, r9, 1));
        row("pdep rcx, rcx, qword ptr FAR[rip]", a -> a.pdepq(rcx, rcx, FAR));
        row(
                "pdep r9, rbp, qword ptr [r10+r11*2]",
                a -> a.pdepq(r9, rbp, Mem.indexed(r10, r11, 2, 0)));
        row("pext rax, r15, qword ptr gs:[rbx]", a -> a.pextq(rax, r15, Mem.base(rbx).gs()));
    }

    private void addressingForms() {
        row("mov rax, qword ptr [rax]", a -> a.movq(rax, Mem.base(rax)));
        row("mov rax, qword ptr [rsp]", a -> a.movq(rax, Mem.base(rsp)));
        row("mov rax, qword ptr [rbp+0]", a -> a.movq(rax, Mem.base(rbp)));
        row("mov rax, qword ptr [r12]", a -> a.movq(rax, Mem.base(r12)));
        row("mov rax, qword ptr [r13+0]", a -> a.movq(rax, Mem.base(r13)));
        row("mov rax, qword ptr [rsp+0x7f]", a -> a.movq(rax, Mem.base(rsp, 0x7f)));
        row("mov rax, qword ptr [rsp-0x80]", a -> a.movq(rax, Mem.base(rsp, -0x80)));
        row("mov rax, qword ptr [r12+0x80]", a -> a.movq(rax, Mem.base(r12, 0x80)));
        row("mov rax, qword ptr [rdi-0x81]", a -> a.movq(rax, Mem.base(rdi, -0x81)));
        row("mov rax, qword ptr [rbx+rcx*8]", a -> a.movq(rax, Mem.indexed(rbx, rcx, 8, 0)));
        row("mov rax, qword ptr [r13+r12*4+0]", a -> a.movq(rax, Mem.indexed(r13, r12, 4, 0)));
        row("mov rax, qword ptr [rsp+rbp*2+1]", a -> a.movq(rax, Mem.indexed(rsp, rbp, 2, 1)));
        row(
                "mov rax, qword ptr [rbp+r8*1+0x1000]",
                a -> a.movq(rax, Mem.indexed(rbp, r8, 1, 0x1000)));
        row(
                "mov rax, qword ptr [rcx*8-0x80000000]",
                a -> a.movq(rax, Mem.indexed(null, rcx, 8, Integer.MIN_VALUE)));
        row("mov rax, qword ptr [r13*2+0]", a -> a.movq(rax, Mem.indexed(null, r13, 2, 0)));
        row("mov rbx, qword ptr ds:[0x1000]", a -> a.movq(rbx, Mem.absolute(0x1000)));
        row(
                "mov rbx, qword ptr gs:[0xffffffff81000000]",
                a -> a.movq(rbx, Mem.absolute(0x8100_0000).gs()));
        row("mov rbx, qword ptr fs:[0x28]", a -> a.movq(rbx, Mem.absolute(0x28).fs()));
        row("mov r9, qword ptr FAR[rip]", a -> a.movq(r9, FAR));
        row("mov qword ptr FAR[rip], r9", a -> a.movq(FAR, r9));
    }

    private void arithmetic() {
        row("add rax, r9", a -> a.addq(rax, r9));
        row("add r9, qword ptr FAR[rip]", a -> a.addq(r9, FAR));
        row("add rbx, 0x40", a -> a.addqImm(rbx, 0x40));
        row("add rbx, 0x1000", a -> a.addqImm(rbx, 0x1000));
        row("add qword ptr FAR[rip], 1", a -> a.addqImm(FAR, 1));
        row("add qword ptr FAR[rip], 0x100", a -> a.addqImm(FAR, 0x100));
        row("sub r12, rdx", a -> a.subq(r12, rdx));
        row("sub rsp, qword ptr FAR[rip]", a -> a.subq(rsp, FAR));
        row("sub r12, 1", a -> a.subqImm(r12, 1));
        row("and rdx, rcx", a -> a.andq(rdx, rcx));
        row("and rdx, -8", a -> a.andqImm(rdx, -8));
        row("and edx, 0x200", a -> a.andlImm(rdx, 0x200));
        row("or rbx, r8", a -> a.orq(rbx, r8));
        row("or rbx, 2", a -> a.orqImm(rbx, 2));
        row("xor ecx, ecx", a -> a.xorl(rcx, rcx));
        row("cmp rcx, r11", a -> a.cmpq(rcx, r11));
        row("cmp rcx, qword ptr [rsp]", a -> a.cmpq(rcx, Mem.base(rsp)));
        row("cmp rcx, 0x33", a -> a.cmpqImm(rcx, 0x33));
        row("cmp ecx, 0x33", a -> a.cmplImm(rcx, 0x33));
        row("cmp qword ptr FAR[rip], 0", a -> a.cmpqImm(FAR, 0));
        row("cmp dword ptr [rsp+32], 0x2b", a -> a.cmplImm(Mem.base(rsp, 32), 0x2b));
        row("cmp dword ptr [rsp+32], 0x2bcd", a -> a.cmplImm(Mem.base(rsp, 32), 0x2bcd));
        row("cmp byte ptr FAR[rip], 1", a -> a.cmpbImm(FAR, 1));
        row("test rcx, rcx", a -> a.testq(rcx, rcx));
        row("test r9d, r8d", a -> a.testl(r9, r8));
        row("test cl, bl", a -> a.testb(rcx, rbx));
        row("test dil, cl", a -> a.testb(rdi, rcx));
        row("test r11d, 0x100", a -> a.testlImm(r11, 0x100));
        row("test dword ptr [rsp+16], 0x24000", a -> a.testlImm(Mem.base(rsp, 16), 0x2_4000));
        row("test byte ptr FAR[rip], 1", a -> a.testbImm(FAR, 1));
    }

    private void stack() {
        row("push rax", a -> a.push(rax));
        row("push r12", a -> a.push(r12));
        row("push qword ptr FAR[rip]", a -> a.push(FAR));
        row("push qword ptr gs:[r9+8]", a -> a.push(Mem.base(r9, 8).gs()));
        row("push 0xffffffff81000000", a -> a.pushImm(0x8100_0000));
        row("pop rsp", a -> a.pop(rsp));
        row("pop r9", a -> a.pop(r9));
        row("pop qword ptr FAR[rip]", a -> a.pop(FAR));
        row("pushfq", Assembler::pushfq);
        row("popfq", Assembler::popfq);
    }

    private void branches() {
        row("jmp FAR", a -> a.jmp(FAR_HVA));
        row("call FAR", a -> a.call(FAR_HVA));
        for (Cond cond : Cond.values()) {
            row("j" + cond + " FAR", a -> a.jcc(cond, FAR_HVA));
            row("j" + cond + " NEAR", a -> near(a, label -> a.jccShort(cond, label)));
        }
        row("jmp NEAR", a -> near(a, a::jmpShort));
        row("jrcxz NEAR", a -> near(a, a::jrcxz));
        row("loop NEAR", a -> near(a, label -> a.loop(0xe2, label)));
        row("loope NEAR", a -> near(a, label -> a.loop(0xe1, label)));
        row("loopne NEAR", a -> near(a, label -> a.loop(0xe0, label)));
        row("jmp rcx", a -> a.jmp(rcx));
        row("jmp r10", a -> a.jmp(r10));
        row("jmp qword ptr FAR[rip]", a -> a.jmp(FAR));
        row(
                "jmp qword ptr gs:[rcx*8-0x80000000]",
                a -> a.jmp(Mem.indexed(null, rcx, 8, Integer.MIN_VALUE).gs()));
        row("call rdx", a -> a.call(rdx));
        row("call qword ptr [r8+0x10]", a -> a.call(Mem.base(r8, 0x10)));
        row("ret", Assembler::ret);
    }

    private void others() {
        row("rdfsbase rax", a -> a.rdfsbase(rax));
        row("rdgsbase r9", a -> a.rdgsbase(r9));
        row("wrfsbase r12", a -> a.wrfsbase(r12));
        row("wrgsbase rcx", a -> a.wrgsbase(rcx));
        row("int3", Assembler::int3);
        row("ud2", Assembler::ud2);
        row("syscall", Assembler::syscall);
        row("iretq", Assembler::iretq);
        row("cld", Assembler::cld);
        row("nop", a -> a.nop(1));
        row("xchg ax, ax", a -> a.nop(2));
        row("nop dword ptr [rax]", a -> a.nop(3));
        row(".byte 0x0f,0x1f,0x40,0x00", a -> a.nop(4));
        row(".byte 0x0f,0x1f,0x44,0x00,0x00", a -> a.nop(5));
        row(".byte 0x66,0x0f,0x1f,0x44,0x00,0x00", a -> a.nop(6));
        row(".byte 0x0f,0x1f,0x80,0,0,0,0", a -> a.nop(7));
        row(".byte 0x0f,0x1f,0x84,0,0,0,0,0", a -> a.nop(8));
    }

    /**
     * Emits a short branch to 0x10 bytes after its own start, the symbol NEAR, and cuts the padding
     * off.
     */
    private static void near(Assembler a, Consumer<Label> branch) {
        Label label = new Label();
        branch.accept(label);
        int end = a.code().position();
        while (a.code().position() < 0x10) {
            a.int3();
        }
        a.bind(label);
        a.code().truncate(end);
    }

    private static byte[] emit(Consumer<Assembler> emit) {
        CodeBuffer code = new CodeBuffer(BASE_HVA);
        try (Assembler a = new Assembler(code)) {
            emit.accept(a);
        }
        return code.toByteArray();
    }

    @TestFactory
    Stream<DynamicTest> encodesAsTheGnuAssembler() throws IOException {
        if (Golden.isAccepting()) {
            Golden.write(VECTORS, gnuVectors());
        }
        Map<String, String> vectors = new LinkedHashMap<>();
        for (String line : Golden.read(VECTORS)) {
            if (!line.startsWith("#")) {
                String[] parts = line.split(" \\| ", 2);
                vectors.put(parts[1], parts[0].strip());
            }
        }
        Set<String> unknown = new HashSet<>(vectors.keySet());
        unknown.removeAll(rows.keySet());
        assertEquals(Set.of(), unknown, "vectors without a row");
        return rows.entrySet().stream()
                .map(
                        row ->
                                DynamicTest.dynamicTest(
                                        row.getKey(),
                                        () ->
                                                assertEquals(
                                                        vectors.get(row.getKey()),
                                                        HexFormat.of()
                                                                .formatHex(emit(row.getValue())))));
    }

    /**
     * Lets the GNU assembler encode the text of each row; FAR and NEAR are relative to the row's
     * start.
     */
    private List<String> gnuVectors() throws IOException {
        StringBuilder source = new StringBuilder(".intel_syntax noprefix\n.text\n");
        int number = 0;
        for (String text : rows.keySet()) {
            source.append("FAR").append(number).append(" = . + 0x1000\n");
            source.append("NEAR").append(number).append(" = . + 0x10\n");
            source.append("row").append(number).append(":\n");
            source.append(text.replaceAll("\\b(FAR|NEAR)\\b", "$1" + number)).append('\n');
            number++;
        }
        source.append("row").append(number).append(":\n");
        Path object = Golden.gnuAssemble(source.toString());
        byte[] text = Golden.sectionText(object);
        Map<String, Integer> symbols = Golden.symbols(object);
        List<String> lines = new ArrayList<>();
        lines.add("# hex | GNU assembler text. FAR = start + 0x1000, NEAR = start + 0x10.");
        number = 0;
        for (String row : rows.keySet()) {
            int start = symbols.get("row" + number);
            int end = symbols.get("row" + (number + 1));
            lines.add(HexFormat.of().formatHex(text, start, end) + " | " + row);
            number++;
        }
        return lines;
    }

    @Nested
    class PatchableBranches {
        @Test
        void alignsTheOperandOfPatchableBranches() {
            for (int offset = 0; offset < 8; offset++) {
                CodeBuffer code = new CodeBuffer(BASE_HVA);
                try (Assembler a = new Assembler(code)) {
                    for (int i = 0; i < offset; i++) {
                        a.nop(1);
                    }
                    PatchSite jmp = a.jmpPatchable(FAR_HVA);
                    PatchSite jcc = a.jccPatchable(Cond.ne, FAR_HVA);
                    for (PatchSite site : List.of(jmp, jcc)) {
                        assertEquals(0, site.operandStartHva() & 3);
                        assertEquals(4, site.operandSizeBytes());
                        assertEquals(site.insnEndHva(), site.operandStartHva() + 4);
                        int operand = code.getInt((int) (site.operandStartHva() - BASE_HVA));
                        assertEquals(site.rel32To(FAR_HVA), operand);
                        assertEquals(FAR_HVA, site.insnEndHva() + operand);
                    }
                }
            }
        }

        @Test
        void refusesTargetsOutOfReach() {
            PatchSite site = new PatchSite(0, 1, 4, 5);
            assertThrows(ArithmeticException.class, () -> site.rel32To(1L << 32));
            assertThrows(ArithmeticException.class, () -> emit(a -> a.jmp(0L)));
            Mem low = Mem.ripRelative(0x1000);
            assertThrows(ArithmeticException.class, () -> emit(a -> a.movq(rax, low)));
        }
    }

    @Nested
    class Labels {
        @Test
        void resolvesForwardAndBackwardUses() {
            Label top = new Label("top");
            Label bottom = new Label("bottom");
            byte[] code =
                    emit(
                            a -> {
                                a.bind(top);
                                a.jmp(bottom);
                                a.jmpShort(top);
                                a.bind(bottom);
                                a.jcc(Cond.e, top);
                            });
            assertEquals("e902000000" + "ebf9" + "0f84f3ffffff", HexFormat.of().formatHex(code));
            assertTrue(top.isBound());
            assertEquals(7, bottom.position());
        }

        @Test
        void failsOnUsedButUnboundLabel() {
            Label missing = new Label("missing");
            IllegalStateException failure =
                    assertThrows(IllegalStateException.class, () -> emit(a -> a.jmp(missing)));
            assertEquals("unbound labels: missing used at 0x1", failure.getMessage());
            assertFalse(missing.isBound());
            assertThrows(IllegalStateException.class, missing::position);
        }

        @Test
        void failsWhenBoundTwice() {
            Label label = new Label();
            assertThrows(
                    IllegalStateException.class,
                    () ->
                            emit(
                                    a -> {
                                        a.bind(label);
                                        a.bind(label);
                                    }));
        }

        @Test
        void failsWhenShortBranchIsOutOfReach() {
            Label label = new Label();
            assertThrows(
                    IllegalStateException.class,
                    () ->
                            emit(
                                    a -> {
                                        a.jrcxz(label);
                                        for (int i = 0; i < 128; i++) {
                                            a.int3();
                                        }
                                        a.bind(label);
                                    }));
        }
    }

    @Nested
    class Operands {
        @Test
        void refusesWhatCannotBeEncoded() {
            assertThrows(IllegalArgumentException.class, () -> Mem.indexed(rax, rsp, 1, 0));
            assertThrows(IllegalArgumentException.class, () -> Mem.indexed(rax, rcx, 3, 0));
            assertThrows(IllegalArgumentException.class, () -> Mem.base(null));
            Mem withSegment = Mem.base(rax).gs();
            assertThrows(IllegalArgumentException.class, () -> emit(a -> a.leaq(rax, withSegment)));
            assertThrows(IllegalArgumentException.class, () -> emit(a -> a.nop(9)));
        }

        @Test
        void movesByOffset() {
            assertEquals(Mem.base(rax, 12).gs(), Mem.base(rax, 8).gs().plus(4));
            assertEquals(Mem.ripRelative(FAR_HVA + 4), FAR.plus(4));
            assertEquals(Mem.absolute(0x2c).fs(), Mem.absolute(0x28).fs().plus(4));
        }
    }
}
