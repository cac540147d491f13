// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.util.Locale;

/**
 * Builds ACPI machine language (ACPI 6.5 §20.2): each method returns the encoding of one term, to
 * be nested in others.
 */
public final class Aml {
    private static final int ZERO_OP = 0x00;
    private static final int ONE_OP = 0x01;
    private static final int NAME_OP = 0x08;
    private static final int BYTE_PREFIX = 0x0a;
    private static final int WORD_PREFIX = 0x0b;
    private static final int DWORD_PREFIX = 0x0c;
    private static final int STRING_PREFIX = 0x0d;
    private static final int QWORD_PREFIX = 0x0e;
    private static final int SCOPE_OP = 0x10;
    private static final int BUFFER_OP = 0x11;
    private static final int PACKAGE_OP = 0x12;
    private static final int DUAL_NAME_PREFIX = 0x2e;
    private static final int MULTI_NAME_PREFIX = 0x2f;
    private static final int EXT_OP_PREFIX = 0x5b;
    private static final int ROOT_CHAR = '\\';
    private static final int DEVICE_OP = 0x82;

    private static final int IO_DESCRIPTOR = 0x47;
    private static final int IO_DECODE_16 = 1;
    private static final int EXTENDED_INTERRUPT_DESCRIPTOR = 0x89;
    private static final int INTERRUPT_CONSUMER = 1;
    private static final int INTERRUPT_EDGE = 1 << 1;
    private static final int END_TAG = 0x79;

    private static final int SEGMENT_LENGTH = 4;

    private Aml() {}

    // ---- Names and containers ----------------------------------------------------------------

    /** {@code Name (path, value)}. */
    public static byte[] name(String path, byte[] value) {
        return new ByteWriter().u8(NAME_OP).bytes(path(path)).bytes(value).toBytes();
    }

    /** {@code Scope (path) { … }}. */
    public static byte[] scope(String path, byte[]... terms) {
        return new ByteWriter().u8(SCOPE_OP).bytes(sized(path(path), terms)).toBytes();
    }

    /** {@code Device (path) { … }}. */
    public static byte[] device(String path, byte[]... terms) {
        return new ByteWriter()
                .u8(EXT_OP_PREFIX)
                .u8(DEVICE_OP)
                .bytes(sized(path(path), terms))
                .toBytes();
    }

    /** {@code Package () { … }} of up to 255 elements. */
    public static byte[] packageOf(byte[]... elements) {
        if (elements.length > 0xff) {
            throw new IllegalArgumentException("package too long: elements=" + elements.length);
        }
        byte[] count = {(byte) elements.length};
        return new ByteWriter().u8(PACKAGE_OP).bytes(sized(count, elements)).toBytes();
    }

    /** A name path: segments of up to four characters with dots between, optionally absolute. */
    private static byte[] path(String path) {
        ByteWriter out = new ByteWriter();
        String relative = path;
        if (path.startsWith("\\")) {
            out.u8(ROOT_CHAR);
            relative = path.substring(1);
        }
        String[] segments = relative.split("\\.", -1);
        if (segments.length == 2) {
            out.u8(DUAL_NAME_PREFIX);
        } else if (segments.length > 2) {
            out.u8(MULTI_NAME_PREFIX).u8(segments.length);
        }
        for (String segment : segments) {
            out.bytes(segment(segment));
        }
        return out.toBytes();
    }

    private static byte[] segment(String segment) {
        if (!segment.matches("[A-Z_][A-Z0-9_]{0,3}")) {
            throw new IllegalArgumentException("not a name segment: " + segment);
        }
        String padded = segment + "_".repeat(SEGMENT_LENGTH - segment.length());
        return new ByteWriter().text(padded, SEGMENT_LENGTH).toBytes();
    }

    /** Parts preceded by their length, which counts its own bytes (§20.2.4). */
    private static byte[] sized(byte[] head, byte[]... terms) {
        ByteWriter content = new ByteWriter().bytes(head);
        for (byte[] term : terms) {
            content.bytes(term);
        }
        return new ByteWriter()
                .bytes(packageLength(content.size()))
                .bytes(content.toBytes())
                .toBytes();
    }

    /**
     * The length field for a content of given size: one byte for up to 63, else a lead byte with
     * the count of following bytes in bits 7–6 and the low four bits of the length.
     */
    static byte[] packageLength(int contentBytes) {
        if (contentBytes + 1 < 1 << 6) {
            return new byte[] {(byte) (contentBytes + 1)};
        }
        int following = contentBytes + 2 < 1 << 12 ? 1 : contentBytes + 3 < 1 << 20 ? 2 : 3;
        int length = contentBytes + 1 + following;
        byte[] field = new byte[1 + following];
        field[0] = (byte) (following << 6 | (length & 0xf));
        for (int i = 1; i <= following; i++) {
            field[i] = (byte) (length >>> (8 * i - 4));
        }
        return field;
    }

    // ---- Data --------------------------------------------------------------------------------

    /** An integer in its shortest form. */
    public static byte[] integer(long value) {
        ByteWriter out = new ByteWriter();
        if (value == 0) {
            out.u8(ZERO_OP);
        } else if (value == 1) {
            out.u8(ONE_OP);
        } else if (value >>> 8 == 0) {
            out.u8(BYTE_PREFIX).u8((int) value);
        } else if (value >>> 16 == 0) {
            out.u8(WORD_PREFIX).u16((int) value);
        } else if (value >>> 32 == 0) {
            out.u8(DWORD_PREFIX).u32(value);
        } else {
            out.u8(QWORD_PREFIX).u64(value);
        }
        return out.toBytes();
    }

    /** A string of ASCII characters. */
    public static byte[] string(String value) {
        return new ByteWriter().u8(STRING_PREFIX).text(value, value.length()).u8(0).toBytes();
    }

    /** {@code Buffer () { … }}. */
    public static byte[] buffer(byte[] value) {
        return new ByteWriter().u8(BUFFER_OP).bytes(sized(integer(value.length), value)).toBytes();
    }

    /**
     * A plug-and-play ID as the compressed integer (§19.3.4, EISAID).
     *
     * @param id three capital letters and four hexadecimal digits: {@code PNP0501}
     */
    public static byte[] eisaId(String id) {
        if (!id.matches("[A-Z]{3}[0-9A-Fa-f]{4}")) {
            throw new IllegalArgumentException("not a plug-and-play ID: " + id);
        }
        int letters = 0;
        for (int i = 0; i < 3; i++) {
            letters = (letters << 5) + id.charAt(i) - '@';
        }
        int product = Integer.parseInt(id.substring(3).toLowerCase(Locale.ROOT), 16);
        return new ByteWriter()
                .u8(DWORD_PREFIX)
                .u32(Integer.toUnsignedLong(Integer.reverseBytes(letters << 16 | product)))
                .toBytes();
    }

    // ---- Resources ---------------------------------------------------------------------------

    /** {@code ResourceTemplate () { … }}. */
    public static byte[] resourceTemplate(byte[]... descriptors) {
        ByteWriter out = new ByteWriter();
        for (byte[] descriptor : descriptors) {
            out.bytes(descriptor);
        }
        // A checksum of 0 means "not computed".
        return buffer(out.u8(END_TAG).u8(0).toBytes());
    }

    /** {@code IO (Decode16, …)}: a fixed range of ports (§6.4.2.5). */
    public static byte[] io(int firstPort, int portCount) {
        return new ByteWriter()
                .u8(IO_DESCRIPTOR)
                .u8(IO_DECODE_16)
                .u16(firstPort)
                .u16(firstPort)
                .u8(1) // alignment
                .u8(portCount)
                .toBytes();
    }

    /**
     * {@code Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive)} (§6.4.3.6). The extended
     * form: a kernel without legacy interrupt controller registers a GSI only from this one.
     */
    public static byte[] edgeInterrupt(int gsi) {
        return new ByteWriter()
                .u8(EXTENDED_INTERRUPT_DESCRIPTOR)
                .u16(6) // bytes that follow
                .u8(INTERRUPT_CONSUMER | INTERRUPT_EDGE)
                .u8(1) // interrupts
                .u32(gsi)
                .toBytes();
    }
}
