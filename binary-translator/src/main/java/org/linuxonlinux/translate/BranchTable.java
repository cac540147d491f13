// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * The flat table of DESIGN §4: one 8-byte entry for every address of the guest's top 2 GB.
 * Translated code reaches the entry of guest address {@code rcx} as {@code gs:[rcx*8 + disp32]}; 0
 * = absent, which makes the jump fault at host RIP 0.
 */
public interface BranchTable {
    /**
     * Stores an entry.
     *
     * @param guestRip an address for which {@code AddressMap.hasBranchTableEntry} holds
     * @param entryHva indirect entry of its block; 0 = absent
     */
    void put(long guestRip, long entryHva);

    /**
     * Makes a later {@link #put} cheap. On any thread, but not at the same time as others.
     *
     * @param guestRip as for {@link #put}
     */
    default void prepare(long guestRip) {}
}
