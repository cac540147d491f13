// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/** Accumulates the offsets of a binary layout in declared order. */
final class Layout {
    private static final int CACHE_LINE_BYTES = 64;
    private static final int PAGE_BYTES = 4096;

    private final int sizeBytes;
    private int offset;

    Layout(int sizeBytes) {
        this.sizeBytes = sizeBytes;
    }

    /** Offset of the next 8-byte field. */
    int u64() {
        return array(8, 8);
    }

    /** Offset of the next 4-byte field. */
    int u32() {
        return array(4, 4);
    }

    /** Offset of lengthBytes bytes at an alignment. */
    int array(int lengthBytes, int alignment) {
        align(alignment);
        int start = offset;
        offset += lengthBytes;
        if (offset > sizeBytes) {
            throw new IllegalStateException(
                    "layout overflows: offset=" + offset + ", sizeBytes=" + sizeBytes);
        }
        return start;
    }

    /** Goes to the next cache line. */
    void cacheLine() {
        align(CACHE_LINE_BYTES);
    }

    /** Goes to the next page. */
    void page() {
        align(PAGE_BYTES);
    }

    /** Moves forward so that what follows ends exactly at the end of the layout. */
    void skipToLast(int lengthBytes) {
        if (offset > sizeBytes - lengthBytes) {
            throw new IllegalStateException("layout overflows: offset=" + offset);
        }
        offset = sizeBytes - lengthBytes;
    }

    /** Fails unless the layout is full. */
    void end() {
        if (offset != sizeBytes) {
            throw new IllegalStateException(
                    "layout has a wrong end: offset=" + offset + ", sizeBytes=" + sizeBytes);
        }
    }

    private void align(int alignment) {
        offset = (offset + alignment - 1) & -alignment;
    }
}
