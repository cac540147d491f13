// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.util.Arrays;

/** A set of interrupt vectors: one of the 256-bit registers IRR, ISR, TMR. Not thread-safe. */
final class VectorSet {
    private final long[] bits = new long[4];

    void set(int vector) {
        bits[vector >>> 6] |= 1L << vector;
    }

    void clear(int vector) {
        bits[vector >>> 6] &= ~(1L << vector);
    }

    void clear() {
        Arrays.fill(bits, 0);
    }

    void assign(int vector, boolean member) {
        if (member) {
            set(vector);
        } else {
            clear(vector);
        }
    }

    boolean contains(int vector) {
        return (bits[vector >>> 6] >>> vector & 1) != 0;
    }

    /** The greatest member; -1 if empty. */
    int highest() {
        for (int i = 3; i >= 0; i--) {
            if (bits[i] != 0) {
                return (i << 6) + 63 - Long.numberOfLeadingZeros(bits[i]);
            }
        }
        return -1;
    }

    /** 32 bits of the register: vectors {@code 32 × index} and up. */
    int word(int index) {
        return (int) (bits[index >>> 1] >>> ((index & 1) << 5));
    }
}
