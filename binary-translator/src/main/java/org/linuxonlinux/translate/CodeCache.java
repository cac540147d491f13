// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Memory of the emitted code: writable in the monitor, executable in the context processes at
 * {@code AddressMap.CODE_CACHE_HVA}.
 */
public final class CodeCache {
    /** Bytes of a block's indirect entry, before its direct entry. */
    static final int INDIRECT_ENTRY_BYTES = 8;

    private final ByteBuffer bytes;
    private final long baseHva;

    /**
     * A code cache in memory that the caller has mapped and keeps mapped.
     *
     * @param bytes direct buffer over the monitor's mapping
     * @param baseHva HVA of its first byte in the context processes
     */
    public CodeCache(ByteBuffer bytes, long baseHva) {
        this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
        this.baseHva = baseHva;
    }

    /** HVA of the first byte in the context processes. */
    public long baseHva() {
        return baseHva;
    }

    /** Size in bytes. */
    public int sizeBytes() {
        return bytes.capacity();
    }
}
