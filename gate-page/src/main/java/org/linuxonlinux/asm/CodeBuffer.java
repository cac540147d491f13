// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Growing byte buffer that knows the HVA its first byte will run at. Little-endian. The monitor
 * assembles here and copies the result into the executable mapping afterwards. Not thread-safe.
 */
public final class CodeBuffer {
    private byte[] bytes;
    private int position;
    private long baseHva;

    /** An empty buffer whose first byte will run at baseHva. */
    public CodeBuffer(long baseHva) {
        this(baseHva, 256);
    }

    /** An empty buffer with room for capacityBytes before it grows. */
    public CodeBuffer(long baseHva, int capacityBytes) {
        this.baseHva = baseHva;
        this.bytes = new byte[Math.max(16, capacityBytes)];
    }

    /** Empties the buffer and gives it a new base, keeping its storage. */
    public void reset(long newBaseHva) {
        baseHva = newBaseHva;
        position = 0;
    }

    /** HVA of byte 0. */
    public long baseHva() {
        return baseHva;
    }

    /** Bytes emitted so far; offset of the next byte. */
    public int position() {
        return position;
    }

    /** HVA of the next byte. */
    public long hva() {
        return baseHva + position;
    }

    /** Takes back everything from newPosition on. */
    public void truncate(int newPosition) {
        if (newPosition < 0 || newPosition > position) {
            throw new IllegalArgumentException("cannot truncate: position=" + newPosition);
        }
        position = newPosition;
    }

    /** Appends a byte (the low eight bits). */
    public void emit8(int value) {
        require(1);
        bytes[position++] = (byte) value;
    }

    /** Appends two bytes. */
    public void emit16(int value) {
        emit8(value);
        emit8(value >> 8);
    }

    /** Appends four bytes. */
    public void emit32(int value) {
        require(4);
        position += 4;
        putInt(position - 4, value);
    }

    /** Appends eight bytes. */
    public void emit64(long value) {
        emit32((int) value);
        emit32((int) (value >>> 32));
    }

    /** Appends lengthBytes bytes of source from offset on. */
    public void emit(byte[] source, int offset, int lengthBytes) {
        require(lengthBytes);
        System.arraycopy(source, offset, bytes, position, lengthBytes);
        position += lengthBytes;
    }

    /** The byte at an offset, 0–255. */
    public int getByte(int offset) {
        check(offset, 1);
        return bytes[offset] & 0xff;
    }

    /** Overwrites an emitted byte. */
    public void putByte(int offset, int value) {
        check(offset, 1);
        bytes[offset] = (byte) value;
    }

    /** The four bytes at an offset. */
    public int getInt(int offset) {
        check(offset, 4);
        return (bytes[offset] & 0xff)
                | (bytes[offset + 1] & 0xff) << 8
                | (bytes[offset + 2] & 0xff) << 16
                | bytes[offset + 3] << 24;
    }

    /** Overwrites four emitted bytes. */
    public void putInt(int offset, int value) {
        check(offset, 4);
        bytes[offset] = (byte) value;
        bytes[offset + 1] = (byte) (value >> 8);
        bytes[offset + 2] = (byte) (value >> 16);
        bytes[offset + 3] = (byte) (value >> 24);
    }

    /** A copy of what was emitted. */
    public byte[] toByteArray() {
        return Arrays.copyOf(bytes, position);
    }

    /**
     * Copies what was emitted to the target buffer from targetOffset on; the target's position
     * stays.
     */
    public void copyTo(ByteBuffer target, int targetOffset) {
        target.put(targetOffset, bytes, 0, position);
    }

    private void require(int count) {
        if (position + count > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, position + count));
        }
    }

    private void check(int offset, int count) {
        if (offset < 0 || offset + count > position) {
            throw new IndexOutOfBoundsException(
                    "outside emitted code: offset=" + offset + ", position=" + position);
        }
    }
}
