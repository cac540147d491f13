// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

import java.util.ArrayList;
import java.util.List;

/**
 * Encodes the x86-64 instructions that gate stubs and translated code need; operands in Intel
 * order. Method suffixes: {@code q} 64-bit, {@code l} 32-bit, {@code w} 16-bit, {@code b} 8-bit
 * operand size.
 *
 * <p>Encoding forms are those of Intel SDM vol. 2: MR = register to r/m, RM = r/m to register, MI =
 * immediate to r/m, M = r/m alone. Not thread-safe. Not final only for {@code MacroAssembler},
 * which adds idioms and no encodings.
 */
public class Assembler implements AutoCloseable {
    // Opcodes, grouped by operand form; the one-byte map unless a prefix of 0x0f is in the value.
    private static final int MR_MOV_B = 0x88;
    private static final int MR_MOV = 0x89;
    private static final int RM_MOV = 0x8b;
    private static final int RM_LEA = 0x8d;
    private static final int RM_MOV_SREG = 0x8e;
    private static final int MR_MOV_SREG = 0x8c;
    private static final int XSAVE_EXTENSION = 4;
    private static final int RM_MOVSXD = 0x63;
    private static final int M_XRSTOR = 0x0fae;
    private static final int XRSTOR_EXTENSION = 5;
    private static final int RM_MOVZX_B = 0x0fb6;
    private static final int RM_MOVZX_W = 0x0fb7;
    private static final int MR_TEST_B = 0x84;
    private static final int MR_TEST = 0x85;
    private static final int MR_XCHG = 0x87;
    private static final int MI_MOV_B = 0xc6;
    private static final int MI_MOV = 0xc7;
    private static final int MI_TEST_B = 0xf6;
    private static final int MI_TEST = 0xf7;
    private static final int MI_ARITHMETIC_IMM32 = 0x81;
    private static final int MI_ARITHMETIC_IMM8 = 0x83;
    private static final int MI_ARITHMETIC_B = 0x80;
    private static final int M_POP = 0x8f;
    private static final int M_GROUP3 = 0xf7;
    private static final int M_GROUP5 = 0xff;

    /**
     * Two-operand arithmetic; the ordinal is the ModRM extension of the MI form and bits 3–5 of the
     * MR/RM opcodes.
     */
    private enum Arithmetic {
        ADD,
        OR,
        ADC,
        SBB,
        AND,
        SUB,
        XOR,
        CMP;

        @SuppressWarnings("EnumOrdinal") // The order is the encoding.
        int number() {
            return ordinal();
        }

        int opcodeMr() {
            return number() << 3 | 1;
        }

        int opcodeRm() {
            return number() << 3 | 3;
        }
    }

    private final CodeBuffer code;
    private final List<Label> usedLabels = new ArrayList<>();

    /** Assembles into the buffer from its position on. */
    public Assembler(CodeBuffer code) {
        this.code = code;
    }

    /** The buffer that is assembled into. */
    public final CodeBuffer code() {
        return code;
    }

    /** HVA of the next instruction. */
    public final long hva() {
        return code.hva();
    }

    /** Forgets used labels; the buffer is reset by its owner. */
    public void reset() {
        usedLabels.clear();
    }

    /** Fails if a used label is unbound, naming each and the offsets that use it. */
    @Override
    public void close() {
        StringBuilder unbound = new StringBuilder();
        for (Label label : usedLabels) {
            if (label.isUsedButUnbound()) {
                unbound.append(unbound.length() == 0 ? "" : "; ").append(label.describeUses());
            }
        }
        usedLabels.clear();
        if (unbound.length() > 0) {
            throw new IllegalStateException("unbound labels: " + unbound);
        }
    }

    /** Binds a label here. */
    public final void bind(Label label) {
        label.bind(code);
    }

    // ---- moves ----

    /** {@code mov dst, src}, 64-bit. */
    public final void movq(Reg dst, Reg src) {
        regReg(true, MR_MOV, src.number(), dst);
    }

    /** {@code mov dst, src}, 32-bit; clears the upper half. */
    public final void movl(Reg dst, Reg src) {
        regReg(false, MR_MOV, src.number(), dst);
    }

    /** {@code mov dst, [src]}, 64-bit. */
    public final void movq(Reg dst, Mem src) {
        regMem(true, RM_MOV, dst.number(), src, 0);
    }

    /** {@code mov dst, [src]}, 32-bit; clears the upper half. */
    public final void movl(Reg dst, Mem src) {
        regMem(false, RM_MOV, dst.number(), src, 0);
    }

    /** {@code mov [dst], src}, 64-bit. */
    public final void movq(Mem dst, Reg src) {
        regMem(true, MR_MOV, src.number(), dst, 0);
    }

    /** {@code mov [dst], src}, 32-bit. */
    public final void movl(Mem dst, Reg src) {
        regMem(false, MR_MOV, src.number(), dst, 0);
    }

    /** {@code mov [dst], src}, 16-bit. */
    public final void movw(Mem dst, Reg src) {
        operandSizePrefix(dst);
        regMemNoSegment(false, false, MR_MOV, src.number(), dst, 0);
    }

    /** {@code mov dst, [src]}, 16-bit; the register's other bits stay. */
    public final void movw(Reg dst, Mem src) {
        operandSizePrefix(src);
        regMemNoSegment(false, false, RM_MOV, dst.number(), src, 0);
    }

    /** {@code mov dst, src}, low bytes of the first four registers. */
    public final void movb(Reg dst, Reg src) {
        if (dst.number() >= 4 || src.number() >= 4) {
            throw new IllegalArgumentException("needs REX: dst=" + dst + ", src=" + src);
        }
        regReg(false, MR_MOV_B, src.number(), dst);
    }

    /** {@code mov [dst], src}, 8-bit (low byte of src). */
    public final void movb(Mem dst, Reg src) {
        segment(dst);
        regMemNoSegment(false, src.number() >= 4, MR_MOV_B, src.number(), dst, 0);
    }

    /**
     * {@code mov dst, imm}, shortest form: 32-bit zero-extending, 32-bit sign-extended, or movabs.
     */
    public final void movImm(Reg dst, long value) {
        if (value == (value & 0xffff_ffffL)) {
            movlImm(dst, (int) value);
        } else if (value == (int) value) {
            rex(true, false, 0, 0, dst.high1());
            code.emit8(MI_MOV);
            modRm(3, 0, dst.low3());
            code.emit32((int) value);
        } else {
            movabs(dst, value);
        }
    }

    /** {@code mov dst32, imm32}; clears the upper half. */
    public final void movlImm(Reg dst, int value) {
        rex(false, false, 0, 0, dst.high1());
        code.emit8(0xb8 | dst.low3());
        code.emit32(value);
    }

    /** {@code movabs dst, imm64}. */
    public final void movabs(Reg dst, long value) {
        rex(true, false, 0, 0, dst.high1());
        code.emit8(0xb8 | dst.low3());
        code.emit64(value);
    }

    /** {@code mov qword [dst], imm32}, sign-extended. */
    public final void movqImm(Mem dst, int value) {
        regMem(true, MI_MOV, 0, dst, 4);
        code.emit32(value);
    }

    /** {@code mov dword [dst], imm32}. */
    public final void movlImm(Mem dst, int value) {
        regMem(false, MI_MOV, 0, dst, 4);
        code.emit32(value);
    }

    /** {@code mov word [dst], imm16}. */
    public final void movwImm(Mem dst, int value) {
        operandSizePrefix(dst);
        regMemNoSegment(false, false, MI_MOV, 0, dst, 2);
        code.emit16(value);
    }

    /** {@code mov byte [dst], imm8}. */
    public final void movbImm(Mem dst, int value) {
        regMem(false, MI_MOV_B, 0, dst, 1);
        code.emit8(value);
    }

    /** {@code movsxd dst, dword [src]}. */
    public final void movsxd(Reg dst, Mem src) {
        regMem(true, RM_MOVSXD, dst.number(), src, 0);
    }

    /** {@code movsxd dst, src32}. */
    public final void movsxd(Reg dst, Reg src) {
        regReg(true, RM_MOVSXD, dst.number(), src);
    }

    /** {@code movzx dst32, byte [src]}. */
    public final void movzxb(Reg dst, Mem src) {
        regMem(false, RM_MOVZX_B, dst.number(), src, 0);
    }

    /** {@code movzx dst32, src16}. */
    public final void movzxw(Reg dst, Reg src) {
        regReg(false, RM_MOVZX_W, dst.number(), src);
    }

    /** {@code movzx dst32, word [src]}. */
    public final void movzxw(Reg dst, Mem src) {
        regMem(false, RM_MOVZX_W, dst.number(), src, 0);
    }

    /** {@code lea dst, [src]}, 64-bit. A segment prefix makes no sense here and is refused. */
    public final void leaq(Reg dst, Mem src) {
        if (src.segment() != Mem.Segment.NONE) {
            throw new IllegalArgumentException("lea takes no segment: operand=" + src);
        }
        regMem(true, RM_LEA, dst.number(), src, 0);
    }

    /** {@code xchg a, b}, 64-bit. */
    public final void xchgq(Reg a, Reg b) {
        regReg(true, MR_XCHG, b.number(), a);
    }

    /** {@code xchg [mem], reg}, 64-bit; locks. */
    public final void xchgq(Mem mem, Reg reg) {
        regMem(true, MR_XCHG, reg.number(), mem, 0);
    }

    // ---- flags-free bit work (BMI2) ----

    /** {@code rorx dst, src, count}, 64-bit; flags untouched. */
    public final void rorxq(Reg dst, Reg src, int count) {
        // VEX.LZ.F2.0F3A.W1 F0 /r ib
        vex(dst.high1(), 0, src.high1(), 3, true, 0, 3);
        code.emit8(0xf0);
        modRm(3, dst.low3(), src.low3());
        code.emit8(count & 63);
    }

    /** {@code pdep dst, src, [mask]}, 64-bit; flags untouched. */
    public final void pdepq(Reg dst, Reg src, Mem mask) {
        // VEX.LZ.F2.0F38.W1 F5 /r
        vexMem(0xf5, 3, dst, src, mask);
    }

    /** {@code pext dst, src, [mask]}, 64-bit; flags untouched. */
    public final void pextq(Reg dst, Reg src, Mem mask) {
        // VEX.LZ.F3.0F38.W1 F5 /r
        vexMem(0xf5, 2, dst, src, mask);
    }

    // ---- arithmetic (flags) ----

    /** {@code add dst, src}. */
    public final void addq(Reg dst, Reg src) {
        regReg(true, Arithmetic.ADD.opcodeMr(), src.number(), dst);
    }

    /** {@code add dst, [src]}. */
    public final void addq(Reg dst, Mem src) {
        regMem(true, Arithmetic.ADD.opcodeRm(), dst.number(), src, 0);
    }

    /** {@code add dst, imm}. */
    public final void addqImm(Reg dst, int value) {
        arithmeticImm(true, Arithmetic.ADD, dst, value);
    }

    /** {@code add qword [dst], imm}. */
    public final void addqImm(Mem dst, int value) {
        arithmeticImm(true, Arithmetic.ADD, dst, value);
    }

    /** {@code sub dst, src}. */
    public final void subq(Reg dst, Reg src) {
        regReg(true, Arithmetic.SUB.opcodeMr(), src.number(), dst);
    }

    /** {@code sub dst, [src]}. */
    public final void subq(Reg dst, Mem src) {
        regMem(true, Arithmetic.SUB.opcodeRm(), dst.number(), src, 0);
    }

    /** {@code sub dst, imm}. */
    public final void subqImm(Reg dst, int value) {
        arithmeticImm(true, Arithmetic.SUB, dst, value);
    }

    /** {@code and dst, src}. */
    public final void andq(Reg dst, Reg src) {
        regReg(true, Arithmetic.AND.opcodeMr(), src.number(), dst);
    }

    /** {@code and dst, [src]}. */
    public final void andq(Reg dst, Mem src) {
        regMem(true, Arithmetic.AND.opcodeRm(), dst.number(), src, 0);
    }

    /** {@code and dst, imm}, 64-bit, sign-extended. */
    public final void andqImm(Reg dst, int value) {
        arithmeticImm(true, Arithmetic.AND, dst, value);
    }

    /** {@code and dst32, imm}; clears the upper half. */
    public final void andlImm(Reg dst, int value) {
        arithmeticImm(false, Arithmetic.AND, dst, value);
    }

    /** {@code or dst, src}. */
    public final void orq(Reg dst, Reg src) {
        regReg(true, Arithmetic.OR.opcodeMr(), src.number(), dst);
    }

    /** {@code or dst, [src]}. */
    public final void orq(Reg dst, Mem src) {
        regMem(true, Arithmetic.OR.opcodeRm(), dst.number(), src, 0);
    }

    /** {@code or dst, imm}, 64-bit, sign-extended. */
    public final void orqImm(Reg dst, int value) {
        arithmeticImm(true, Arithmetic.OR, dst, value);
    }

    /** {@code xor dst32, src32}; clears the upper half. */
    public final void xorl(Reg dst, Reg src) {
        regReg(false, Arithmetic.XOR.opcodeMr(), src.number(), dst);
    }

    /** {@code not reg}, 64-bit; leaves the flags alone. */
    public final void notq(Reg reg) {
        regReg(true, M_GROUP3, 2, reg);
    }

    /** {@code neg reg}, 64-bit. */
    public final void negq(Reg reg) {
        regReg(true, M_GROUP3, 3, reg);
    }

    /** {@code cmp a, b}, 64-bit. */
    public final void cmpq(Reg a, Reg b) {
        regReg(true, Arithmetic.CMP.opcodeMr(), b.number(), a);
    }

    /** {@code cmp a, [b]}, 64-bit. */
    public final void cmpq(Reg a, Mem b) {
        regMem(true, Arithmetic.CMP.opcodeRm(), a.number(), b, 0);
    }

    /** {@code cmp a, imm}, 64-bit. */
    public final void cmpqImm(Reg a, int value) {
        arithmeticImm(true, Arithmetic.CMP, a, value);
    }

    /** {@code cmp a32, imm}. */
    public final void cmplImm(Reg a, int value) {
        arithmeticImm(false, Arithmetic.CMP, a, value);
    }

    /** {@code cmp qword [a], imm}. */
    public final void cmpqImm(Mem a, int value) {
        arithmeticImm(true, Arithmetic.CMP, a, value);
    }

    /** {@code cmp dword [a], imm}. */
    public final void cmplImm(Mem a, int value) {
        arithmeticImm(false, Arithmetic.CMP, a, value);
    }

    /** {@code cmp byte [a], imm8}. */
    public final void cmpbImm(Mem a, int value) {
        regMem(false, MI_ARITHMETIC_B, Arithmetic.CMP.number(), a, 1);
        code.emit8(value);
    }

    /** {@code test a, b}, 64-bit. */
    public final void testq(Reg a, Reg b) {
        regReg(true, MR_TEST, b.number(), a);
    }

    /** {@code test a32, b32}. */
    public final void testl(Reg a, Reg b) {
        regReg(false, MR_TEST, b.number(), a);
    }

    /** {@code test a8, b8} (low bytes). */
    public final void testb(Reg a, Reg b) {
        rex(false, a.number() >= 4 || b.number() >= 4, b.high1(), 0, a.high1());
        code.emit8(MR_TEST_B);
        modRm(3, b.low3(), a.low3());
    }

    /** {@code test a32, imm32}. */
    public final void testlImm(Reg a, int value) {
        rex(false, false, 0, 0, a.high1());
        code.emit8(MI_TEST);
        modRm(3, 0, a.low3());
        code.emit32(value);
    }

    /** {@code test dword [a], imm32}. */
    public final void testlImm(Mem a, int value) {
        regMem(false, MI_TEST, 0, a, 4);
        code.emit32(value);
    }

    /** {@code test byte [a], imm8}. */
    public final void testbImm(Mem a, int value) {
        regMem(false, MI_TEST_B, 0, a, 1);
        code.emit8(value);
    }

    // ---- stack ----

    /** {@code push reg}. */
    public final void push(Reg reg) {
        rex(false, false, 0, 0, reg.high1());
        code.emit8(0x50 | reg.low3());
    }

    /** {@code push qword [mem]}. */
    public final void push(Mem mem) {
        regMem(false, M_GROUP5, 6, mem, 0);
    }

    /** {@code push imm32}, sign-extended to 64 bits; always the five-byte form. */
    public final void pushImm(int value) {
        code.emit8(0x68);
        code.emit32(value);
    }

    /** {@code pop reg}. */
    public final void pop(Reg reg) {
        rex(false, false, 0, 0, reg.high1());
        code.emit8(0x58 | reg.low3());
    }

    /** {@code pop qword [mem]}. */
    public final void pop(Mem mem) {
        regMem(false, M_POP, 0, mem, 0);
    }

    /** {@code pushfq}. */
    public final void pushfq() {
        code.emit8(0x9c);
    }

    /** {@code popfq}. */
    public final void popfq() {
        code.emit8(0x9d);
    }

    // ---- branches ----

    /** {@code jmp rel32} to a label. */
    public final void jmp(Label target) {
        code.emit8(0xe9);
        relative32(target);
    }

    /** {@code jmp rel32} to an HVA. */
    public final void jmp(long targetHva) {
        code.emit8(0xe9);
        relative32(targetHva);
    }

    /** {@code jcc rel32} to a label. */
    public final void jcc(Cond cond, Label target) {
        code.emit8(0x0f);
        code.emit8(0x80 | cond.number());
        relative32(target);
    }

    /** {@code jcc rel32} to an HVA. */
    public final void jcc(Cond cond, long targetHva) {
        code.emit8(0x0f);
        code.emit8(0x80 | cond.number());
        relative32(targetHva);
    }

    /** {@code jmp rel8} to a label within 127 bytes. */
    public final void jmpShort(Label target) {
        code.emit8(0xeb);
        relative8(target);
    }

    /** {@code jcc rel8} to a label within 127 bytes. */
    public final void jccShort(Cond cond, Label target) {
        code.emit8(0x70 | cond.number());
        relative8(target);
    }

    /** {@code jrcxz rel8} to a label within 127 bytes; flags neither read nor written. */
    public final void jrcxz(Label target) {
        code.emit8(0xe3);
        relative8(target);
    }

    /**
     * {@code loop rel8} (0xe2), {@code loope} (0xe1) or {@code loopne} (0xe0) to a label within 127
     * bytes.
     */
    public final void loop(int opcode, Label target) {
        if (opcode < 0xe0 || opcode > 0xe2) {
            throw new IllegalArgumentException("not a loop opcode: opcode=" + opcode);
        }
        code.emit8(opcode);
        relative8(target);
    }

    /** {@code call rel32} to a label. */
    public final void call(Label target) {
        code.emit8(0xe8);
        relative32(target);
    }

    /** {@code call rel32} to an HVA. */
    public final void call(long targetHva) {
        code.emit8(0xe8);
        relative32(targetHva);
    }

    /** {@code jmp reg}. */
    public final void jmp(Reg reg) {
        regReg(false, M_GROUP5, 4, reg);
    }

    /** {@code jmp qword [mem]}. */
    public final void jmp(Mem mem) {
        regMem(false, M_GROUP5, 4, mem, 0);
    }

    /** {@code call reg}. */
    public final void call(Reg reg) {
        regReg(false, M_GROUP5, 2, reg);
    }

    /** {@code call qword [mem]}. */
    public final void call(Mem mem) {
        regMem(false, M_GROUP5, 2, mem, 0);
    }

    /** {@code ret}. */
    public void ret() {
        code.emit8(0xc3);
    }

    /**
     * {@code jmp rel32} to an HVA, with nops before it so that the operand can be replaced by one
     * aligned store. Postcondition: the returned operand is four-byte aligned.
     */
    public final PatchSite jmpPatchable(long targetHva) {
        alignOperand(1);
        long start = hva();
        jmp(targetHva);
        return new PatchSite(start, start + 1, 4, hva());
    }

    /** {@code jcc rel32} to an HVA, aligned as {@link #jmpPatchable}. */
    public final PatchSite jccPatchable(Cond cond, long targetHva) {
        alignOperand(2);
        long start = hva();
        jcc(cond, targetHva);
        return new PatchSite(start, start + 2, 4, hva());
    }

    /** {@code jmp rel32} to a label, aligned as {@link #jmpPatchable}. */
    public final PatchSite jmpPatchable(Label target) {
        alignOperand(1);
        long start = hva();
        jmp(target);
        return new PatchSite(start, start + 1, 4, hva());
    }

    /** {@code jcc rel32} to a label, aligned as {@link #jmpPatchable}. */
    public final PatchSite jccPatchable(Cond cond, Label target) {
        alignOperand(2);
        long start = hva();
        jcc(cond, target);
        return new PatchSite(start, start + 2, 4, hva());
    }

    // ---- segment bases ----

    /** {@code rdfsbase reg}. */
    public final void rdfsbase(Reg reg) {
        segmentBase(0, reg);
    }

    /** {@code rdgsbase reg}. */
    public final void rdgsbase(Reg reg) {
        segmentBase(1, reg);
    }

    /** {@code wrfsbase reg}. */
    public final void wrfsbase(Reg reg) {
        segmentBase(2, reg);
    }

    /** {@code wrgsbase reg}. */
    public final void wrgsbase(Reg reg) {
        segmentBase(3, reg);
    }

    // ---- others ----

    /** {@code int3}. */
    public final void int3() {
        code.emit8(0xcc);
    }

    /** {@code ud2}. */
    public final void ud2() {
        code.emit8(0x0f);
        code.emit8(0x0b);
    }

    /** {@code syscall}. */
    public final void syscall() {
        code.emit8(0x0f);
        code.emit8(0x05);
    }

    /** {@code int $vector}. */
    public final void interrupt(int vector) {
        code.emit8(0xcd);
        code.emit8(vector);
    }

    /** {@code iretq}. */
    public final void iretq() {
        code.emit8(0x48);
        code.emit8(0xcf);
    }

    /** {@code mov src, %sreg}, 16 bits; numbers as ModRM has them: es cs ss ds fs gs. */
    public final void loadSegment(int segment, Mem src) {
        regMem(false, RM_MOV_SREG, segment, src, 0);
    }

    /** {@code mov src, %sreg} from a register. */
    public final void loadSegment(int segment, Reg src) {
        regReg(false, RM_MOV_SREG, segment, src);
    }

    /** {@code mov %sreg, dst}, zero-extended. */
    public final void readSegment(Reg dst, int segment) {
        regReg(false, MR_MOV_SREG, segment, dst);
    }

    /** {@code xsave64 [state]}: saves the state components of EDX:EAX. Aligned to 64 bytes. */
    public final void xsave64(Mem state) {
        regMem(true, M_XRSTOR, XSAVE_EXTENSION, state, 0);
    }

    /** {@code xrstor64 [state]}: loads the state components of EDX:EAX. Aligned to 64 bytes. */
    public final void xrstor64(Mem state) {
        regMem(true, M_XRSTOR, XRSTOR_EXTENSION, state, 0);
    }

    /** {@code pause}: a spinning processor lets others work. */
    public final void pause() {
        code.emit8(0xf3);
        code.emit8(0x90);
    }

    /** {@code cld}. */
    public final void cld() {
        code.emit8(0xfc);
    }

    /** One recommended nop of 1–8 bytes (Intel SDM vol. 2, NOP). */
    public final void nop(int lengthBytes) {
        switch (lengthBytes) {
            case 1 -> code.emit8(0x90);
            case 2 -> {
                code.emit8(0x66);
                code.emit8(0x90);
            }
            case 3 -> nopModRm(0x00);
            case 4 -> {
                nopModRm(0x40);
                code.emit8(0);
            }
            case 5 -> {
                nopModRm(0x44);
                code.emit16(0);
            }
            case 6 -> {
                code.emit8(0x66);
                nop(5);
            }
            case 7 -> {
                nopModRm(0x80);
                code.emit32(0);
            }
            case 8 -> {
                nopModRm(0x84);
                code.emit8(0);
                code.emit32(0);
            }
            default ->
                    throw new IllegalArgumentException("no such nop: lengthBytes=" + lengthBytes);
        }
    }

    /**
     * Fills with int3 up to an alignment of the HVA, a power of two; nothing falls through here.
     */
    public final void alignWithInt3(int alignment) {
        while ((hva() & (alignment - 1)) != 0) {
            int3();
        }
    }

    /**
     * Fills with one nop so that the HVA of the byte operandOffset bytes from here is a multiple of
     * four.
     */
    private void alignOperand(int operandOffset) {
        int padding = (int) (-(hva() + operandOffset) & 3);
        if (padding != 0) {
            nop(padding);
        }
    }

    private void nopModRm(int modRm) {
        code.emit8(0x0f);
        code.emit8(0x1f);
        code.emit8(modRm);
    }

    private void segmentBase(int extension, Reg reg) {
        // F3 REX.W 0F AE /0…/3
        code.emit8(0xf3);
        rex(true, false, 0, 0, reg.high1());
        code.emit8(0x0f);
        code.emit8(0xae);
        modRm(3, extension, reg.low3());
    }

    private void arithmeticImm(boolean wide, Arithmetic operation, Reg dst, int value) {
        rex(wide, false, 0, 0, dst.high1());
        boolean isShort = value == (byte) value;
        code.emit8(isShort ? MI_ARITHMETIC_IMM8 : MI_ARITHMETIC_IMM32);
        modRm(3, operation.number(), dst.low3());
        immediate(value, isShort);
    }

    private void arithmeticImm(boolean wide, Arithmetic operation, Mem dst, int value) {
        boolean isShort = value == (byte) value;
        int opcode = isShort ? MI_ARITHMETIC_IMM8 : MI_ARITHMETIC_IMM32;
        regMem(wide, opcode, operation.number(), dst, isShort ? 1 : 4);
        immediate(value, isShort);
    }

    private void immediate(int value, boolean isShort) {
        if (isShort) {
            code.emit8(value);
        } else {
            code.emit32(value);
        }
    }

    private void relative32(Label target) {
        noteUse(target);
        int at = code.position();
        code.emit32(0);
        target.use(code, at, 4);
    }

    private void relative8(Label target) {
        noteUse(target);
        int at = code.position();
        code.emit8(0);
        target.use(code, at, 1);
    }

    private void noteUse(Label target) {
        if (!target.isBound()) {
            usedLabels.add(target);
        }
    }

    private void relative32(long targetHva) {
        code.emit32(Math.toIntExact(targetHva - (hva() + 4)));
    }

    private void regReg(boolean wide, int opcode, int reg, Reg rm) {
        rex(wide, false, reg >> 3, 0, rm.high1());
        opcode(opcode);
        modRm(3, reg & 7, rm.low3());
    }

    private void regMem(boolean wide, int opcode, int reg, Mem mem, int immediateBytes) {
        segment(mem);
        regMemNoSegment(wide, false, opcode, reg, mem, immediateBytes);
    }

    private void regMemNoSegment(
            boolean wide, boolean needsRex, int opcode, int reg, Mem mem, int immediateBytes) {
        int x = mem.index() == null ? 0 : mem.index().high1();
        int b = mem.base() == null ? 0 : mem.base().high1();
        rex(wide, needsRex, reg >> 3, x, b);
        opcode(opcode);
        memory(reg & 7, mem, immediateBytes);
    }

    private void vexMem(int opcode, int pp, Reg dst, Reg vvvv, Mem mem) {
        segment(mem);
        int x = mem.index() == null ? 0 : mem.index().high1();
        int b = mem.base() == null ? 0 : mem.base().high1();
        vex(dst.high1(), x, b, 2, true, vvvv.number(), pp);
        code.emit8(opcode);
        memory(dst.low3(), mem, 0);
    }

    /** Three-byte VEX prefix; L = 0. vvvv is given uninverted. */
    private void vex(int r, int x, int b, int map, boolean wide, int vvvv, int pp) {
        code.emit8(0xc4);
        code.emit8((r ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | map);
        code.emit8((wide ? 0x80 : 0) | (~vvvv & 15) << 3 | pp);
    }

    private void opcode(int opcode) {
        if (opcode > 0xff) {
            code.emit8(opcode >> 8);
        }
        code.emit8(opcode);
    }

    private void operandSizePrefix(Mem mem) {
        segment(mem);
        code.emit8(0x66);
    }

    private void segment(Mem mem) {
        if (mem.segment() != Mem.Segment.NONE) {
            code.emit8(mem.segment().prefix());
        }
    }

    private void rex(boolean wide, boolean needed, int r, int x, int b) {
        int bits = (wide ? 8 : 0) | r << 2 | x << 1 | b;
        if (bits != 0 || needed) {
            code.emit8(0x40 | bits);
        }
    }

    private void modRm(int mod, int reg, int rm) {
        code.emit8(mod << 6 | reg << 3 | rm);
    }

    private void memory(int reg, Mem mem, int immediateBytes) {
        switch (mem.form()) {
            case RIP_RELATIVE -> {
                modRm(0, reg, 5);
                long insnEndHva = hva() + 4 + immediateBytes;
                code.emit32(Math.toIntExact(mem.targetHva() - insnEndHva));
            }
            case ABSOLUTE -> {
                modRm(0, reg, 4);
                code.emit8(0x25);
                code.emit32(mem.disp());
            }
            case BASE_INDEX -> baseIndex(reg, mem);
        }
    }

    private void baseIndex(int reg, Mem mem) {
        Reg base = mem.base();
        Reg index = mem.index();
        int scaleBits = Integer.numberOfTrailingZeros(mem.scale()) << 6;
        if (base == null) {
            // No base: SIB with base 5 and mod 0 takes a disp32.
            modRm(0, reg, 4);
            code.emit8(scaleBits | index.low3() << 3 | 5);
            code.emit32(mem.disp());
            return;
        }
        int disp = mem.disp();
        // rbp and r13 have no form without displacement.
        int mod = disp == 0 && base.low3() != 5 ? 0 : disp == (byte) disp ? 1 : 2;
        if (index != null || base.low3() == 4) {
            modRm(mod, reg, 4);
            code.emit8(scaleBits | (index == null ? 4 : index.low3()) << 3 | base.low3());
        } else {
            modRm(mod, reg, base.low3());
        }
        if (mod == 1) {
            code.emit8(disp);
        } else if (mod == 2) {
            code.emit32(disp);
        }
    }
}
