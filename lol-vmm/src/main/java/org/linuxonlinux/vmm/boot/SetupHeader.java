// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The setup header of a bzImage (Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel
 * Header"). Offsets are those of the document, from the start of the file; in the zero page the
 * header has the same offset.
 */
public final class SetupHeader {
    /** Offset of the first field, {@code setup_sects}, in the file and in the zero page. */
    static final int HDR_OFFSET = 0x1f1;

    static final int BOOT_FLAG_OFFSET = 0x1fe;
    static final int JUMP_LENGTH_OFFSET = 0x201;
    static final int HEADER_MAGIC_OFFSET = 0x202;
    static final int VERSION_OFFSET = 0x206;
    static final int KERNEL_VERSION_OFFSET = 0x20e;
    static final int TYPE_OF_LOADER_OFFSET = 0x210;
    static final int LOADFLAGS_OFFSET = 0x211;
    static final int CODE32_START_OFFSET = 0x214;
    static final int RAMDISK_IMAGE_OFFSET = 0x218;
    static final int RAMDISK_SIZE_OFFSET = 0x21c;
    static final int CMD_LINE_PTR_OFFSET = 0x228;
    static final int INITRD_ADDR_MAX_OFFSET = 0x22c;
    static final int KERNEL_ALIGNMENT_OFFSET = 0x230;
    static final int XLOADFLAGS_OFFSET = 0x236;
    static final int CMDLINE_SIZE_OFFSET = 0x238;
    static final int PAYLOAD_OFFSET_OFFSET = 0x248;
    static final int PAYLOAD_LENGTH_OFFSET = 0x24c;
    static final int PREF_ADDRESS_OFFSET = 0x258;
    static final int INIT_SIZE_OFFSET = 0x260;
    static final int SYSSIZE_OFFSET = 0x1f4;

    /** Value of {@code boot_flag}. */
    static final int BOOT_FLAG = 0xaa55;

    /** Value of {@code header}: "HdrS". */
    static final int HEADER_MAGIC = 0x53726448;

    /** Boot protocol 2.12: the first with {@code xloadflags}. */
    static final int VERSION_2_12 = 0x20c;

    /** {@code xloadflags} bit: the kernel has the 64-bit entry point. */
    static final int XLF_KERNEL_64 = 1;

    private static final int SECTOR_SIZE = 512;

    /** Smallest header that reaches past {@code init_size}. */
    private static final int MIN_END = INIT_SIZE_OFFSET + 4;

    /** End of the room for the header in the zero page: {@code edd_mbr_sig_buffer} follows. */
    private static final int MAX_END = 0x290;

    private static final int ARM64_MAGIC_OFFSET = 0x38;
    private static final int ARM64_MAGIC = 0x644d5241;

    private final ByteBuffer file;
    private final int end;

    private SetupHeader(ByteBuffer file, int end) {
        this.file = file;
        this.end = end;
    }

    static SetupHeader parse(ByteBuffer bytes) throws KernelFormatException {
        ByteBuffer file = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        if (file.limit() >= ARM64_MAGIC_OFFSET + 4
                && file.getInt(ARM64_MAGIC_OFFSET) == ARM64_MAGIC) {
            throw new KernelFormatException(
                    "kernel for another architecture: ARM64, expected x86-64");
        }
        if (file.limit() < MAX_END) {
            throw new KernelFormatException("not a kernel: sizeBytes=" + file.limit());
        }
        if (Short.toUnsignedInt(file.getShort(BOOT_FLAG_OFFSET)) != BOOT_FLAG
                || file.getInt(HEADER_MAGIC_OFFSET) != HEADER_MAGIC) {
            throw new KernelFormatException("not a kernel: neither bzImage nor ELF");
        }
        SetupHeader header =
                new SetupHeader(
                        file,
                        HEADER_MAGIC_OFFSET + Byte.toUnsignedInt(file.get(JUMP_LENGTH_OFFSET)));
        header.check();
        return header;
    }

    private void check() throws KernelFormatException {
        if (protocol() < VERSION_2_12) {
            throw new KernelFormatException(
                    "boot protocol too old: version="
                            + protocolName()
                            + ", expected at least 2.12 (Linux 3.8)");
        }
        if ((file.getShort(XLOADFLAGS_OFFSET) & XLF_KERNEL_64) == 0) {
            throw new KernelFormatException("32-bit kernel, expected x86-64");
        }
        if (end < MIN_END || end > MAX_END) {
            throw new KernelFormatException(
                    "corrupt setup header: end=0x" + Integer.toHexString(end));
        }
        long size = setupSizeBytes() + Integer.toUnsignedLong(file.getInt(SYSSIZE_OFFSET)) * 16;
        if (size > file.limit()) {
            throw new KernelFormatException(
                    "truncated: sizeBytes=" + file.limit() + ", expected=" + size);
        }
    }

    private int setupSizeBytes() {
        int sectors = Byte.toUnsignedInt(file.get(HDR_OFFSET));
        return ((sectors == 0 ? 4 : sectors) + 1) * SECTOR_SIZE;
    }

    /** The compressed kernel within the bytes of the bzImage. */
    ByteBuffer payload(ByteBuffer bytes) throws KernelFormatException {
        long offset = setupSizeBytes() + Integer.toUnsignedLong(file.getInt(PAYLOAD_OFFSET_OFFSET));
        long length = Integer.toUnsignedLong(file.getInt(PAYLOAD_LENGTH_OFFSET));
        if (length == 0 || offset + length > bytes.remaining()) {
            throw new KernelFormatException(
                    "truncated: payload ends at "
                            + (offset + length)
                            + ", sizeBytes="
                            + bytes.remaining());
        }
        return bytes.slice(bytes.position() + (int) offset, (int) length);
    }

    /** The header's own bytes, to be copied to {@link #HDR_OFFSET} of the zero page. */
    ByteBuffer bytes() {
        return file.slice(HDR_OFFSET, end - HDR_OFFSET);
    }

    /** Boot protocol version, major in the high byte. */
    public int protocol() {
        return Short.toUnsignedInt(file.getShort(VERSION_OFFSET));
    }

    /** Boot protocol version for people, e.g. {@code 2.15}. */
    public String protocolName() {
        return (protocol() >> 8) + "." + String.format("%02d", protocol() & 0xff);
    }

    /** Longest command line the kernel takes, in bytes, without its NUL. */
    public int commandLineLimit() {
        return file.getInt(CMDLINE_SIZE_OFFSET);
    }

    /** Highest address an initrd may occupy, inclusive. */
    public long initrdMaxGpa() {
        return Integer.toUnsignedLong(file.getInt(INITRD_ADDR_MAX_OFFSET));
    }

    /**
     * Bytes of contiguous memory the kernel needs from its start before it reads the memory map.
     */
    public long initSizeBytes() {
        return Integer.toUnsignedLong(file.getInt(INIT_SIZE_OFFSET));
    }

    /** Size of the compressed payload in bytes. */
    public int payloadSizeBytes() {
        return file.getInt(PAYLOAD_LENGTH_OFFSET);
    }

    /** The kernel's version text; empty if the header has none. */
    String version() {
        int offset = Short.toUnsignedInt(file.getShort(KERNEL_VERSION_OFFSET));
        if (offset == 0) {
            return "";
        }
        int start = offset + SECTOR_SIZE;
        int at = start;
        while (at < file.limit() && file.get(at) != 0) {
            at++;
        }
        if (at == file.limit()) {
            return "";
        }
        byte[] text = new byte[at - start];
        file.get(start, text);
        return new String(text, StandardCharsets.ISO_8859_1);
    }
}
