// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** Which part of the encoding selects an operand. */
public enum OperandSlot {
    /** Fixed by the opcode. */
    IMPLICIT,
    /** ModRM.reg with its extension bits. */
    MODRM_REG,
    /** ModRM.rm (register or memory) with its extension bits. */
    MODRM_RM,
    /** VEX/EVEX.vvvv. */
    VVVV,
    /** Low three bits of the opcode, extended by REX.B. */
    OPCODE,
    /** Immediate, branch displacement or absolute address. */
    IMMEDIATE,
    /** Bits 7:4 of the trailing immediate byte (VEX "is4"). */
    IS4
}
