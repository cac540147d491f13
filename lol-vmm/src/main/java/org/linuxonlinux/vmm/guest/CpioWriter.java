// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes a cpio archive in the "newc" format the kernel unpacks as initramfs (Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst). The output depends on the entries
 * only: all belong to root, have modification time 0 and are numbered in order.
 *
 * <pre>
 *   ┌─────────────────────────────┬────────────┬─────────┬──────┬─────────┐
 *   │ "070701", 13 × 8 hex digits │ name, NUL  │ 0 to 4n │ data │ 0 to 4n │   for each entry
 *   └─────────────────────────────┴────────────┴─────────┴──────┴─────────┘
 * </pre>
 *
 * The kernel wants a directory before what is in it, and no leading slash in names.
 */
public final class CpioWriter implements Closeable {
    private static final int S_IFCHR = 0x2000;
    private static final int S_IFDIR = 0x4000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFLNK = 0xa000;

    private static final int ALIGNMENT = 4;
    private static final int HEADER_SIZE = 6 + 13 * 8;
    private static final byte[] NOTHING = new byte[0];

    private final OutputStream out;
    private long offsetBytes;
    private int nextInode = 1;

    /** An archive written to {@code out}. */
    public CpioWriter(OutputStream out) {
        this.out = out;
    }

    /** Adds a directory; {@code mode} is its permission bits. */
    public void directory(String name, int mode) throws IOException {
        entry(name, S_IFDIR | mode, 0, 0, NOTHING);
    }

    /** Adds a regular file. */
    public void file(String name, int mode, byte[] content) throws IOException {
        entry(name, S_IFREG | mode, 0, 0, content);
    }

    /** Adds a symbolic link to {@code target}. */
    public void symlink(String name, String target) throws IOException {
        entry(name, S_IFLNK | 0777, 0, 0, target.getBytes(StandardCharsets.UTF_8));
    }

    /** Adds a character device. */
    public void characterDevice(String name, int mode, int major, int minor) throws IOException {
        entry(name, S_IFCHR | mode, major, minor, NOTHING);
    }

    private void entry(String name, int mode, int major, int minor, byte[] content)
            throws IOException {
        if (name.isEmpty() || name.startsWith("/")) {
            throw new IllegalArgumentException("archive names are relative: name=" + name);
        }
        write(name, nextInode++, mode, major, minor, content);
    }

    private void write(String name, int inode, int mode, int major, int minor, byte[] content)
            throws IOException {
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        StringBuilder header = new StringBuilder(HEADER_SIZE).append("070701");
        hex(header, inode);
        hex(header, mode);
        hex(header, 0); // uid
        hex(header, 0); // gid
        hex(header, 1); // nlink
        hex(header, 0); // mtime
        hex(header, content.length);
        hex(header, 0); // device of the archived file, major
        hex(header, 0); // and minor
        hex(header, major);
        hex(header, minor);
        hex(header, nameBytes.length + 1);
        hex(header, 0); // checksum, unused in this format
        put(header.toString().getBytes(StandardCharsets.US_ASCII));
        put(nameBytes);
        put(new byte[1]);
        align();
        put(content);
        align();
    }

    private static void hex(StringBuilder header, int value) {
        String digits = Integer.toHexString(value).toUpperCase(java.util.Locale.ROOT);
        header.append("0".repeat(8 - digits.length())).append(digits);
    }

    private void align() throws IOException {
        put(new byte[(int) (-offsetBytes & (ALIGNMENT - 1))]);
    }

    private void put(byte[] bytes) throws IOException {
        out.write(bytes);
        offsetBytes += bytes.length;
    }

    /** Ends the archive and closes the stream. */
    @Override
    public void close() throws IOException {
        try (out) {
            write("TRAILER!!!", 0, 0, 0, 0, NOTHING);
        }
    }
}
