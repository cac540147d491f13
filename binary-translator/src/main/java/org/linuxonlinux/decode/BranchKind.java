// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** How an instruction transfers control. */
public enum BranchKind {
    /** It does not. */
    NONE,
    /** Direct near jump. */
    JMP,
    /** Conditional near jump; the condition is {@link Instruction#condition}. */
    JCC,
    /** Direct near call. */
    CALL,
    /** Near return, with or without an immediate. */
    RET,
    /** Near jump through a register or memory. */
    INDIRECT_JMP,
    /** Near call through a register or memory. */
    INDIRECT_CALL,
    /** LOOP, LOOPE, LOOPNE (counts RCX, or ECX with an address-size prefix). */
    LOOP,
    /** JRCXZ, or JECXZ with an address-size prefix. */
    JRCXZ,
    /** Far jump, far call, far return, iret: all of them sensitive. */
    FAR
}
