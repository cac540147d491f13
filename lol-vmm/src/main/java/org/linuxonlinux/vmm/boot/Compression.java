// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;

/**
 * How the kernel inside a bzImage is compressed; told by the first bytes of the payload (x86 boot
 * protocol, payload_offset).
 */
public enum Compression {
    /** A bare vmlinux: nothing to decompress. */
    NONE("none", ""),
    /** CONFIG_KERNEL_GZIP. */
    GZIP("gzip", "\u001f\u008b"),
    /** CONFIG_KERNEL_BZIP2. */
    BZIP2("bzip2", "BZh"),
    /** CONFIG_KERNEL_XZ: an .xz stream, with the x86 branch filter. */
    XZ("xz", "\u00fd7zXZ\0"),
    /** CONFIG_KERNEL_LZMA: the .lzma ("LZMA alone") format. */
    LZMA("lzma", "\135\0\0"),
    /** CONFIG_KERNEL_LZO: the file format of lzop. */
    LZO("lzo", "\u0089LZO\0\r\n\032\n"),
    /** CONFIG_KERNEL_LZ4: the legacy frame format ({@code lz4 -l}). */
    LZ4("lz4", "\002!L\030"),
    /** CONFIG_KERNEL_ZSTD. */
    ZSTD("zstd", "(\u00b5/\u00fd");

    private final String label;

    /** First bytes, one per character (ISO 8859-1). */
    private final String magic;

    Compression(String label, String magic) {
        this.label = label;
        this.magic = magic;
    }

    /** The name people use, in lower case. */
    public String label() {
        return label;
    }

    /** The compression whose magic the bytes begin with; NONE if it is none of them. */
    static Compression detect(ByteBuffer bytes) {
        for (Compression c : values()) {
            if (c != NONE && c.matches(bytes)) {
                return c;
            }
        }
        return NONE;
    }

    private boolean matches(ByteBuffer bytes) {
        if (bytes.remaining() < magic.length()) {
            return false;
        }
        for (int i = 0; i < magic.length(); i++) {
            if (Byte.toUnsignedInt(bytes.get(bytes.position() + i)) != magic.charAt(i)) {
                return false;
            }
        }
        return true;
    }
}
