// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;

/**
 * For every block: host offset → guest offset and what must be undone there.
 *
 * <pre>
 *  63         48 47         32 31                    0
 * +-------------+-------------+-----------------------+
 * | host offset | guest offset| packed gate.Undo      |
 * +-------------+-------------+-----------------------+
 * </pre>
 *
 * <p>An entry holds from its host offset (bytes from the block's indirect entry) up to the next
 * entry's; of two with the same host offset the later one holds. Entries of one block are
 * contiguous and ascending. The guest offset (signed, bytes from the block's guest RIP) names the
 * instruction whose "before" state the undo yields.
 */
final class SideTable {
    private long[] entries = new long[1 << 15];
    private int size;

    int size() {
        return size;
    }

    void clear() {
        size = 0;
    }

    void write(TranslationImage.Cursor cursor, int count) {
        cursor.put(entries, 0, count);
    }

    /** Reads what {@link #write} wrote into an empty table. */
    void read(TranslationImage.Cursor cursor, int count) {
        entries = new long[BlockTable.withRoom(Math.max(count, entries.length))];
        size = count;
        cursor.get(entries, 0, count);
    }

    /** Takes the entries of another table, which must not be used any more. */
    void adopt(SideTable other) {
        entries = other.entries;
        size = other.size;
    }

    void add(int hostOffset, int guestOffset, int undo) {
        assert hostOffset >>> 16 == 0 && guestOffset == (short) guestOffset;
        if (size == entries.length) {
            entries = Arrays.copyOf(entries, size * 2);
        }
        entries[size++] =
                (long) hostOffset << 48 | (guestOffset & 0xffffL) << 32 | (undo & 0xffff_ffffL);
    }

    /** The last entry of [start, end) at or before a host offset. */
    long find(int start, int end, int hostOffset) {
        int low = start;
        int high = end - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (hostOffset(entries[middle]) <= hostOffset) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return entries[low];
    }

    /** Entry by index, for tests and listings. */
    long entry(int index) {
        return entries[index];
    }

    static int hostOffset(long entry) {
        return (int) (entry >>> 48);
    }

    static int guestOffset(long entry) {
        return (short) (entry >>> 32);
    }

    static int undo(long entry) {
        return (int) entry;
    }
}
