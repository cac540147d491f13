// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** String instruction family; the element size is {@link Instruction#stringElementSize}. */
public enum StringOp {
    /** Not a string instruction. */
    NONE,
    /** Reads DS:RSI (override allowed), writes ES:RDI. */
    MOVS,
    /** Reads DS:RSI (override allowed) and ES:RDI. */
    CMPS,
    /** Writes ES:RDI. */
    STOS,
    /** Reads DS:RSI (override allowed). */
    LODS,
    /** Reads ES:RDI. */
    SCAS,
    /** Writes ES:RDI from a port. */
    INS,
    /** Reads DS:RSI (override allowed) to a port. */
    OUTS;

    /** Whether the source is DS:RSI. */
    public boolean usesSi() {
        return this == MOVS || this == CMPS || this == LODS || this == OUTS;
    }

    /** Whether ES:RDI is addressed. */
    public boolean usesDi() {
        return this == MOVS || this == CMPS || this == STOS || this == SCAS || this == INS;
    }
}
