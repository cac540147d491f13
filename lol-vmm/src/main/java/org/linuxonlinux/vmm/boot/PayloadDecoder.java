// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import io.airlift.compress.lz4.Lz4Decompressor;
import io.airlift.compress.lzo.LzoDecompressor;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.SingleXZInputStream;

/**
 * Decompresses the payload of a bzImage. Its last four bytes are the decompressed size,
 * little-endian: the build appends them (Linux v6.1 scripts/Makefile.lib, {@code size_append})
 * where the format does not end so by itself, as gzip does.
 */
final class PayloadDecoder {
    /**
     * Largest decompressed kernel taken for real; bounded by the gap between kernel text and
     * modules (1 GB).
     */
    private static final int MAX_SIZE_BYTES = 1 << 30;

    /**
     * Largest ratio of sizes taken for real, so that damage does not ask for much memory;
     * arbitrary, kernels have 3 to 8.
     */
    private static final int MAX_RATIO = 256;

    private static final int SIZE_FIELD_BYTES = 4;

    private PayloadDecoder() {}

    /**
     * Decompresses a payload, which may be changed in doing so.
     *
     * @throws KernelFormatException if the payload is damaged, or its size differs from the one it
     *     announces
     */
    static byte[] decode(Compression compression, byte[] payload) throws KernelFormatException {
        if (payload.length < 2 * SIZE_FIELD_BYTES) {
            throw new KernelFormatException("truncated payload: sizeBytes=" + payload.length);
        }
        int sizeBytes =
                ByteBuffer.wrap(payload)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getInt(payload.length - SIZE_FIELD_BYTES);
        if (sizeBytes <= 0
                || sizeBytes > Math.min(MAX_SIZE_BYTES, (long) payload.length * MAX_RATIO)) {
            throw corrupt(compression, "announcedSize=0x" + Integer.toHexString(sizeBytes), null);
        }
        byte[] out = new byte[sizeBytes];
        int end = payload.length - (compression == Compression.GZIP ? 0 : SIZE_FIELD_BYTES);
        int written;
        try {
            written = decode(compression, payload, end, out);
        } catch (IOException | RuntimeException e) { // codecs meet damage with many kinds of either
            throw corrupt(compression, String.valueOf(e.getMessage()), e);
        }
        if (written != out.length) {
            throw corrupt(compression, "sizeBytes=" + written + ", expected=" + out.length, null);
        }
        return out;
    }

    private static int decode(Compression compression, byte[] packed, int end, byte[] out)
            throws IOException {
        InputStream in = new ByteArrayInputStream(packed, 0, end);
        return switch (compression) {
            case GZIP -> drain(new GZIPInputStream(in, 1 << 16), out);
            case BZIP2 -> drain(new BZip2CompressorInputStream(in), out);
            case XZ -> drain(new SingleXZInputStream(in), out);
            case LZMA -> drain(new LZMAInputStream(in), out);
            case LZ4 -> lz4(packed, end, out);
            case LZO -> lzo(packed, end, out);
            case ZSTD -> zstd(packed, end, out);
            case NONE -> throw new IOException("not compressed");
        };
    }

    /**
     * Reads until {@code out} is full or the stream ends; the result is too large by one if the
     * stream goes on.
     */
    private static int drain(InputStream in, byte[] out) throws IOException {
        try (in) {
            int n = in.readNBytes(out, 0, out.length);
            return n == out.length && in.read() >= 0 ? n + 1 : n;
        }
    }

    /**
     * Legacy LZ4 frame: magic, then blocks of (compressed size, bytes), each decompressing to 8 MB
     * but the last.
     */
    private static int lz4(byte[] packed, int end, byte[] out) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(packed, 4, end - 4).order(ByteOrder.LITTLE_ENDIAN);
        Lz4Decompressor decompressor = new Lz4Decompressor();
        int written = 0;
        while (in.hasRemaining()) {
            int blockSize = blockSize(in, in.getInt());
            int block =
                    decompressor.decompress(
                            packed, in.position(), blockSize, out, written, out.length - written);
            written += block;
            in.position(in.position() + blockSize);
        }
        return written;
    }

    private static int blockSize(ByteBuffer in, int size) throws IOException {
        if (size <= 0 || size > in.remaining()) {
            throw new IOException(
                    "blockSize=0x"
                            + Integer.toHexString(size)
                            + " at 0x"
                            + Integer.toHexString(in.position()));
        }
        return size;
    }

    /**
     * lzop file: magic, header with flags, then blocks of (uncompressed size, compressed size,
     * checksums, bytes), all big-endian, ended by a zero size. A block that does not shrink is
     * stored.
     */
    private static int lzo(byte[] file, int end, byte[] out) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(file, 9, end - 9);
        int version = Short.toUnsignedInt(in.getShort());
        in.getShort(); // library version
        if (version >= 0x0940) {
            in.getShort(); // version needed
        }
        in.get(); // method
        if (version >= 0x0940) {
            in.get(); // level
        }
        int flags = in.getInt();
        if ((flags & LZOP_FILTER) != 0) {
            in.getInt();
        }
        in.getInt(); // mode
        in.getInt(); // mtime, low
        if (version >= 0x0940) {
            in.getInt(); // mtime, high
        }
        int nameLength = Byte.toUnsignedInt(in.get());
        in.position(in.position() + nameLength);
        in.getInt(); // header checksum
        LzoDecompressor decompressor = new LzoDecompressor();
        int written = 0;
        for (int plain = in.getInt(); plain != 0; plain = in.getInt()) {
            int packed = in.getInt();
            in.position(in.position() + plainChecksums(flags));
            if (packed < plain) {
                in.position(in.position() + packedChecksums(flags));
            }
            blockSize(in, packed);
            if (plain < packed || plain > out.length - written) {
                throw new IOException("blockSize=0x" + Integer.toHexString(plain));
            }
            if (packed == plain) {
                in.get(in.position(), out, written, plain);
            } else {
                int n = decompressor.decompress(file, in.position(), packed, out, written, plain);
                if (n != plain) {
                    throw new IOException("blockSize=0x" + Integer.toHexString(n));
                }
            }
            written += plain;
            in.position(in.position() + packed);
        }
        return written;
    }

    private static final int LZOP_ADLER32_D = 0x001;
    private static final int LZOP_ADLER32_C = 0x002;
    private static final int LZOP_CRC32_D = 0x100;
    private static final int LZOP_CRC32_C = 0x200;
    private static final int LZOP_FILTER = 0x800;

    private static int plainChecksums(int flags) {
        return ((flags & LZOP_ADLER32_D) != 0 ? 4 : 0) + ((flags & LZOP_CRC32_D) != 0 ? 4 : 0);
    }

    private static int packedChecksums(int flags) {
        return ((flags & LZOP_ADLER32_C) != 0 ? 4 : 0) + ((flags & LZOP_CRC32_C) != 0 ? 4 : 0);
    }

    /**
     * zstd frame. The library refuses windows above 8 MB, which the kernel's {@code zstd -22
     * --ultra} asks for (128 MB). It only bounds the window for the sake of its streaming buffers:
     * here the whole output is the window. So the frame is given a smaller Window_Descriptor (RFC
     * 8878 §3.1.1.1.2), which changes nothing else.
     */
    private static int zstd(byte[] packed, int end, byte[] out) {
        boolean singleSegment = (packed[4] & ZSTD_SINGLE_SEGMENT) != 0;
        if (!singleSegment && Byte.toUnsignedInt(packed[5]) > ZSTD_WINDOW_8_MB) {
            packed[5] = ZSTD_WINDOW_8_MB;
        }
        return new ZstdDecompressor().decompress(packed, 0, end, out, 0, out.length);
    }

    /** Frame_Header_Descriptor bit: there is no Window_Descriptor. */
    private static final int ZSTD_SINGLE_SEGMENT = 0x20;

    /** Window_Descriptor of 2^(10+13) bytes. */
    private static final byte ZSTD_WINDOW_8_MB = 13 << 3;

    private static KernelFormatException corrupt(Compression c, String detail, Throwable cause) {
        return new KernelFormatException("corrupt " + c.label() + " payload: " + detail, cause);
    }
}
