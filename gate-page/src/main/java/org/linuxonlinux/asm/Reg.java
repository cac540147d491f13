// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

/**
 * General-purpose registers in encoding order (Intel SDM vol. 2 §2.1, with REX extension bit as bit
 * 3).
 */
@SuppressWarnings("EnumOrdinal") // The order is the encoding.
public enum Reg {
    rax,
    rcx,
    rdx,
    rbx,
    rsp,
    rbp,
    rsi,
    rdi,
    r8,
    r9,
    r10,
    r11,
    r12,
    r13,
    r14,
    r15;

    private static final Reg[] VALUES = values();

    /** Encoding number 0–15. */
    public int number() {
        return ordinal();
    }

    /** The register of an encoding number 0–15. */
    public static Reg of(int number) {
        return VALUES[number];
    }

    int low3() {
        return ordinal() & 7;
    }

    int high1() {
        return ordinal() >> 3;
    }
}
