// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * 64-bit digest of what a translation depends on: CRC-32C and CRC-32 side by side. Tells versions
 * apart, not forgeries; unlike a cryptographic hash, it is at full speed in a JVM that has just
 * started.
 */
public final class Digest {
    private final CRC32C high = new CRC32C();
    private final CRC32 low = new CRC32();

    /** Adds the remaining bytes, which stay remaining. */
    public Digest add(ByteBuffer bytes) {
        high.update(bytes.duplicate());
        low.update(bytes.duplicate());
        return this;
    }

    /** Adds bytes. */
    public Digest add(byte[] bytes) {
        return add(ByteBuffer.wrap(bytes));
    }

    /** Adds numbers. */
    public Digest add(long... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(numbers);
        return add(bytes);
    }

    /** The digest of all that was added. */
    public long value() {
        return high.getValue() << 32 | low.getValue();
    }
}
