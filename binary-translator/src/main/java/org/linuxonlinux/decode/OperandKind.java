// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** What an operand is. */
public enum OperandKind {
    /** General register, number 0–15 in encoding order (rax rcx rdx rbx rsp rbp rsi rdi r8…). */
    GPR,
    /**
     * AH, CH, DH or BH; {@link Instruction#operandRegister} gives the register it is part of (0–3).
     */
    GPR_HIGH_BYTE,
    /** XMM, YMM or ZMM register 0–31, by {@link Instruction#operandSize}. */
    VECTOR,
    /** MMX register 0–7. */
    MMX,
    /** x87 stack register ST(0)–ST(7). */
    X87,
    /** Segment register, number 0–5 (es cs ss ds fs gs). */
    SEGMENT,
    /** Control register. */
    CONTROL,
    /** Debug register. */
    DEBUG,
    /** Opmask register k0–k7. */
    MASK,
    /** MPX bounds register. */
    BOUND,
    /** AMX tile register. */
    TILE,
    /**
     * Memory addressed by ModRM (and SIB); the only operand kind with base, index and displacement.
     */
    MEMORY,
    /** Memory at an absolute 64- or 32-bit address in the instruction (opcodes A0–A3). */
    MEMORY_OFFSET,
    /** Memory at (segment override or DS):RSI of a string instruction. */
    MEMORY_SI,
    /** Memory at ES:RDI of a string instruction. */
    MEMORY_DI,
    /** Immediate value. */
    IMMEDIATE,
    /** Branch displacement relative to the end of the instruction. */
    RELATIVE,
    /** The constant 1 of the shift group. */
    CONSTANT
}
