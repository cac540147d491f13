// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;

/**
 * Decodes random byte strings. No input may cause an exception, a read beyond the limit (the array
 * ends there) or beyond 15 bytes, or an answer that depends on bytes after the instruction.
 */
final class FuzzRun {
    private static final int[] PREFIXES = {
        0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x48, 0x41, 0x4f
    };
    private static final int[][] ESCAPES = {
        {}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}, {0xc5}, {0xc4}, {0x62}, {0x8f}
    };

    private final SplittableRandom random;
    private final Instruction in = new Instruction();
    private final Instruction again = new Instruction();
    private long decoded;

    FuzzRun(long seed) {
        random = new SplittableRandom(seed);
    }

    /** Decodes {@code count} strings and returns how many of them were instructions. */
    long run(long count) {
        byte[][] buffers = new byte[21][];
        for (int i = 0; i < buffers.length; i++) {
            buffers[i] = new byte[i];
        }
        for (long i = 0; i < count; i++) {
            byte[] code = buffers[random.nextInt(buffers.length)];
            fill(code);
            try {
                check(code);
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("bytes=" + HexFormat.of().formatHex(code), e);
            }
        }
        return decoded;
    }

    /** Half of the strings are plain noise, half start like an instruction of some map. */
    private void fill(byte[] code) {
        random.nextBytes(code);
        if (random.nextBoolean()) {
            return;
        }
        int p = 0;
        int prefixes = random.nextInt(3);
        for (int i = 0; i < prefixes && p < code.length; i++) {
            code[p++] = (byte) PREFIXES[random.nextInt(PREFIXES.length)];
        }
        for (int escape : ESCAPES[random.nextInt(ESCAPES.length)]) {
            if (p < code.length) {
                code[p++] = (byte) escape;
            }
        }
    }

    private void check(byte[] code) {
        int length = Decoder.decode(code, 0, code.length, in);
        if (length == Decoder.TRUNCATED) {
            assertTrue(code.length < Decoder.MAX_LENGTH, "truncated with 15 bytes at hand");
            return;
        }
        if (length == Decoder.UNDEFINED) {
            return;
        }
        assertTrue(length > 0 && length <= Decoder.MAX_LENGTH && length <= code.length);
        assertEquals(length, in.length());
        decoded++;
        int digest = digest(in);
        byte[] exact = Arrays.copyOf(code, length);
        assertEquals(length, Decoder.decode(exact, 0, length, again));
        assertEquals(digest, digest(again));
        assertEquals(Decoder.TRUNCATED, Decoder.decode(exact, 0, length - 1, again));
    }

    /** Asks everything an instruction can be asked. */
    private static int digest(Instruction in) {
        int digest = in.gprReads();
        digest = 31 * digest + in.gprWrites();
        digest = 31 * digest + in.flagsRead();
        digest = 31 * digest + in.flagsWritten();
        digest = 31 * digest + in.flagsKilled();
        digest = 31 * digest + in.memoryOperandSize();
        digest = 31 * digest + (in.memoryRead() ? 1 : 0) + (in.memoryWritten() ? 2 : 0);
        digest = 31 * digest + in.base() + 17 * in.index() + 3 * in.scale();
        digest = 31 * digest + Long.hashCode(in.disp()) + 7 * in.dispSize();
        digest = 31 * digest + Long.hashCode(in.imm()) + 7 * in.immSize();
        digest = 31 * digest + in.legacyPrefixCount();
        for (int i = 0; i < in.operandCount(); i++) {
            digest = 31 * digest + in.operandKind(i).name().hashCode();
            digest = 31 * digest + in.operandSlot(i).name().hashCode();
            digest = 31 * digest + in.operandSize(i) + 3 * in.operandRegister(i);
        }
        if ((digest & 15) == 0) {
            digest = 31 * digest + InstructionFormatter.format(in, 0).hashCode();
            digest = 31 * digest + InstructionDescription.of(in).hashCode();
            digest = 31 * digest + in.mnemonic().name().hashCode();
        }
        return digest;
    }
}
