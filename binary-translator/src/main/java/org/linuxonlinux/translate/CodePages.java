// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * Guest code pages read during one batch of translation, so that neighbouring blocks cost one copy
 * of their page. A direct-mapped cache; valid only while the vCPU stays stopped.
 */
final class CodePages {
    static final int PAGE_SHIFT = 12;
    static final int PAGE_SIZE = 1 << PAGE_SHIFT;

    /** Longest instruction (Intel SDM vol. 2 §2.3.11). */
    static final int MAX_INSTRUCTION_BYTES = 15;

    /** Slots, a power of two; arbitrary: a batch seldom spans more pages. */
    private static final int SLOT_COUNT = 16;

    private final GuestCode guestCode;
    private final byte[][] pages = new byte[SLOT_COUNT][PAGE_SIZE + MAX_INSTRUCTION_BYTES];
    private final byte[] head = new byte[MAX_INSTRUCTION_BYTES];
    private final long[] pageGva = new long[SLOT_COUNT];
    private final long[] gfn = new long[SLOT_COUNT];
    private final long[] secondGfn = new long[SLOT_COUNT];
    private final int[] length = new int[SLOT_COUNT];
    private final int[] batch = new int[SLOT_COUNT];
    private int currentBatch = 1;

    CodePages(GuestCode guestCode) {
        this.guestCode = guestCode;
    }

    /** Forgets all pages: the guest may have run. */
    void startBatch() {
        currentBatch++;
    }

    /**
     * Makes a page available.
     *
     * @return its slot for the other methods, -1 = not mapped
     */
    int slotOf(long guestRip) {
        long page = guestRip & -PAGE_SIZE;
        int slot = (int) (page >>> PAGE_SHIFT) & (SLOT_COUNT - 1);
        if (batch[slot] != currentBatch || pageGva[slot] != page) {
            pageGva[slot] = page;
            batch[slot] = currentBatch;
            gfn[slot] = guestCode.gfnOf(page);
            secondGfn[slot] = -2;
            length[slot] = gfn[slot] == -1 ? 0 : guestCode.fetch(page, pages[slot], PAGE_SIZE);
        }
        return length[slot] == 0 ? -1 : slot;
    }

    /** The page's bytes; with {@link #extend}, also the first ones of the following page. */
    byte[] bytes(int slot) {
        return pages[slot];
    }

    /** Valid bytes of {@link #bytes}. */
    int length(int slot) {
        return length[slot];
    }

    long gfn(int slot) {
        return gfn[slot];
    }

    /** Frame of the following page; -1 = not mapped. Only after {@link #extend}. */
    long secondGfn(int slot) {
        return secondGfn[slot];
    }

    /** Appends the head of the following page, for an instruction that crosses into it. */
    void extend(int slot) {
        if (secondGfn[slot] != -2) {
            return;
        }
        long next = pageGva[slot] + PAGE_SIZE;
        secondGfn[slot] = guestCode.gfnOf(next);
        if (secondGfn[slot] != -1 && length[slot] == PAGE_SIZE) {
            int got = guestCode.fetch(next, head, MAX_INSTRUCTION_BYTES);
            System.arraycopy(head, 0, pages[slot], PAGE_SIZE, got);
            length[slot] += got;
        }
    }
}
