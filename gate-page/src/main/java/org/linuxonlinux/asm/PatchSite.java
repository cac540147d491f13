// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

/**
 * A patchable operand of an emitted instruction. All four-byte branch operands are emitted on a
 * four-byte boundary, so that one aligned store replaces them atomically.
 *
 * @param insnStartHva HVA of the first byte of the instruction
 * @param operandStartHva HVA of the operand
 * @param operandSizeBytes 4 or 8
 * @param insnEndHva HVA of the byte after the instruction; relative operands count from here
 */
public record PatchSite(
        long insnStartHva, long operandStartHva, int operandSizeBytes, long insnEndHva) {
    /** The value of a rel32 operand that makes the branch go to targetHva. */
    public int rel32To(long targetHva) {
        return Math.toIntExact(targetHva - insnEndHva);
    }
}
