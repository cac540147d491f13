// SPDX-License-Identifier: Apache-2.0
/**
 * Decoder of x86-64 machine code (64-bit mode only).
 *
 * <p>Job: tell where an instruction ends, which bytes of it are what (prefixes, opcode, ModRM, SIB,
 * displacement, immediate), what its operands are, and what it does to flags, memory, stack and
 * control flow. The tables are data, one text per opcode map, and each row carries the attributes
 * the translator decides by; there is no code per instruction.
 *
 * <p>Must not: know about guests, address folding, or the monitor. Runs in the monitor; everything
 * but {@link org.linuxonlinux.decode.Instruction} is immutable after class initialisation, an
 * {@code Instruction} belongs to one thread. No locks.
 *
 * <p>Governing spec: Intel SDM vol. 2 (chapter 2 formats, chapters 3-6 instructions, appendix A
 * opcode maps), AMD APM vol. 3 for 3DNow! and SVM.
 */
package org.linuxonlinux.decode;
