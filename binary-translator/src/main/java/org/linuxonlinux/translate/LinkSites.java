// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;

/**
 * Direct jumps of translated code that can be chained to a block, as a structure of arrays. Site
 * ids start at 1. A site is chained (in its target's incoming list) or waiting (in the list of the
 * guest RIP it wants, so that it is chained as soon as a block for it appears).
 */
final class LinkSites {
    private static final int INITIAL_CAPACITY = 1 << 12;

    /** Offset in the code cache of the jump's rel32 field. */
    int[] fieldOffset = new int[INITIAL_CAPACITY];

    /** Guest RIP that the jump goes to. */
    long[] targetRip = new long[INITIAL_CAPACITY];

    /** Id of the block that holds the jump. */
    int[] block = new int[INITIAL_CAPACITY];

    /** Offset of the site's exit code in the cold part; 0 = not emitted yet. */
    int[] stubOffset = new int[INITIAL_CAPACITY];

    /** Value of {@link #chainedTo}: in the list of the guest RIP it wants. */
    static final int WAITING = -1;

    /** Id of the block it is chained to; {@link #WAITING}; 0 = in no list, its block is dormant. */
    int[] chainedTo = new int[INITIAL_CAPACITY];

    /** Next site of the list this one is in; 0 = last. */
    int[] next = new int[INITIAL_CAPACITY];

    private int end = 1;

    int add(int fieldOffset, long targetRip, int block) {
        if (end == next.length) {
            grow();
        }
        int site = end++;
        this.fieldOffset[site] = fieldOffset;
        this.targetRip[site] = targetRip;
        this.block[site] = block;
        this.stubOffset[site] = 0;
        this.chainedTo[site] = 0;
        this.next[site] = 0;
        return site;
    }

    /** One above the last id. */
    int end() {
        return end;
    }

    /** Writes the sites before {@code siteEnd} into an image: two runs of sections. */
    void writeLongs(TranslationImage.Cursor cursor, int siteEnd) {
        cursor.put(targetRip, 1, siteEnd - 1);
    }

    /** See {@link #writeLongs}. */
    void writeInts(TranslationImage.Cursor cursor, int siteEnd) {
        cursor.put(fieldOffset, 1, siteEnd - 1);
        cursor.put(block, 1, siteEnd - 1);
    }

    /** Reads what {@link #writeLongs} wrote: sites of dormant blocks, in no list. */
    void readLongs(TranslationImage.Cursor cursor, int siteCount) {
        reserve(BlockTable.withRoom(siteCount) + 1);
        end = siteCount + 1;
        cursor.get(targetRip, 1, siteCount);
    }

    /** Reads what {@link #writeInts} wrote. */
    void readInts(TranslationImage.Cursor cursor) {
        cursor.get(fieldOffset, 1, end - 1);
        cursor.get(block, 1, end - 1);
    }

    void clear() {
        Arrays.fill(stubOffset, 0, end, 0);
        Arrays.fill(chainedTo, 0, end, 0);
        end = 1;
    }

    private void grow() {
        reserve(end * 2);
    }

    /** Makes room for that many sites (the unused id 0 included). */
    void reserve(int capacity) {
        if (capacity <= next.length) {
            return;
        }
        fieldOffset = Arrays.copyOf(fieldOffset, capacity);
        targetRip = Arrays.copyOf(targetRip, capacity);
        block = Arrays.copyOf(block, capacity);
        stubOffset = Arrays.copyOf(stubOffset, capacity);
        chainedTo = Arrays.copyOf(chainedTo, capacity);
        next = Arrays.copyOf(next, capacity);
    }
}
