// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Dormant blocks as bytes: what a {@link Translator} knows of its blocks apart from where the guest
 * has them mapped, so that a later run with the same gate, translator and exception table can take
 * them over. Position-dependent: the host code goes where it was.
 *
 * <p>Little-endian; sections follow the counts without gaps, those of longs first:
 *
 * <pre>
 *  counts                 int × Count.END
 *  guest RIP, shape       long × blocks, each
 *  side table             long × side table entries
 *  targets of sites       long × sites
 *  indirect targets       long × indirect targets
 *  dynamic instructions   long × dynamic instructions
 *  virtual pages          long × pages
 *  start, side table start, first site, first guest byte, older block in page
 *                         int × blocks, each
 *  field offset, block    int × sites, each
 *  newest block           int × pages
 *  guest bytes            byte × guest bytes
 *  host code              byte × code bytes
 * </pre>
 *
 * <p>No link field of the host code leads to a block, and every entry is as emitted. Nothing in an
 * image comes from memory that the guest can write.
 */
public final class TranslationImage {
    /** Indexes of the numbers an image begins with. */
    static final class Count {
        static final int COMMON_END = 0;
        static final int CODE_BYTES = 1;
        static final int BLOCKS = 2;
        static final int GUEST_BYTES = 3;
        static final int SIDE_TABLE_ENTRIES = 4;
        static final int SITES = 5;
        static final int INDIRECT_TARGETS = 6;
        static final int DYNAMIC_INSTRUCTIONS = 7;
        static final int PAGES = 8;
        static final int END = 9;

        private Count() {}
    }

    /** Bytes of the counts, so that longs are aligned. */
    private static final int COUNTS_BYTES = (Count.END * 4 + 7) & -8;

    private final ByteBuffer bytes;

    private TranslationImage(ByteBuffer bytes) {
        this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * An image read back. The caller has checked that the bytes are those written.
     *
     * @throws IllegalArgumentException if their number does not fit the counts
     */
    public static TranslationImage of(ByteBuffer bytes) {
        TranslationImage image = new TranslationImage(bytes.slice());
        if (bytes.remaining() < COUNTS_BYTES || image.sizeFromCounts() != bytes.remaining()) {
            throw new IllegalArgumentException("image size: sizeBytes=" + bytes.remaining());
        }
        return image;
    }

    /** An image to be filled, with room for these counts, given in the order of {@code Count}. */
    static TranslationImage allocate(int... counts) {
        ByteBuffer head = ByteBuffer.allocate(COUNTS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < counts.length; i++) {
            head.putInt(4 * i, counts[i]);
        }
        long sizeBytes = new TranslationImage(head).sizeFromCounts();
        ByteBuffer bytes = ByteBuffer.allocateDirect(Math.toIntExact(sizeBytes));
        bytes.put(0, head, 0, COUNTS_BYTES);
        return new TranslationImage(bytes);
    }

    private long sizeFromCounts() {
        long longs =
                2L * count(Count.BLOCKS)
                        + count(Count.SIDE_TABLE_ENTRIES)
                        + count(Count.SITES)
                        + count(Count.INDIRECT_TARGETS)
                        + count(Count.DYNAMIC_INSTRUCTIONS)
                        + count(Count.PAGES);
        long ints = 5L * count(Count.BLOCKS) + 2L * count(Count.SITES) + count(Count.PAGES);
        return COUNTS_BYTES
                + 8 * longs
                + 4 * ints
                + count(Count.GUEST_BYTES)
                + count(Count.CODE_BYTES);
    }

    int count(int index) {
        return bytes.getInt(4 * index);
    }

    /** All bytes. */
    public ByteBuffer bytes() {
        return bytes.duplicate().rewind();
    }

    /** Blocks in the image. */
    public int blockCount() {
        return count(Count.BLOCKS);
    }

    /** Sections in their order, to be read or to be written. */
    final class Cursor {
        private int position = COUNTS_BYTES;

        void get(long[] into, int from, int length) {
            bytes.slice(position, 8 * length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asLongBuffer()
                    .get(into, from, length);
            position += 8 * length;
        }

        void get(int[] into, int from, int length) {
            bytes.slice(position, 4 * length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer()
                    .get(into, from, length);
            position += 4 * length;
        }

        void get(byte[] into, int from, int length) {
            bytes.get(position, into, from, length);
            position += length;
        }

        void put(long[] source, int from, int length) {
            bytes.slice(position, 8 * length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asLongBuffer()
                    .put(source, from, length);
            position += 8 * length;
        }

        void put(int[] source, int from, int length) {
            bytes.slice(position, 4 * length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer()
                    .put(source, from, length);
            position += 4 * length;
        }

        void put(byte[] source, int from, int length) {
            bytes.put(position, source, from, length);
            position += length;
        }

        /** The rest: the host code. */
        ByteBuffer rest() {
            return bytes.slice(position, bytes.capacity() - position)
                    .order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    Cursor cursor() {
        return new Cursor();
    }
}
