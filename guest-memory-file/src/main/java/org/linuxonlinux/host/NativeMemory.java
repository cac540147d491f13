// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A mapped range of this process's memory with typed, bounds-checked, little-endian access.
 *
 * <p>Offsets are in bytes from the start of the range. Plain accessors accept any alignment; the
 * ordered ones (acquire, release, volatile, compare-and-set) need natural alignment and are meant
 * for words shared with other processes or machine code. Reusing one object on the hot path
 * allocates nothing. Access after {@link #close()} throws {@link NullPointerException}; a view
 * handed out by {@link #buffer()} must not be used after it.
 */
public final class NativeMemory implements AutoCloseable {
    private static final VarHandle INTS =
            MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final long hva;
    private final long sizeBytes;
    private ByteBuffer buffer;

    private NativeMemory(long hva, long sizeBytes) {
        this.hva = hva;
        this.sizeBytes = sizeBytes;
        this.buffer = NativeRoutines.view(hva, sizeBytes);
    }

    /** Zeroed private memory; the size is rounded up to whole pages, at least one, below 2 GB. */
    public static NativeMemory allocate(long sizeBytes) {
        long atLeast = Math.max(sizeBytes, 1);
        long rounded = (atLeast + HostAbi.PAGE_SIZE - 1) & -HostAbi.PAGE_SIZE;
        long hva =
                HostCalls.mmap(
                        0,
                        rounded,
                        HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                        HostAbi.MAP_PRIVATE | HostAbi.MAP_ANONYMOUS,
                        -1,
                        0);
        return new NativeMemory(hva, rounded);
    }

    /** Part of a file, shared, readable and writable; at most 2 GB - 1, page-aligned. */
    public static NativeMemory mapShared(HostFile file, long offsetBytes, long sizeBytes) {
        return map(
                file,
                offsetBytes,
                sizeBytes,
                HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                HostAbi.MAP_SHARED);
    }

    /** Part of a file with the given {@code PROT_*} and {@code MAP_*} bits. */
    public static NativeMemory map(
            HostFile file, long offsetBytes, long sizeBytes, int protection, int flags) {
        long hva = HostCalls.mmap(0, sizeBytes, protection, flags, file.fd(), offsetBytes);
        return new NativeMemory(hva, sizeBytes);
    }

    /** Address of the first byte in this process. */
    public long hva() {
        return hva;
    }

    /** Length of the range. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** A little-endian view of the whole range with its own position and limit. */
    public ByteBuffer buffer() {
        return buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The byte at an offset. */
    public byte getByte(int offset) {
        return buffer.get(offset);
    }

    /** The 16-bit word at an offset. */
    public short getShort(int offset) {
        return buffer.getShort(offset);
    }

    /** The 32-bit word at an offset. */
    public int getInt(int offset) {
        return buffer.getInt(offset);
    }

    /** The 64-bit word at an offset. */
    public long getLong(int offset) {
        return buffer.getLong(offset);
    }

    /** Stores a byte. */
    public void putByte(int offset, byte value) {
        buffer.put(offset, value);
    }

    /** Stores a 16-bit word. */
    public void putShort(int offset, short value) {
        buffer.putShort(offset, value);
    }

    /** Stores a 32-bit word. */
    public void putInt(int offset, int value) {
        buffer.putInt(offset, value);
    }

    /** Stores a 64-bit word. */
    public void putLong(int offset, long value) {
        buffer.putLong(offset, value);
    }

    /** Reads with acquire order; aligned. */
    public int getIntAcquire(int offset) {
        return (int) INTS.getAcquire(buffer, offset);
    }

    /** Reads with acquire order; aligned. */
    public long getLongAcquire(int offset) {
        return (long) LONGS.getAcquire(buffer, offset);
    }

    /** Reads in the order of all volatile accesses; aligned. */
    public long getLongVolatile(int offset) {
        return (long) LONGS.getVolatile(buffer, offset);
    }

    /** Stores with release order; aligned. */
    public void setIntRelease(int offset, int value) {
        INTS.setRelease(buffer, offset, value);
    }

    /** Stores with release order; aligned. */
    public void setLongRelease(int offset, long value) {
        LONGS.setRelease(buffer, offset, value);
    }

    /** Stores in the order of all volatile accesses (a full fence follows); aligned. */
    public void setLongVolatile(int offset, long value) {
        LONGS.setVolatile(buffer, offset, value);
    }

    /** Atomic compare-and-set with volatile order; aligned. */
    public boolean compareAndSetInt(int offset, int expected, int value) {
        return INTS.compareAndSet(buffer, offset, expected, value);
    }

    /** Atomic compare-and-set with volatile order; aligned. */
    public boolean compareAndSetLong(int offset, long expected, long value) {
        return LONGS.compareAndSet(buffer, offset, expected, value);
    }

    /** Atomic or; returns the old value; aligned. */
    public long getAndBitwiseOrLong(int offset, long mask) {
        return (long) LONGS.getAndBitwiseOr(buffer, offset, mask);
    }

    /** Atomic and; returns the old value; aligned. */
    public long getAndBitwiseAndLong(int offset, long mask) {
        return (long) LONGS.getAndBitwiseAnd(buffer, offset, mask);
    }

    /** Copies out. */
    public void get(int offset, byte[] into, int intoOffset, int length) {
        buffer.get(offset, into, intoOffset, length);
    }

    /** Copies in. */
    public void put(int offset, byte[] from, int fromOffset, int length) {
        buffer.put(offset, from, fromOffset, length);
    }

    /** Stores a string in UTF-8 with a final zero byte; returns the number of bytes stored. */
    public int putCString(int offset, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        put(offset, bytes, 0, bytes.length);
        putByte(offset + bytes.length, (byte) 0);
        return bytes.length + 1;
    }

    /** Changes the protection of the whole range ({@code PROT_*}). */
    public void protect(int protection) {
        HostCalls.mprotect(hva, sizeBytes, protection);
    }

    /** Unmaps the range. A second call does nothing. */
    @Override
    public void close() {
        if (buffer != null) {
            buffer = null;
            HostCalls.munmap(hva, sizeBytes);
        }
    }

    @Override
    public String toString() {
        return "hva=0x" + Long.toHexString(hva) + ", sizeBytes=0x" + Long.toHexString(sizeBytes);
    }
}
