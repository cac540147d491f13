// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Appends little-endian values to a growing array. */
final class ByteWriter {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    ByteWriter u8(int value) {
        out.write(value);
        return this;
    }

    ByteWriter u16(int value) {
        return u8(value).u8(value >>> 8);
    }

    ByteWriter u32(long value) {
        return u16((int) value).u16((int) (value >>> 16));
    }

    ByteWriter u64(long value) {
        return u32(value).u32(value >>> 32);
    }

    ByteWriter bytes(byte[] value) {
        out.writeBytes(value);
        return this;
    }

    /** ASCII, padded with blanks to a fixed length. */
    ByteWriter text(String value, int length) {
        if (value.length() > length) {
            throw new IllegalArgumentException("longer than " + length + " bytes: " + value);
        }
        bytes(value.getBytes(StandardCharsets.US_ASCII));
        for (int i = value.length(); i < length; i++) {
            u8(' ');
        }
        return this;
    }

    ByteWriter zeros(int count) {
        return bytes(new byte[count]);
    }

    /** Zeros up to an offset from the start. */
    ByteWriter zerosTo(int offset) {
        return zeros(offset - out.size());
    }

    int size() {
        return out.size();
    }

    byte[] toBytes() {
        return out.toByteArray();
    }
}
