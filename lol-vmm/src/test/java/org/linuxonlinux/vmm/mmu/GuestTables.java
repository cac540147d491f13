// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import org.linuxonlinux.memory.GuestMemory;

/** Builds the guest's 4-level page tables in guest RAM; missing tables are made on the way. */
public final class GuestTables {
    public static final long P = PageTables.PRESENT;
    public static final long W = PageTables.WRITABLE;
    public static final long U = PageTables.USER;
    public static final long A = PageTables.ACCESSED;
    public static final long D = PageTables.DIRTY;
    public static final long G = PageTables.GLOBAL;
    public static final long NX = PageTables.NO_EXECUTE;

    public static final int SIZE_4K = 12;
    public static final int SIZE_2M = 21;
    public static final int SIZE_1G = 30;

    private final GuestMemory memory;
    private final long rootGpa;
    private long nextTableGpa;

    /**
     * An empty address space.
     *
     * @param rootGpa where its top table goes; the others follow behind it
     */
    public GuestTables(GuestMemory memory, long rootGpa) {
        this.memory = memory;
        this.rootGpa = rootGpa;
        this.nextTableGpa = rootGpa + PageTables.PAGE_SIZE;
    }

    /** For CR3. */
    public long rootGpa() {
        return rootGpa;
    }

    /**
     * Maps one page and returns where its leaf entry stands.
     *
     * @param shift 12, 21 or 30
     * @param flags of the leaf, {@link #P} included
     */
    public long map(long gva, long gpa, int shift, long flags) {
        long entryGpa = entryGpa(gva, shift);
        memory.setLong(entryGpa, gpa | flags | (shift == SIZE_4K ? 0 : PageTables.LARGE));
        return entryGpa;
    }

    /** Maps {@code count} pages to consecutive frames. */
    public void mapRange(long gva, long gpa, int shift, int count, long flags) {
        for (int i = 0; i < count; i++) {
            map(gva + ((long) i << shift), gpa + ((long) i << shift), shift, flags);
        }
    }

    /** Where the entry for {@code gva} stands in the table of a level; 39 = top. */
    public long entryGpa(long gva, int shift) {
        long tableGpa = rootGpa;
        for (int level = 39; ; level -= 9) {
            long entryGpa = tableGpa + ((gva >>> level & 0x1ff) << 3);
            if (level == shift) {
                return entryGpa;
            }
            if ((memory.getLong(entryGpa) & P) == 0) {
                memory.setLong(entryGpa, nextTableGpa | P | W | U);
                nextTableGpa += PageTables.PAGE_SIZE;
            }
            tableGpa = memory.getLong(entryGpa) & PageTables.FRAME_MASK;
        }
    }

    /** The entry for {@code gva} of a level as it is now. */
    public long entry(long gva, int shift) {
        return memory.getLong(entryGpa(gva, shift));
    }

    /** Replaces the entry for {@code gva} of a level. */
    public void setEntry(long gva, int shift, long value) {
        memory.setLong(entryGpa(gva, shift), value);
    }

    /** Clears the leaf entry of a 4 KB page. */
    public void unmap(long gva) {
        setEntry(gva, SIZE_4K, 0);
    }
}
