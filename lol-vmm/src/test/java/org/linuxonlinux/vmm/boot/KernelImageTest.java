// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.UserException;

final class KernelImageTest {
    private final FileSystem files = Jimfs.newFileSystem(Configuration.unix());
    private final Path file = files.getPath("/kernel");

    @AfterEach
    void close() throws IOException {
        files.close();
    }

    private KernelImage load(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        return KernelImage.load(file, VmlinuxCache.none());
    }

    private String complaint(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        return complaint(file);
    }

    private static String complaint(Path file) {
        UserException e =
                assertThrows(
                        UserException.class, () -> KernelImage.load(file, VmlinuxCache.none()));
        assertEquals(UserException.BAD_INPUT, e.exitCode());
        assertFalse(e.getMessage().contains("\n"), "one line");
        assertTrue(e.getMessage().contains("file=" + file), e.getMessage());
        return e.getMessage();
    }

    @Nested
    final class Good {
        @ParameterizedTest
        @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
        void bzImage(Compression compression) throws IOException {
            byte[] elf = new ElfFixture().build();
            KernelImage kernel =
                    load(new BzImageFixture().build(BzImageFixture.payload(compression, elf)));
            assertEquals(compression, kernel.compression());
            assertEquals(ElfFixture.TEXT_GPA, kernel.entryGpa());
            assertEquals("2.15", kernel.setupHeader().orElseThrow().protocolName());
            assertEquals(BzImageFixture.VERSION, kernel.version());
            assertEquals(elf.length, kernel.elf().bytes().remaining());
            assertEquals(ElfFixture.TEXT_GPA + 0x8000, kernel.endGpa(), "init_size counts");
        }

        @Test
        void vmlinux() throws IOException {
            KernelImage kernel = load(new ElfFixture().build());
            assertEquals(Compression.NONE, kernel.compression());
            assertTrue(kernel.setupHeader().isEmpty());
            assertEquals(ElfFixture.BANNER, kernel.banner());
            assertEquals(ElfFixture.BANNER.substring(14), kernel.version());
            assertEquals(ElfFixture.TEXT_GPA, kernel.startGpa());
            assertEquals(ElfFixture.TEXT_GPA + 0x3000, kernel.endGpa());
        }

        @Test
        void exceptionTableIsAbsoluteAndAscending() throws IOException {
            long t = ElfFixture.TEXT_GVA;
            assertArrayEquals(
                    new long[] {t + 2, t + 4, t + 8},
                    load(new ElfFixture().build()).exceptionTable());
        }

        @Test
        void symbols() throws IOException {
            KernelImage kernel = load(new ElfFixture().build());
            assertEquals(
                    new ElfFile.Symbol("startup_64", ElfFixture.TEXT_GVA, 16, 2),
                    kernel.elf().symbols().get(1));
            assertEquals("jiffies", kernel.elf().symbols().get(2).name());
        }

        @Test
        void strippedHasNoSymbols() throws IOException {
            ElfFixture fixture = new ElfFixture();
            fixture.symbols = false;
            assertTrue(load(fixture.build()).elf().symbols().isEmpty());
        }
    }

    @Nested
    final class Bad {
        @Test
        void missing() {
            assertTrue(complaint(files.getPath("/nowhere")).endsWith("no such file"));
        }

        @Test
        void directory() throws IOException {
            Files.createDirectory(files.getPath("/d"));
            assertTrue(complaint(files.getPath("/d")).endsWith("not a regular file"));
        }

        @Test
        void empty() throws IOException {
            assertTrue(complaint(new byte[0]).endsWith("empty file"));
        }

        @ParameterizedTest
        @ValueSource(ints = {1, 100, 0x300, 100_000})
        void noKernel(int size) throws IOException {
            byte[] text = new byte[size];
            Arrays.fill(text, (byte) 'x');
            assertTrue(complaint(text).contains("not a kernel"));
        }

        @Test
        void script() throws IOException {
            byte[] script = "#!/bin/sh\nexit\n".getBytes(StandardCharsets.US_ASCII);
            assertTrue(complaint(script).contains("not a kernel"));
        }

        @Test
        void truncatedBzImage() throws IOException {
            byte[] image = bzImage(new BzImageFixture());
            for (int size : new int[] {0x290, 0x400, image.length / 2, image.length - 1}) {
                assertTrue(
                        complaint(Arrays.copyOf(image, size)).contains("truncated"), "at " + size);
            }
        }

        @Test
        void truncatedElf() throws IOException {
            byte[] elf = new ElfFixture().build();
            for (int size : new int[] {10, 63, 64, 119, 130, 0x200, elf.length - 1}) {
                assertTrue(complaint(Arrays.copyOf(elf, size)).contains("truncated"), "at " + size);
            }
        }

        @Test
        void corruptPayload() throws IOException {
            byte[] payload = BzImageFixture.payload(Compression.GZIP, new ElfFixture().build());
            payload[payload.length / 2] ^= 0x55;
            assertTrue(
                    complaint(new BzImageFixture().build(payload))
                            .contains("corrupt gzip payload"));
        }

        @Test
        void unknownCompression() throws IOException {
            assertTrue(
                    complaint(new BzImageFixture().build(new byte[100]))
                            .contains("corrupt payload"));
        }

        @Test
        void payloadIsNoKernel() throws IOException {
            byte[] payload = BzImageFixture.payload(Compression.LZ4, new byte[5000]);
            assertTrue(complaint(new BzImageFixture().build(payload)).contains("not an ELF file"));
        }

        @Test
        void bzImage32() throws IOException {
            BzImageFixture fixture = new BzImageFixture();
            fixture.xloadflags = 0;
            assertTrue(complaint(bzImage(fixture)).contains("32-bit kernel"));
        }

        @Test
        void oldProtocol() throws IOException {
            BzImageFixture fixture = new BzImageFixture();
            fixture.protocol = 0x20b;
            assertTrue(complaint(bzImage(fixture)).contains("version=2.11"));
        }

        @Test
        void elf32() throws IOException {
            ElfFixture fixture = new ElfFixture();
            fixture.elfClass = 1;
            assertTrue(complaint(fixture.build()).contains("32-bit"));
            fixture.machine = 3;
            assertTrue(complaint(fixture.build()).contains("i386"));
        }

        @Test
        void otherArchitecture() throws IOException {
            ElfFixture fixture = new ElfFixture();
            fixture.machine = 183;
            assertTrue(complaint(fixture.build()).contains("ARM64"));
            fixture.dataEncoding = 2;
            assertTrue(complaint(fixture.build()).contains("big-endian"));
            byte[] arm64 = new byte[4096];
            System.arraycopy("ARMd".getBytes(StandardCharsets.US_ASCII), 0, arm64, 0x38, 4);
            assertTrue(complaint(arm64).contains("ARM64"));
        }

        @Test
        void otherKindOfElf() throws IOException {
            ElfFixture fixture = new ElfFixture();
            fixture.type = ElfFile.ET_DYN;
            assertTrue(complaint(fixture.build()).contains("not a kernel"));
            fixture.type = ElfFile.ET_EXEC;
            fixture.entryGpa = 0x401000;
            assertTrue(complaint(fixture.build()).contains("entry point 0x401000"));
        }

        private byte[] bzImage(BzImageFixture fixture) throws IOException {
            return fixture.build(
                    BzImageFixture.payload(Compression.GZIP, new ElfFixture().build()));
        }
    }
}
