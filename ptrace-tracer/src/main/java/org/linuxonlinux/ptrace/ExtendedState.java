// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import java.util.Arrays;
import org.linuxonlinux.host.NativeMemory;

/**
 * The XSAVE area of a stopped process: x87, SSE, AVX and later vector registers.
 *
 * <p>The layout is that of the XSAVE instruction in its standard form (Intel SDM vol. 1 §13.4); the
 * length depends on the host. Filled and written back by {@link TracedProcess}; reused.
 */
public final class ExtendedState implements AutoCloseable {
    /** Room for every state component; AMX tiles (8 KB) included. */
    private static final int CAPACITY_BYTES = 4 * 4096;

    private static final int DATA_OFFSET = 64;
    private static final int IOV_BASE = 0;
    private static final int IOV_LEN = 8;

    private final NativeMemory memory = NativeMemory.allocate(CAPACITY_BYTES + DATA_OFFSET);
    private int sizeBytes;

    /** An empty state; must be filled before it is written to a process. */
    public ExtendedState() {}

    /** Address of a {@code struct iovec} that spans the whole capacity. */
    long iovecForFilling() {
        return iovec(CAPACITY_BYTES);
    }

    /** Address of a {@code struct iovec} that spans the filled part. */
    long iovecForWriting() {
        if (sizeBytes == 0) {
            throw new IllegalStateException("extended state was never filled");
        }
        return iovec(sizeBytes);
    }

    private long iovec(int lengthBytes) {
        memory.putLong(IOV_BASE, memory.hva() + DATA_OFFSET);
        memory.putLong(IOV_LEN, lengthBytes);
        return memory.hva();
    }

    void filled() {
        sizeBytes = (int) memory.getLong(IOV_LEN);
    }

    /** Bytes the host's area has; 0 before the first filling. */
    public int sizeBytes() {
        return sizeBytes;
    }

    /** Word at a byte offset of the area. */
    public long getLong(int offset) {
        return memory.getLong(DATA_OFFSET + offset);
    }

    /** Stores a word at a byte offset of the area. */
    public void setLong(int offset, long value) {
        memory.putLong(DATA_OFFSET + offset, value);
    }

    /** A copy of the area. */
    public byte[] toByteArray() {
        byte[] bytes = new byte[sizeBytes];
        memory.get(DATA_OFFSET, bytes, 0, sizeBytes);
        return bytes;
    }

    @Override
    public void close() {
        memory.close();
    }

    @Override
    public String toString() {
        return "sizeBytes=" + sizeBytes + ", hash=" + Arrays.hashCode(toByteArray());
    }
}
