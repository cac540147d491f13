// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** How the opcode map and the operand extension bits of an instruction are encoded. */
public enum Encoding {
    /** Legacy prefixes, optional REX, escape bytes 0F / 0F38 / 0F3A. */
    LEGACY,
    /** Two- or three-byte VEX prefix (C5, C4). */
    VEX,
    /** Four-byte EVEX prefix (62). */
    EVEX
}
