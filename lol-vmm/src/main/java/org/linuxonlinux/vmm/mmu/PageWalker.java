// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.linuxonlinux.vmm.mmu.PageTables.ACCESSED;
import static org.linuxonlinux.vmm.mmu.PageTables.DIRTY;
import static org.linuxonlinux.vmm.mmu.PageTables.FRAME_MASK;
import static org.linuxonlinux.vmm.mmu.PageTables.GLOBAL;
import static org.linuxonlinux.vmm.mmu.PageTables.LARGE;
import static org.linuxonlinux.vmm.mmu.PageTables.NO_EXECUTE;
import static org.linuxonlinux.vmm.mmu.PageTables.PRESENT;
import static org.linuxonlinux.vmm.mmu.PageTables.USER;
import static org.linuxonlinux.vmm.mmu.PageTables.WRITABLE;

import org.linuxonlinux.memory.GuestMemory;

/**
 * Walks the guest's 4-level page tables in guest RAM (Intel SDM vol. 3A §4.5).
 *
 * <p>The result of the last walk stays in the object, so that a walk allocates nothing. Used on the
 * vCPU thread only.
 */
final class PageWalker {
    private static final int TOP_SHIFT = 39;
    private static final int LEVEL_BITS = 9;

    private final GuestMemory memory;

    private boolean present;
    private long gpa;
    private int pageShift;
    private long leafGpa;
    private long leaf;
    private boolean writable;
    private boolean user;
    private boolean executable;

    PageWalker(GuestMemory memory) {
        this.memory = memory;
    }

    /**
     * Translates {@code gva} through the tables at {@code rootGpa} (CR3 without its low 12 bits).
     *
     * @return whether a present leaf was found
     */
    boolean walk(long rootGpa, long gva) {
        long tableGpa = rootGpa;
        boolean allWritable = true;
        boolean allUser = true;
        boolean anyNoExecute = false;
        for (int shift = TOP_SHIFT; ; shift -= LEVEL_BITS) {
            long entryGpa = tableGpa + ((gva >>> shift & 0x1ff) << 3);
            long entry = memory.isRam(entryGpa) ? memory.getLong(entryGpa) : 0;
            if ((entry & PRESENT) == 0) {
                present = false;
                pageShift = shift;
                return false;
            }
            allWritable &= (entry & WRITABLE) != 0;
            allUser &= (entry & USER) != 0;
            anyNoExecute |= (entry & NO_EXECUTE) != 0;
            boolean isLeaf =
                    shift == PageTables.PAGE_SHIFT || (shift < TOP_SHIFT && (entry & LARGE) != 0);
            if (isLeaf) {
                long offsetMask = (1L << shift) - 1;
                present = true;
                pageShift = shift;
                leafGpa = entryGpa;
                leaf = entry;
                gpa = (entry & FRAME_MASK & ~offsetMask) | (gva & offsetMask);
                writable = allWritable;
                user = allUser;
                executable = !anyNoExecute;
                return true;
            }
            if ((entry & ACCESSED) == 0) {
                memory.getAndBitwiseOrLong(entryGpa, ACCESSED);
            }
            tableGpa = entry & FRAME_MASK;
        }
    }

    /** Sets the accessed bit of the last walk's leaf, and the dirty bit where it was written. */
    void touch(boolean write) {
        long wanted = write ? ACCESSED | DIRTY : ACCESSED;
        if ((leaf & wanted) != wanted) {
            memory.getAndBitwiseOrLong(leafGpa, wanted);
            leaf |= wanted;
        }
    }

    boolean isPresent() {
        return present;
    }

    /** The guest physical address that the walked address translates to. */
    long gpa() {
        return gpa;
    }

    /** 12, 21 or 30; of a walk that failed, up to 39: what the absent entry would have covered. */
    int pageShift() {
        return pageShift;
    }

    /** Bytes for which the last walk's entry speaks. */
    long pageSizeBytes() {
        return 1L << pageShift;
    }

    /** Where the leaf entry stands in guest RAM. */
    long leafGpa() {
        return leafGpa;
    }

    /** The leaf entry as last read or changed by {@link #touch}. */
    long leaf() {
        return leaf;
    }

    boolean isWritable() {
        return writable;
    }

    boolean isUser() {
        return user;
    }

    boolean isExecutable() {
        return executable;
    }

    boolean isAccessed() {
        return (leaf & ACCESSED) != 0;
    }

    boolean isDirty() {
        return (leaf & DIRTY) != 0;
    }

    boolean isGlobal() {
        return (leaf & GLOBAL) != 0;
    }
}
