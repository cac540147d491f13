// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class PayloadDecoderTest {
    private static final byte[] PLAIN = plain();

    /**
     * Part repetitive, part random (which does not shrink), part call instructions for the x86
     * filter.
     */
    private static byte[] plain() {
        byte[] plain = new byte[20_001];
        new Random(1).nextBytes(plain);
        Arrays.fill(plain, 0, 9_000, (byte) 'a');
        for (int i = 9_000; i < 15_000; i += 5) {
            plain[i] = (byte) 0xe8;
            plain[i + 4] = 0;
        }
        return plain;
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void decodesEachCompression(Compression compression) throws Exception {
        byte[] payload = BzImageFixture.payload(compression, PLAIN);
        assertEquals(compression, Compression.detect(ByteBuffer.wrap(payload)));
        assertArrayEquals(PLAIN, PayloadDecoder.decode(compression, payload));
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void reportsTruncation(Compression compression) throws IOException {
        byte[] payload = BzImageFixture.payload(compression, PLAIN);
        for (int size : new int[] {3, 10, payload.length / 2, payload.length - 5}) {
            byte[] cut = Arrays.copyOf(payload, size);
            KernelFormatException e =
                    assertThrows(
                            KernelFormatException.class,
                            () -> PayloadDecoder.decode(compression, cut));
            assertTrue(e.getMessage().contains("payload"), e.getMessage());
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void neverFailsOtherwiseThanByReportingDamage(Compression compression) throws IOException {
        byte[] payload = BzImageFixture.payload(compression, PLAIN);
        Random random = new Random(2);
        for (int round = 0; round < 60; round++) {
            byte[] damaged = payload.clone();
            damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
            // Not every format carries a checksum, so a decoded result is no fault.
            try {
                assertEquals(
                        ByteBuffer.wrap(damaged)
                                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                                .getInt(damaged.length - 4),
                        PayloadDecoder.decode(compression, damaged.clone()).length);
            } catch (KernelFormatException e) {
                assertTrue(e.getMessage().contains(compression.label()), e.getMessage());
            }
        }
    }

    @Test
    void reportsADifferentSizeThanAnnounced() throws IOException {
        for (int wrong : new int[] {PLAIN.length - 1, PLAIN.length + 1, 0, -1}) {
            byte[] payload = BzImageFixture.payload(Compression.XZ, PLAIN);
            System.arraycopy(BzImageFixture.littleEndian(wrong), 0, payload, payload.length - 4, 4);
            assertThrows(
                    KernelFormatException.class,
                    () -> PayloadDecoder.decode(Compression.XZ, payload));
        }
    }

    /**
     * A frame as {@code zstd -22 --ultra} makes it, with a window of 128 MB; the block is
     * run-length coded by hand.
     */
    @Test
    void decodesZstdWithALargeWindow() throws Exception {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        frame.writeBytes(new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd});
        frame.write(0); // no content size, no checksum, window descriptor
        frame.write((27 - 10) << 3);
        // A raw block of four bytes, then compressed block: literals none, one sequence is not
        // needed; RLE ends it.
        frame.writeBytes(new byte[] {4 << 3, 0, 0, 'l', 'i', 'n', 'u'});
        frame.writeBytes(new byte[] {(byte) (100 << 3 | 1 << 1 | 1), 100 >> 5, 0, 'x'});
        frame.writeBytes(BzImageFixture.littleEndian(104));
        byte[] plain = PayloadDecoder.decode(Compression.ZSTD, frame.toByteArray());
        assertEquals("linux", new String(plain, 0, 5, java.nio.charset.StandardCharsets.US_ASCII));
        assertEquals('x', plain[103]);
    }
}
