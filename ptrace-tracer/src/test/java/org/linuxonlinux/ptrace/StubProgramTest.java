// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StubProgramTest {
    private static final long STUB_HVA = 0x7bd0_0000_0000L;

    private final ByteBuffer image =
            ByteBuffer.wrap(
                            StubProgram.image(
                                    STUB_HVA,
                                    0x1234567,
                                    "a-name-longer-than-15-bytes",
                                    new byte[] {(byte) 0xeb, (byte) 0xfe}))
                    .order(ByteOrder.LITTLE_ENDIAN);

    @Test
    void isAStaticExecutableOfOnePage() {
        assertEquals(0x464c457f, image.getInt(0));
        assertEquals(2, image.getShort(16), "ET_EXEC");
        assertEquals(62, image.getShort(18), "EM_X86_64");
        assertEquals(STUB_HVA + 0x100, image.getLong(24), "entry");
        int header = (int) image.getLong(32);
        assertEquals(1, image.getInt(header), "PT_LOAD");
        assertEquals(5, image.getInt(header + 4), "readable and executable, not writable");
        assertEquals(0, image.getLong(header + 8), "file offset");
        assertEquals(STUB_HVA, image.getLong(header + 16));
        assertEquals(StubProgram.SIZE_BYTES, image.getLong(header + 32));
        assertEquals(StubProgram.SIZE_BYTES, image.limit());
    }

    @Test
    void carriesTheExpectedParentInItsCompareInstruction() {
        assertEquals(0x3d, image.get(0x118), "cmp eax, imm32");
        assertEquals(0x1234567, image.getInt(0x119));
    }

    @Test
    void putsTheCallersCodeBehindTheCheckOfTheParent() {
        assertEquals(0x74, image.get(0x11d), "je");
        int target = 0x11f + image.get(0x11e);
        assertEquals((byte) 0xeb, image.get(target));
        assertEquals((byte) 0xfe, image.get(target + 1));
        byte[] tooLong = new byte[0x100];
        assertThrows(
                IllegalArgumentException.class,
                () -> StubProgram.image(STUB_HVA, 1, "name", tooLong));
    }

    @Test
    void cutsTheNameAtTheKernelsLimit() {
        byte[] name = new byte[16];
        image.get(0x300, name);
        assertEquals("a-name-longer-t\0", new String(name, StandardCharsets.US_ASCII));
    }

    @Test
    void stopsWildJumpsByInt3() {
        for (int offset = 0x400; offset < image.limit(); offset++) {
            assertEquals((byte) 0xcc, image.get(offset), "offset=" + offset);
        }
    }

    @Test
    void registerNumbersOfEncodingsReachTheirWords() {
        List<Long> words = new ArrayList<>();
        try (RegisterSet registers = new RegisterSet()) {
            registers.setRaw(RegisterSet.RAX, 100);
            registers.setRaw(RegisterSet.RCX, 101);
            registers.setRaw(RegisterSet.RDX, 102);
            registers.setRaw(RegisterSet.RBX, 103);
            registers.setRsp(104);
            registers.setRaw(RegisterSet.RBP, 105);
            registers.setRaw(RegisterSet.RSI, 106);
            registers.setRaw(RegisterSet.RDI, 107);
            for (int encoding = 8; encoding < 16; encoding++) {
                registers.setGpr(encoding, 100 + encoding);
            }
            for (int encoding = 0; encoding < 16; encoding++) {
                words.add(registers.getGpr(encoding) - 100);
            }
            assertEquals(115, registers.getRaw(RegisterSet.R15));
            assertEquals(108, registers.getRaw(RegisterSet.R8));
        }
        assertEquals(
                List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L, 13L, 14L, 15L),
                words);
    }

    @Test
    void parsesLinesOfTheMapsFile() {
        assertEquals(
                new Mapping(0x7f00_0000_1000L, 0x7f00_0000_3000L, "r-xp", 0x2000, "/a b"),
                Mapping.parse("7f0000001000-7f0000003000 r-xp 00002000 08:01 77         /a b"));
        assertEquals(
                new Mapping(0xffffffffff600000L, 0xffffffffff601000L, "--xp", 0, "[vsyscall]"),
                Mapping.parse(
                        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]"));
        assertEquals("", Mapping.parse("1000-2000 rw-p 00000000 00:00 0 ").name());
    }

    @Test
    void refusesRangesThatAreNotPages() {
        assertThrows(IllegalArgumentException.class, () -> new HvaRange(1, 4096));
        assertThrows(IllegalArgumentException.class, () -> new HvaRange(4096, 0));
        assertThrows(IllegalArgumentException.class, () -> new HvaRange(-4096, 4096));
        assertEquals(0x3000, new HvaRange(0x1000, 0x2000).endHva());
    }
}
