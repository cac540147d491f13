// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * The flat table of DESIGN §4: one 8-byte entry for every address of the guest's top 2 GB, 16 GB of
 * sparse shared memory. Translated code reaches the entry of guest address {@code rcx} as {@code
 * gs:[rcx*8 + disp32]}; 0 = absent, which makes the jump fault at host RIP 0.
 */
public interface BranchTable {
    /** Guest address of entry 0. */
    long FIRST_GUEST_RIP = 0xffff_ffff_8000_0000L;

    /** Bytes of the whole table. */
    long SIZE_BYTES = 16L << 30;

    /**
     * Stores an entry.
     *
     * @param guestRip an address at or above {@link #FIRST_GUEST_RIP}
     * @param entryHva indirect entry of its block; 0 = absent
     */
    void put(long guestRip, long entryHva);
}
