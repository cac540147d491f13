// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.NativeMemory;

/** Guest RAM on this host; nothing here touches more than a few pages of it. */
final class GuestMemoryIT {
    private static final long MEGABYTE = 1L << 20;
    private static final long GIGABYTE = 1L << 30;

    /** RAM on both sides of the PCI hole; small enough for any host that runs the tests. */
    @Nested
    final class AcrossTheHole {
        private final GuestMemory memory = open();

        private GuestMemory open() {
            try {
                return GuestMemory.anonymous(3 * GIGABYTE + 64 * MEGABYTE);
            } catch (GuestMemoryException e) {
                return Assumptions.abort("host has too little memory: " + e.getMessage());
            }
        }

        @AfterEach
        void close() {
            memory.close();
        }

        @Test
        void continuesAtFourGigabytes() {
            assertEquals(
                    List.of(
                            new MemoryRegion(0, 3 * GIGABYTE, 0),
                            new MemoryRegion(4 * GIGABYTE, 64 * MEGABYTE, 3 * GIGABYTE)),
                    memory.regions());
            assertTrue(memory.isRam(3 * GIGABYTE - 1));
            assertFalse(memory.isRam(3 * GIGABYTE));
            assertFalse(memory.isRam(4 * GIGABYTE - 1));
            assertTrue(memory.isRam(4 * GIGABYTE));
            assertFalse(memory.isRam(4 * GIGABYTE + 64 * MEGABYTE));
            assertFalse(memory.isRam(-1));
            assertFalse(memory.isRam(Long.MIN_VALUE));
            assertTrue(memory.isRam(4 * GIGABYTE, 64 * MEGABYTE));
            assertFalse(memory.isRam(4 * GIGABYTE, 64 * MEGABYTE + 1));
            assertFalse(memory.isRam(0, -1));
        }

        @Test
        void translatesBetweenAddressAndFileOffset() {
            assertEquals(4096, memory.gpaToFileOffset(4096));
            assertEquals(-1, memory.gpaToFileOffset(3 * GIGABYTE));
            assertEquals(3 * GIGABYTE + 8, memory.gpaToFileOffset(4 * GIGABYTE + 8));
            assertEquals(4 * GIGABYTE + 8, memory.fileOffsetToGpa(3 * GIGABYTE + 8));
            assertEquals(77, memory.fileOffsetToGpa(77));
            assertEquals(-1, memory.fileOffsetToGpa(memory.sizeBytes()));
            assertEquals(-1, memory.fileOffsetToGpa(-1));
            assertEquals(16, memory.contiguousBytes(3 * GIGABYTE - 16));
            assertEquals(0, memory.contiguousBytes(3 * GIGABYTE));
        }

        @Test
        void roundTripsEveryWidthAtEveryEdge() {
            Random random = new Random(1);
            long[] places = {
                0,
                1,
                GIGABYTE - 4, // straddles the 1 GB chunks of the atomic views
                2 * GIGABYTE - 1,
                3 * GIGABYTE - 8,
                4 * GIGABYTE,
                4 * GIGABYTE + 64 * MEGABYTE - 8
            };
            for (long gpa : places) {
                long value = random.nextLong();
                memory.setLong(gpa, value);
                assertEquals(value, memory.getLong(gpa));
                assertEquals((int) value, memory.getInt(gpa));
                assertEquals((short) value, memory.getShort(gpa));
                assertEquals((byte) value, memory.getByte(gpa));
                memory.setByte(gpa + 7, (byte) 0x5a);
                assertEquals(0x5a, memory.getLong(gpa) >>> 56);
                memory.setShort(gpa, (short) 0x1234);
                memory.setInt(gpa + 2, 0x55667788);
                assertEquals(0x5566_7788_1234L, memory.getLong(gpa) & 0xffff_ffff_ffffL);
            }
        }

        @Test
        void refusesAccessThatTouchesTheHole() {
            for (long gpa : new long[] {3 * GIGABYTE - 7, 3 * GIGABYTE, 4 * GIGABYTE - 1, -8}) {
                MemoryAccessException e =
                        assertThrows(MemoryAccessException.class, () -> memory.getLong(gpa));
                assertEquals(gpa, e.gpa());
                assertEquals(8, e.sizeBytes());
                assertThrows(MemoryAccessException.class, () -> memory.setLong(gpa, 1));
            }
            MemoryAccessException e =
                    assertThrows(
                            MemoryAccessException.class,
                            () -> memory.getInt(4 * GIGABYTE + 64 * MEGABYTE - 3));
            assertEquals("not guest RAM: gpa=0x103fffffd, sizeBytes=0x4", e.getMessage());
            assertThrows(
                    MemoryAccessException.class, () -> memory.write(3 * GIGABYTE - 4, new byte[8]));
            assertThrows(
                    MemoryAccessException.class,
                    () -> memory.fill(0, memory.sizeBytes(), (byte) 1));
            assertThrows(MemoryAccessException.class, () -> memory.fill(0, -1, (byte) 1));
            assertThrows(MemoryAccessException.class, () -> memory.slice(0, -1));
            assertThrows(MemoryAccessException.class, () -> memory.read(Long.MAX_VALUE, 16));
            assertThrows(MemoryAccessException.class, () -> memory.slice(4 * GIGABYTE - 16, 32));
        }

        @Test
        void atomicsWorkInEveryRegionAndDemandAlignment() {
            for (long gpa : new long[] {64, GIGABYTE, 2 * GIGABYTE + 8, 4 * GIGABYTE + 16}) {
                memory.setLongRelease(gpa, 5);
                assertFalse(memory.compareAndSetLong(gpa, 4, 6));
                assertTrue(memory.compareAndSetLong(gpa, 5, 6));
                assertEquals(6, memory.getAndBitwiseOrLong(gpa, 0x20));
                assertEquals(0x26, memory.getLongAcquire(gpa));
                assertTrue(memory.compareAndSetInt(gpa + 4, 0, 7));
                assertEquals(7, memory.getAndBitwiseOrInt(gpa + 4, 8));
                assertEquals(15, memory.getIntAcquire(gpa + 4));
                memory.setIntRelease(gpa + 4, 1);
                memory.setShortRelease(gpa + 2, (short) 3);
                assertEquals(3, memory.getShortAcquire(gpa + 2));
                assertEquals(0x1_0003_0026L, memory.getLong(gpa));
            }
            assertThrows(IllegalArgumentException.class, () -> memory.getLongAcquire(4));
            assertThrows(IllegalArgumentException.class, () -> memory.compareAndSetLong(2, 0, 1));
            assertThrows(
                    MemoryAccessException.class,
                    () -> memory.compareAndSetLong(3 * GIGABYTE, 0, 1));
        }

        @Test
        void copiesFillsAndSlices() {
            byte[] bytes = {1, 2, 3, 4, 5, 6, 7, 8};
            memory.write(GIGABYTE - 4, bytes);
            assertArrayEquals(bytes, memory.read(GIGABYTE - 4, 8));
            byte[] part = new byte[10];
            memory.read(GIGABYTE - 2, part, 1, 4);
            assertArrayEquals(new byte[] {0, 3, 4, 5, 6, 0, 0, 0, 0, 0}, part);
            ByteBuffer slice = memory.slice(GIGABYTE - 4, 8);
            assertEquals(0x0807060504030201L, slice.getLong(0));
            slice.putInt(4, 0);
            assertEquals(0, memory.getInt(GIGABYTE));
            memory.copy(GIGABYTE - 4, 4 * GIGABYTE, 8);
            assertEquals(0x04030201L, memory.getLong(4 * GIGABYTE));
            memory.copy(4 * GIGABYTE, 4 * GIGABYTE + 1, 8);
            assertEquals(0x0403020101L, memory.getLong(4 * GIGABYTE));
            memory.fill(4 * GIGABYTE, 4096, (byte) 0xee);
            assertEquals(-0x1111111111111112L, memory.getLong(4 * GIGABYTE + 4088));
            assertEquals(0, memory.getLong(4 * GIGABYTE + 4096));
        }

        @Test
        void refusesAccessAfterClose() {
            memory.close();
            memory.close();
            assertThrows(MemoryAccessException.class, () -> memory.getLong(0));
            assertThrows(
                    MemoryAccessException.class,
                    () -> memory.compareAndSetLong(4 * GIGABYTE, 0, 1));
        }
    }

    @Test
    void theFileIsSharedAndCannotBeShortened() {
        try (GuestMemory memory = GuestMemory.anonymous(MEGABYTE);
                NativeMemory other = NativeMemory.mapShared(memory.backingFd(), 4096, 4096)) {
            memory.setLong(4096 + 8, 42);
            assertEquals(42, other.getLong(8));
            other.putLong(16, 43);
            assertEquals(43, memory.getLong(4096 + 16));
            assertThrows(
                    HostCallException.class,
                    () -> HostCalls.ftruncate(memory.backingFd().fd(), 4096));
        }
    }

    @Test
    void refusesSizesTheHostCannotHold() {
        GuestMemoryException e =
                assertThrows(GuestMemoryException.class, () -> GuestMemory.anonymous(1L << 46));
        assertTrue(
                e.getMessage().startsWith("guest memory does not fit into the host: asked=64T, "),
                e.getMessage());
        for (long sizeBytes : new long[] {0, -4096, 4097}) {
            assertThrows(GuestMemoryException.class, () -> GuestMemory.anonymous(sizeBytes));
        }
    }

    @Nested
    final class InAFile {
        @TempDir Path directory;

        @Test
        void startsZeroedWithAllSpaceReserved() throws IOException {
            Path path = directory.resolve("ram");
            Files.writeString(path, "old contents of the file");
            try (GuestMemory memory = GuestMemory.inFile(path, 2 * MEGABYTE)) {
                assertEquals(2 * MEGABYTE, Files.size(path));
                assertEquals(0, memory.getLong(0));
                memory.setInt(4, 0x01020304);
            }
            byte[] bytes = Files.readAllBytes(path);
            assertArrayEquals(
                    new byte[] {0, 0, 0, 0, 4, 3, 2, 1}, java.util.Arrays.copyOf(bytes, 8));
        }

        @Test
        void refusesAFileThatIsInUse() {
            Path path = directory.resolve("ram");
            try (GuestMemory memory = GuestMemory.inFile(path, MEGABYTE)) {
                GuestMemoryException e =
                        assertThrows(
                                GuestMemoryException.class,
                                () -> GuestMemory.inFile(path, 2 * MEGABYTE));
                assertEquals(
                        "memory file is in use by another guest: path=" + path, e.getMessage());
                assertEquals(0, memory.getLong(MEGABYTE - 8));
            }
            GuestMemory.inFile(path, MEGABYTE).close();
        }

        @Test
        void refusesWhatCannotBeOpened() throws IOException {
            Path missing = directory.resolve("no/such/directory/ram");
            GuestMemoryException e =
                    assertThrows(
                            GuestMemoryException.class,
                            () -> GuestMemory.inFile(missing, MEGABYTE));
            assertEquals(
                    "cannot open memory file for writing: path=" + missing + ", errno=ENOENT (2)",
                    e.getMessage());
            assertTrue(
                    assertThrows(
                                    GuestMemoryException.class,
                                    () -> GuestMemory.inFile(directory, MEGABYTE))
                            .getMessage()
                            .contains("EISDIR"));
            e =
                    assertThrows(
                            GuestMemoryException.class,
                            () -> GuestMemory.inFile(Path.of("/dev/null"), MEGABYTE));
            assertTrue(e.getMessage().contains("is it a regular file?"), e.getMessage());
        }

        @Test
        void refusesAFileThatIsNotWritable() throws Exception {
            Path running = directory.resolve("running"); // a busy text file: root may not write it
            Files.copy(Path.of("/bin/sleep"), running, StandardCopyOption.COPY_ATTRIBUTES);
            Process process = new ProcessBuilder(running.toString(), "60").start();
            try {
                while (!process.info().command().orElse("").equals(running.toString())) {
                    Thread.onSpinWait();
                }
                GuestMemoryException e =
                        assertThrows(
                                GuestMemoryException.class,
                                () -> GuestMemory.inFile(running, MEGABYTE));
                assertEquals(
                        "cannot open memory file for writing: path="
                                + running
                                + ", errno=ETXTBSY (26)",
                        e.getMessage());
            } finally {
                process.destroyForcibly().waitFor();
            }
        }

        @Test
        void findsAFullFileSystemAtTheStart() throws Exception {
            Path mount = Files.createDirectory(directory.resolve("small"));
            Process process =
                    new ProcessBuilder(
                                    "mount",
                                    "-t",
                                    "tmpfs",
                                    "-o",
                                    "size=4m",
                                    "none",
                                    mount.toString())
                            .redirectErrorStream(true)
                            .start();
            Assumptions.assumeTrue(process.waitFor() == 0, "mounting a tmpfs needs root");
            try {
                Path path = mount.resolve("ram");
                GuestMemoryException e =
                        assertThrows(
                                GuestMemoryException.class,
                                () -> GuestMemory.inFile(path, 8 * MEGABYTE));
                assertEquals(
                        String.format(
                                Locale.ROOT,
                                "no space for the memory file: path=%s, sizeBytes=8M, free=4M,"
                                        + " errno=ENOSPC (28)",
                                path),
                        e.getMessage());
                assertFalse(Files.exists(path), "half-made");
                byte[] old = new byte[1 << 20];
                java.util.Arrays.fill(old, (byte) 0x5a);
                Files.write(path, old);
                e =
                        assertThrows(
                                GuestMemoryException.class,
                                () -> GuestMemory.inFile(path, 8 * MEGABYTE));
                assertTrue(e.getMessage().contains("errno=ENOSPC (28)"), e.getMessage());
                assertArrayEquals(old, Files.readAllBytes(path), "unchanged");
                GuestMemory.inFile(path, 3 * MEGABYTE).close();
                assertEquals(3 * MEGABYTE, Files.size(path));
                assertEquals(0, Files.readAllBytes(path)[0], "zeroed");
            } finally {
                new ProcessBuilder("umount", mount.toString()).start().waitFor();
            }
        }

        @Test
        void acceptsHugetlbfsInWholeHugePages() throws Exception {
            Path mount = Files.createDirectory(directory.resolve("huge"));
            Process process =
                    new ProcessBuilder("mount", "-t", "hugetlbfs", "none", mount.toString())
                            .redirectErrorStream(true)
                            .start();
            Assumptions.assumeTrue(process.waitFor() == 0, "mounting hugetlbfs needs root");
            Path pool = Path.of("/proc/sys/vm/nr_hugepages");
            String before = Files.readString(pool);
            try {
                GuestMemoryException e =
                        assertThrows(
                                GuestMemoryException.class,
                                () -> GuestMemory.inFile(mount.resolve("odd"), MEGABYTE));
                assertTrue(e.getMessage().contains("hugePage="), e.getMessage());
                Files.writeString(pool, "4");
                Assumptions.assumeTrue(
                        Files.readString(pool).trim().equals("4"), "host gives no huge pages");
                try (GuestMemory memory = GuestMemory.inFile(mount.resolve("ram"), 4 * MEGABYTE)) {
                    memory.setLong(3 * MEGABYTE, 9);
                    assertEquals(9, memory.getLong(3 * MEGABYTE));
                }
                assertThrows(
                        GuestMemoryException.class,
                        () -> GuestMemory.inFile(mount.resolve("big"), 1024 * MEGABYTE));
            } finally {
                Files.writeString(pool, before);
                new ProcessBuilder("umount", mount.toString()).start().waitFor();
            }
        }
    }
}
