// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

/** Bits of 4-level paging entries and page sizes (Intel SDM vol. 3A §4.5). */
final class PageTables {
    static final int PAGE_SHIFT = 12;
    static final long PAGE_SIZE = 1L << PAGE_SHIFT;

    static final long PRESENT = 1L;
    static final long WRITABLE = 1L << 1;
    static final long USER = 1L << 2;
    static final long ACCESSED = 1L << 5;
    static final long DIRTY = 1L << 6;
    static final long LARGE = 1L << 7;
    static final long GLOBAL = 1L << 8;
    static final long NO_EXECUTE = 1L << 63;

    /** Physical address bits 51..12 of an entry. */
    static final long FRAME_MASK = 0x000f_ffff_ffff_f000L;

    private PageTables() {}

    /** Whether bits 63..47 of {@code gva} are equal. */
    static boolean isCanonical(long gva) {
        return gva << 16 >> 16 == gva;
    }
}
