// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

/** Condition codes of jcc in encoding order (Intel SDM vol. 1 appendix B). */
@SuppressWarnings("EnumOrdinal") // The order is the encoding.
public enum Cond {
    o,
    no,
    b,
    ae,
    e,
    ne,
    be,
    a,
    s,
    ns,
    p,
    np,
    l,
    ge,
    le,
    g;

    private static final Cond[] VALUES = values();

    /** Encoding number 0–15, the low four bits of the opcode. */
    public int number() {
        return ordinal();
    }

    /** The condition of an encoding number 0–15. */
    public static Cond of(int number) {
        return VALUES[number];
    }
}
