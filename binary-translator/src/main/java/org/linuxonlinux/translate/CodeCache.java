// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;

/**
 * Memory of the emitted code: writable in the monitor, executable in the context processes at
 * {@code AddressMap.CODE_CACHE_HVA}.
 *
 * <pre>
 *  0           common          hot →                    ← cold           size
 * +---------------+---------------------+  free  +--------------------------+
 * | common exits  | blocks, ascending   |        | exit code of single sites|
 * +---------------+---------------------+        +--------------------------+
 * </pre>
 *
 * <p>Blocks and the seldom-run exit code grow towards each other, so that the code that runs stays
 * dense. Nothing is freed singly; {@link #reset} empties all but the common part.
 */
public final class CodeCache implements AutoCloseable {
    /** Bytes of a block's indirect entry, before its direct entry. */
    static final int INDIRECT_ENTRY_BYTES = 8;

    /** Blocks start at this alignment: the decoders of current CPUs fetch 32 bytes, two blocks. */
    private static final int BLOCK_ALIGNMENT = 16;

    /** {@code int3}: fills gaps, so that a wild jump stops. */
    private static final long INT3_FILL = 0xcccc_cccc_cccc_ccccL;

    /**
     * A rel32 that leads 2 GB down, where nothing is ever executable (see {@code AddressMap}): a
     * link field that nobody has set must not lead to code.
     */
    static final int UNLINKED_REL32 = Integer.MIN_VALUE;

    private final HostFile file;
    private final NativeMemory memory;
    private final ByteBuffer bytes;
    private final long baseHva;
    private int commonEnd;
    private int hotEnd;
    private int coldStart;

    private CodeCache(HostFile file, NativeMemory memory, long baseHva) {
        this.file = file;
        this.memory = memory;
        this.bytes = memory.buffer().order(ByteOrder.LITTLE_ENDIAN);
        this.baseHva = baseHva;
        this.coldStart = bytes.capacity();
    }

    /**
     * An empty cache in a new memfd, for {@code AddressMap.CODE_CACHE_HVA}.
     *
     * @param sizeBytes at most {@code AddressMap.CODE_CACHE_MAX_SIZE_BYTES}; pages are allocated as
     *     they are filled
     */
    public static CodeCache create(int sizeBytes) {
        HostFile file = HostFile.memfd("lol-code-cache", sizeBytes);
        NativeMemory memory = NativeMemory.mapShared(file, 0, sizeBytes);
        return new CodeCache(file, memory, AddressMap.CODE_CACHE_HVA);
    }

    /** The file to map into context processes. */
    public HostFile file() {
        return file;
    }

    @Override
    public void close() {
        memory.close();
        file.close();
    }

    /** HVA of the first byte in the context processes. */
    public long baseHva() {
        return baseHva;
    }

    /** Size in bytes. */
    public int sizeBytes() {
        return bytes.capacity();
    }

    /** Whether an HVA lies in the cache. */
    boolean contains(long hva) {
        return hva - baseHva >= 0 && hva - baseHva < bytes.capacity();
    }

    int offsetOf(long hva) {
        return (int) (hva - baseHva);
    }

    long hvaOf(int offset) {
        return baseHva + offset;
    }

    /** Offset the next block starts at. */
    int nextBlockOffset() {
        return (hotEnd + BLOCK_ALIGNMENT - 1) & -BLOCK_ALIGNMENT;
    }

    int freeBytes() {
        return coldStart - nextBlockOffset();
    }

    int commonEnd() {
        return commonEnd;
    }

    int coldStart() {
        return coldStart;
    }

    /** Appends to the common part. Only before the first block. */
    void appendCommon(CodeBuffer code) {
        code.copyTo(bytes, hotEnd);
        hotEnd += code.position();
        commonEnd = hotEnd;
    }

    /** Appends a block at {@link #nextBlockOffset}; the gap before it is filled. */
    int appendBlock(CodeBuffer code) {
        int start = nextBlockOffset();
        for (int i = hotEnd; i < start; i++) {
            bytes.put(i, (byte) INT3_FILL);
        }
        code.copyTo(bytes, start);
        hotEnd = start + code.position();
        return start;
    }

    /** Offset of the next {@code length} bytes of cold code. */
    int nextColdOffset(int length) {
        return coldStart - length;
    }

    /** Puts cold code at {@link #nextColdOffset}. */
    void appendCold(CodeBuffer code) {
        coldStart -= code.position();
        code.copyTo(bytes, coldStart);
    }

    /** Empties the hot and cold parts. */
    void reset() {
        hotEnd = commonEnd;
        coldStart = bytes.capacity();
    }

    /**
     * Retargets the rel32 field of a jump, atomically for processors that run it: the field lies in
     * one aligned quadword, which is stored whole.
     */
    void patchRel32(int fieldOffset, int targetOffset) {
        assert (fieldOffset & 7) <= 4;
        int word = fieldOffset & ~7;
        int shift = (fieldOffset & 7) * 8;
        long rel = (targetOffset - (fieldOffset + 4)) & 0xffff_ffffL;
        long mask = 0xffff_ffffL << shift;
        bytes.putLong(word, (bytes.getLong(word) & ~mask) | rel << shift);
    }

    /** Overwrites a block's direct entry with a jump, in one aligned store. */
    void patchEntry(int entryOffset, int targetOffset) {
        assert (entryOffset & 7) == 0;
        long rel = (targetOffset - (entryOffset + 5)) & 0xffff_ffffL;
        bytes.putLong(entryOffset, 0xe9 | rel << 8 | INT3_FILL << 40);
    }

    /** The eight bytes that {@link #patchEntry} overwrites. */
    long entryWord(int entryOffset) {
        return bytes.getLong(entryOffset);
    }

    /** Takes {@link #patchEntry} back. */
    void restoreEntry(int entryOffset, long word) {
        assert (entryOffset & 7) == 0;
        bytes.putLong(entryOffset, word);
    }

    /** End of the blocks. */
    int hotEnd() {
        return hotEnd;
    }

    /** A copy of the blocks from the common part up to an offset. */
    void copyBlocks(int endOffset, ByteBuffer into) {
        into.put(0, bytes, commonEnd, endOffset - commonEnd);
    }

    /**
     * Copies blocks of an earlier run to where they were; they are not part of the cache before
     * {@link #setBlocksEnd}. On any thread, as long as there are no blocks.
     */
    void prepareBlocks(int startOffset, ByteBuffer code) {
        if (code.remaining() <= bytes.capacity() - startOffset) {
            bytes.put(startOffset, code, code.position(), code.remaining());
        }
    }

    /** Adds prepared blocks. Only before the first block. */
    void setBlocksEnd(int endOffset) {
        hotEnd = endOffset;
    }

    int rel32Target(int fieldOffset) {
        return fieldOffset + 4 + bytes.getInt(fieldOffset);
    }

    /** Copies emitted bytes, for dumps and tests. */
    byte[] copy(int offset, int length) {
        byte[] out = new byte[length];
        bytes.get(offset, out);
        return out;
    }
}
