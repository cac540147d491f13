// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import io.airlift.compress.Compressor;
import io.airlift.compress.lz4.Lz4Compressor;
import io.airlift.compress.lzo.LzoCompressor;
import io.airlift.compress.zstd.ZstdCompressor;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.tukaani.xz.FilterOptions;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.LZMAOutputStream;
import org.tukaani.xz.X86Options;
import org.tukaani.xz.XZOutputStream;

/** Builds a bzImage around a compressed payload, as the kernel's build does. */
final class BzImageFixture {
    private static final int SETUP_SECTORS = 3;
    private static final int PAYLOAD_OFFSET = 0x40;
    private static final int LZO_BLOCK_SIZE = 1024;
    private static final int LZ4_BLOCK_SIZE = 2048;

    static final String VERSION = "6.1.0-test (someone@somewhere) #7 SMP";

    int protocol = 0x20f;
    int xloadflags = SetupHeader.XLF_KERNEL_64;
    int commandLineLimit = 2047;
    int initSize = 0x8000;
    int initrdMax = 0x7fff_ffff;

    byte[] build(byte[] payload) {
        int protectedSize = (PAYLOAD_OFFSET + payload.length + 15) & -16;
        ByteBuffer file =
                ByteBuffer.allocate((SETUP_SECTORS + 1) * 512 + protectedSize)
                        .order(ByteOrder.LITTLE_ENDIAN);
        file.put(SetupHeader.HDR_OFFSET, (byte) SETUP_SECTORS);
        file.putInt(SetupHeader.SYSSIZE_OFFSET, protectedSize / 16);
        file.putShort(SetupHeader.BOOT_FLAG_OFFSET, (short) SetupHeader.BOOT_FLAG);
        file.put(0x200, (byte) 0xeb).put(0x201, (byte) 0x6a);
        file.putInt(SetupHeader.HEADER_MAGIC_OFFSET, SetupHeader.HEADER_MAGIC);
        file.putShort(SetupHeader.VERSION_OFFSET, (short) protocol);
        file.putShort(SetupHeader.KERNEL_VERSION_OFFSET, (short) 0x100);
        file.put(0x300, VERSION.getBytes(StandardCharsets.US_ASCII));
        file.put(SetupHeader.LOADFLAGS_OFFSET, (byte) 0x83);
        file.putInt(SetupHeader.INITRD_ADDR_MAX_OFFSET, initrdMax);
        file.putInt(SetupHeader.KERNEL_ALIGNMENT_OFFSET, 0x20_0000);
        file.putShort(SetupHeader.XLOADFLAGS_OFFSET, (short) xloadflags);
        file.putInt(SetupHeader.CMDLINE_SIZE_OFFSET, commandLineLimit);
        file.putInt(SetupHeader.PAYLOAD_OFFSET_OFFSET, PAYLOAD_OFFSET);
        file.putInt(SetupHeader.PAYLOAD_LENGTH_OFFSET, payload.length);
        file.putLong(SetupHeader.PREF_ADDRESS_OFFSET, ElfFixture.TEXT_GPA);
        file.putInt(SetupHeader.INIT_SIZE_OFFSET, initSize);
        file.put((SETUP_SECTORS + 1) * 512 + PAYLOAD_OFFSET, payload);
        return file.array();
    }

    /** A kernel's payload: compressed, with its size appended where the build does so. */
    static byte[] payload(Compression compression, byte[] plain) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        switch (compression) {
            case GZIP -> write(new GZIPOutputStream(out), plain);
            case BZIP2 -> write(new BZip2CompressorOutputStream(out), plain);
            case XZ ->
                    write(
                            new XZOutputStream(
                                    out,
                                    new FilterOptions[] {new X86Options(), new LZMA2Options(0)}),
                            plain);
            case LZMA -> write(new LZMAOutputStream(out, new LZMA2Options(0), -1), plain);
            case LZ4 -> lz4(out, plain);
            case LZO -> lzo(out, plain);
            case ZSTD -> out.writeBytes(block(new ZstdCompressor(), plain));
            case NONE -> throw new IllegalArgumentException();
        }
        if (compression != Compression.GZIP) {
            out.writeBytes(littleEndian(plain.length));
        }
        return out.toByteArray();
    }

    private static void write(OutputStream out, byte[] plain) throws IOException {
        try (out) {
            out.write(plain);
        }
    }

    static byte[] littleEndian(int value) {
        return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, value).array();
    }

    private static byte[] block(Compressor compressor, byte[] plain) {
        byte[] packed = new byte[compressor.maxCompressedLength(plain.length)];
        int size = compressor.compress(plain, 0, plain.length, packed, 0, packed.length);
        return Arrays.copyOf(packed, size);
    }

    private static void lz4(ByteArrayOutputStream out, byte[] plain) {
        out.writeBytes(littleEndian(0x184c2102));
        for (int at = 0; at < plain.length; at += LZ4_BLOCK_SIZE) {
            byte[] part =
                    Arrays.copyOfRange(plain, at, Math.min(at + LZ4_BLOCK_SIZE, plain.length));
            byte[] packed = block(new Lz4Compressor(), part);
            out.writeBytes(littleEndian(packed.length));
            out.writeBytes(packed);
        }
    }

    /** As {@code lzop} writes it: Adler-32 of the plain blocks (not checked here), no filter. */
    private static void lzo(ByteArrayOutputStream bytes, byte[] plain) throws IOException {
        DataOutputStream out = new DataOutputStream(bytes);
        out.write(new byte[] {(byte) 0x89, 'L', 'Z', 'O', 0, 0x0d, 0x0a, 0x1a, 0x0a});
        out.writeShort(0x1040); // version
        out.writeShort(0x20a0); // library
        out.writeShort(0x0940); // needed
        out.writeByte(1); // method
        out.writeByte(5); // level
        out.writeInt(1); // Adler-32 of plain data
        out.writeInt(0100644); // mode
        out.writeInt(0); // mtime
        out.writeInt(0);
        out.writeByte(0); // no name
        out.writeInt(0); // header checksum
        for (int at = 0; at < plain.length; at += LZO_BLOCK_SIZE) {
            byte[] part =
                    Arrays.copyOfRange(plain, at, Math.min(at + LZO_BLOCK_SIZE, plain.length));
            byte[] packed = block(new LzoCompressor(), part);
            packed = packed.length < part.length ? packed : part;
            out.writeInt(part.length);
            out.writeInt(packed.length);
            out.writeInt(0); // Adler-32
            out.write(packed);
        }
        out.writeInt(0);
    }
}
