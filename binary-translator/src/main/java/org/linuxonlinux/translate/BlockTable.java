// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;

/**
 * What stays of every block from its emission to the next flush, whether it lives or not, as a
 * structure of arrays: where its host code is, and which guest bytes it was made from. A block that
 * does not live is <em>dormant</em>: killed, or loaded from a {@link TranslationImage}. It can be
 * revived while the guest's bytes equal those it was made from, unless it was retired.
 *
 * <p>Ids start at 1 and ascend with the offset in the code cache. Side table entries, link sites
 * and guest bytes of one block are contiguous, so each ends where the next block's begin.
 */
final class BlockTable {
    private static final int INITIAL_CAPACITY = 1 << 14;

    /** GVA of the first guest instruction. */
    long[] guestRip = new long[INITIAL_CAPACITY];

    /** Offset of the indirect entry in the code cache. */
    int[] start = new int[INITIAL_CAPACITY];

    /** First entry in the side table. */
    int[] sideTableStart = new int[INITIAL_CAPACITY];

    /** First link site. */
    int[] firstSite = new int[INITIAL_CAPACITY];

    /** Index of its first guest byte in {@link #guestBytes}. */
    int[] guestBytesStart = new int[INITIAL_CAPACITY];

    /** An older block whose first byte is in the same virtual page; 0 = none. */
    int[] olderInPage = new int[INITIAL_CAPACITY];

    /**
     * The rest in one word.
     *
     * <pre>
     *  63     56 55      48 47                   32 31        16 15         0
     * +---------+----------+-----------------------+------------+------------+
     * | retired | instruc- | offset of the branch  | guest bytes| host bytes |
     * | (0, 1)  | tions    | table jump, -1 = none |            |            |
     * +---------+----------+-----------------------+------------+------------+
     * </pre>
     */
    long[] shape = new long[INITIAL_CAPACITY];

    private static final int GUEST_BYTES_SHIFT = 16;
    private static final int JUMP_SHIFT = 32;
    private static final int INSTRUCTIONS_SHIFT = 48;
    private static final long RETIRED = 1L << 56;

    /** Guest bytes of all blocks, one after the other. */
    byte[] guestBytes = new byte[INITIAL_CAPACITY << 4];

    private int guestBytesEnd;
    private int end = 1;

    /** Newest block by the virtual page of its first byte. */
    private final LongIntMap newestInPage = new LongIntMap(1 << 10);

    /** One above the last id. */
    int end() {
        return end;
    }

    /** Guest bytes kept. */
    int guestBytesEnd() {
        return guestBytesEnd;
    }

    /**
     * Appends a block.
     *
     * @param block the decoded code
     * @return its id
     */
    int add(
            BasicBlock block,
            int start,
            int hostBytes,
            int sideTableStart,
            int firstSite,
            int jump) {
        reserve(end + 1, guestBytesEnd + block.byteCount());
        int id = end++;
        guestRip[id] = block.guestRip();
        this.start[id] = start;
        this.sideTableStart[id] = sideTableStart;
        this.firstSite[id] = firstSite;
        guestBytesStart[id] = guestBytesEnd;
        System.arraycopy(
                block.bytes(), block.position(0), guestBytes, guestBytesEnd, block.byteCount());
        guestBytesEnd += block.byteCount();
        shape[id] =
                hostBytes
                        | (long) block.byteCount() << GUEST_BYTES_SHIFT
                        | (jump & 0xffffL) << JUMP_SHIFT
                        | (long) block.count() << INSTRUCTIONS_SHIFT;
        olderInPage[id] = newestInPage.put(pageOf(id), id);
        return id;
    }

    /** Makes room for that many blocks (the unused id 0 included) and guest bytes. */
    void reserve(int blockEnd, int byteEnd) {
        if (blockEnd > guestRip.length) {
            int capacity = Math.max(blockEnd, 2 * guestRip.length);
            guestRip = Arrays.copyOf(guestRip, capacity);
            start = Arrays.copyOf(start, capacity);
            sideTableStart = Arrays.copyOf(sideTableStart, capacity);
            firstSite = Arrays.copyOf(firstSite, capacity);
            guestBytesStart = Arrays.copyOf(guestBytesStart, capacity);
            olderInPage = Arrays.copyOf(olderInPage, capacity);
            shape = Arrays.copyOf(shape, capacity);
        }
        if (byteEnd > guestBytes.length) {
            guestBytes = Arrays.copyOf(guestBytes, Math.max(byteEnd, 2 * guestBytes.length));
        }
    }

    /** Writes the blocks before {@code blockEnd} into an image: two runs of sections. */
    void writeLongs(TranslationImage.Cursor cursor, int blockEnd) {
        cursor.put(guestRip, 1, blockEnd - 1);
        cursor.put(shape, 1, blockEnd - 1);
    }

    /** See {@link #writeLongs}. */
    void writeInts(TranslationImage.Cursor cursor, int blockEnd) {
        cursor.put(start, 1, blockEnd - 1);
        cursor.put(sideTableStart, 1, blockEnd - 1);
        cursor.put(firstSite, 1, blockEnd - 1);
        cursor.put(guestBytesStart, 1, blockEnd - 1);
        cursor.put(olderInPage, 1, blockEnd - 1);
    }

    /** Reads what {@link #writeLongs} wrote into an empty table. */
    void readLongs(TranslationImage.Cursor cursor, int blockCount, int guestByteCount) {
        reserve(withRoom(blockCount) + 1, withRoom(guestByteCount));
        end = blockCount + 1;
        guestBytesEnd = guestByteCount;
        cursor.get(guestRip, 1, blockCount);
        cursor.get(shape, 1, blockCount);
    }

    /** Reads what {@link #writeInts} wrote. */
    void readInts(TranslationImage.Cursor cursor) {
        cursor.get(start, 1, end - 1);
        cursor.get(sideTableStart, 1, end - 1);
        cursor.get(firstSite, 1, end - 1);
        cursor.get(guestBytesStart, 1, end - 1);
        cursor.get(olderInPage, 1, end - 1);
    }

    /** Room for a quarter more, so that the first new block does not copy everything. */
    static int withRoom(int count) {
        return count + count / 4;
    }

    /** All virtual pages that have blocks. */
    long[] pages() {
        return newestInPage.keys();
    }

    /** The newest block before {@code blockEnd} in each of {@link #pages}; 0 = none. */
    int[] newestOfPages(int blockEnd) {
        int[] newest = newestInPage.values();
        for (int i = 0; i < newest.length; i++) {
            while (newest[i] >= blockEnd) {
                newest[i] = olderInPage[newest[i]];
            }
        }
        return newest;
    }

    /** Takes over what {@link #pages} and {@link #newestOfPages} returned. */
    void setPages(long[] pages, int[] newest) {
        for (int i = 0; i < pages.length; i++) {
            if (newest[i] != 0) {
                newestInPage.put(pages[i], newest[i]);
            }
        }
    }

    private long pageOf(int id) {
        return guestRip[id] >> CodePages.PAGE_SHIFT;
    }

    /** The newest block whose first byte is in a virtual page; 0 = none. */
    int newestInPage(long pageNumber) {
        return newestInPage.get(pageNumber);
    }

    int hostBytes(int id) {
        return (int) shape[id] & 0xffff;
    }

    int guestByteCount(int id) {
        return (int) (shape[id] >>> GUEST_BYTES_SHIFT) & 0xffff;
    }

    int branchTableJumpOffset(int id) {
        return (short) (shape[id] >>> JUMP_SHIFT);
    }

    int instructionCount(int id) {
        return (int) (shape[id] >>> INSTRUCTIONS_SHIFT) & 0xff;
    }

    /** Whether the block must not be revived. */
    boolean isRetired(int id) {
        return (shape[id] & RETIRED) != 0;
    }

    /** The block will never be right again, whatever the guest's bytes. */
    void retire(int id) {
        shape[id] |= RETIRED;
    }

    boolean contains(int id, long instructionRip) {
        long offset = instructionRip - guestRip[id];
        return offset >= 0 && offset < guestByteCount(id);
    }

    /** Whether the last instruction reaches into the next page. */
    boolean crossesPage(int id) {
        int offset = (int) guestRip[id] & (CodePages.PAGE_SIZE - 1);
        return offset + guestByteCount(id) > CodePages.PAGE_SIZE;
    }

    /** Whether the block's guest bytes are those at {@code position} of a page. */
    boolean matches(int id, byte[] page, int position) {
        int from = guestBytesStart[id];
        int count = guestByteCount(id);
        return Arrays.equals(guestBytes, from, from + count, page, position, position + count);
    }

    void clear() {
        end = 1;
        guestBytesEnd = 0;
        newestInPage.clear();
    }
}
