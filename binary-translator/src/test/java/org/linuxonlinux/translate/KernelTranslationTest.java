// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;

/**
 * Translates every function of a kernel. Needs {@code -Dlol.vmlinux=ELF -Dlol.system.map=FILE};
 * such a pair is what {@code linux-image-*} packages and {@code lol inspect} yield.
 */
@Tag("slow")
final class KernelTranslationTest {
    private static final int PT_LOAD = 1;
    private static final int SHF_EXECINSTR = 4;
    private static final int CACHE_BYTES = 1 << 28;
    private static final GateEntries GATE =
            new GateEntries(0x7be0_0000_0000L, 0x7be0_0000_0100L, 0x7be0_0000_0200L, 0);

    private static byte[] image;
    private static final List<long[]> SEGMENTS = new ArrayList<>();

    /** Start and end of the sections with code. */
    private static final List<long[]> TEXTS = new ArrayList<>();

    @BeforeAll
    static void load() throws IOException {
        String vmlinux = System.getProperty("lol.vmlinux");
        assumeTrue(vmlinux != null, "no kernel given: -Dlol.vmlinux");
        image = Files.readAllBytes(Path.of(vmlinux));
        ByteBuffer elf = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        int header = (int) elf.getLong(32);
        for (int i = 0; i < elf.getShort(56); i++) {
            int at = header + i * elf.getShort(54);
            if (elf.getInt(at) == PT_LOAD) {
                // Virtual address, size in the file, offset in the file.
                SEGMENTS.add(
                        new long[] {
                            elf.getLong(at + 16), elf.getLong(at + 32), elf.getLong(at + 8)
                        });
            }
        }
        int sections = (int) elf.getLong(40);
        for (int i = 0; i < elf.getShort(60); i++) {
            int at = sections + i * elf.getShort(58);
            long gva = elf.getLong(at + 16);
            if ((elf.getLong(at + 8) & SHF_EXECINSTR) != 0 && gva < 0) {
                TEXTS.add(new long[] {gva, gva + elf.getLong(at + 32)});
            }
        }
    }

    private static final class KernelText implements GuestCode {
        @Override
        public int fetch(long guestRip, byte[] into, int maxBytes) {
            for (long[] segment : SEGMENTS) {
                long offset = guestRip - segment[0];
                if (offset >= 0 && offset < segment[1]) {
                    int count = (int) Math.min(maxBytes, segment[1] - offset);
                    System.arraycopy(image, (int) (segment[2] + offset), into, 0, count);
                    return count;
                }
            }
            return 0;
        }

        @Override
        public long gfnOf(long guestRip) {
            return fetch(guestRip, new byte[1], 1) == 0 ? -1 : (guestRip >>> 12) & 0xfffff;
        }

        @Override
        public void protectCodePage(long gfn) {}
    }

    @Test
    void allTextTranslatesToDecodableCode() {
        try (CodeCache cache = CodeCache.create(CACHE_BYTES)) {
            Translator translator =
                    new Translator(
                            new KernelText(), cache, (rip, entry) -> {}, GATE, InlinePorts.NONE);
            List<TranslationBlock> blocks = new ArrayList<>();
            long start = System.nanoTime();
            for (long[] text : TEXTS) {
                for (long guestRip = text[0]; guestRip < text[1]; ) {
                    TranslationBlock block = translator.blockAt(guestRip);
                    if (block == null) {
                        break;
                    }
                    blocks.add(block);
                    guestRip += block.guestBytes();
                }
            }
            long nanos = System.nanoTime() - start;
            System.out.printf("%s %d ms%n", translator.counters(), nanos / 1_000_000);
            Instruction in = new Instruction();
            for (TranslationBlock block : blocks) {
                if (!block.isDead()) {
                    int offset = cache.offsetOf(block.indirectEntryHva());
                    byte[] code = cache.copy(offset, block.hostBytes());
                    for (int at = 0; at < code.length; ) {
                        int length = Decoder.decode(code, at, code.length, in);
                        assertTrue(
                                length > 0,
                                () -> "undecodable: " + Long.toHexString(block.guestRip()));
                        at += length;
                    }
                }
            }
        }
    }
}
