// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each host call against the kernel that runs the test. */
final class HostCallsIT {
    @TempDir Path directory;

    @Test
    void namesThisProcessAndThread() throws Exception {
        assertEquals(ProcessHandle.current().pid(), HostCalls.getpid());
        int tid = HostCalls.gettid();
        assertTrue(Files.isDirectory(Path.of("/proc/self/task/" + tid)), "tid=" + tid);
    }

    @Test
    void sharesOneMemfdBetweenTwoMappings() {
        try (HostFile file = HostFile.memfd("lol-test", 3 * 4096);
                NativeMemory whole = NativeMemory.mapShared(file, 0, 3 * 4096);
                NativeMemory last = NativeMemory.mapShared(file, 8192, 4096)) {
            whole.putLong(8192 + 16, 0x1122334455667788L);
            assertEquals(0x1122334455667788L, last.getLong(16));
            assertEquals(0x55667788, last.getInt(16));
            assertEquals((short) 0x7788, last.getShort(16));
            assertEquals((byte) 0x88, last.getByte(16));
            assertTrue(last.compareAndSetLong(16, 0x1122334455667788L, 5));
            assertFalse(last.compareAndSetLong(16, 0x1122334455667788L, 6));
            assertEquals(5, last.getAndBitwiseOrLong(16, 8));
            assertEquals(13, whole.getLongAcquire(8192 + 16));
            assertEquals(3 * 4096, file.sizeBytes());
        }
    }

    @Test
    void refusesAccessOutsideTheRangeAndAfterClose() {
        NativeMemory memory = NativeMemory.allocate(1);
        assertEquals(4096, memory.sizeBytes());
        assertThrows(IndexOutOfBoundsException.class, () -> memory.getLong(4096 - 7));
        assertThrows(IndexOutOfBoundsException.class, () -> memory.getLong(-1));
        memory.close();
        memory.close();
        assertThrows(NullPointerException.class, () -> memory.getLong(0));
    }

    @Test
    void passesAllSixArgumentsOfMmap() {
        try (HostFile file = HostFile.memfd("lol-test", 2 * 4096);
                NativeMemory place = NativeMemory.allocate(4096);
                NativeMemory second = NativeMemory.mapShared(file, 4096, 4096)) {
            second.putInt(0, 77);
            long hva =
                    HostCalls.mmap(
                            place.hva(),
                            4096,
                            HostAbi.PROT_READ,
                            HostAbi.MAP_SHARED | HostAbi.MAP_FIXED,
                            file.fd(),
                            4096);
            assertEquals(place.hva(), hva);
            assertEquals(77, place.getInt(0));
        }
    }

    @Test
    void namesCallErrorAndFactsOnFailure() {
        HostCallException e =
                assertThrows(
                        HostCallException.class, () -> HostCalls.open("/nonexistent/file", 0, 0));
        assertEquals("open: path=/nonexistent/file, errno=ENOENT (2)", e.getMessage());
        assertEquals(HostAbi.ENOENT, e.errno());
        assertEquals(
                "open: option=--kernel, path=/nonexistent/file, errno=ENOENT (2)",
                e.with("option", "--kernel").getMessage());
        HostCallException bad =
                assertThrows(HostCallException.class, () -> HostCalls.munmap(1, 4096));
        assertEquals("munmap: hva=0x1, sizeBytes=0x1000, errno=EINVAL (22)", bad.getMessage());
    }

    @Test
    void readsAndWritesFiles() throws Exception {
        Path path = directory.resolve("file");
        byte[] text = "some text".getBytes(StandardCharsets.UTF_8);
        try (HostFile file = HostFile.open(path, HostAbi.O_RDWR | HostAbi.O_CREAT, 0600);
                NativeMemory memory = NativeMemory.allocate(4096)) {
            file.writeFully(text);
            assertArrayEquals(text, Files.readAllBytes(path));
            assertEquals(4, HostCalls.pread(file.fd(), memory.hva(), 4, 5));
            byte[] read = new byte[4];
            memory.get(0, read, 0, 4);
            assertArrayEquals("text".getBytes(StandardCharsets.UTF_8), read);
            assertEquals(4, HostCalls.pwrite(file.fd(), memory.hva(), 4, 0));
            HostCalls.ftruncate(file.fd(), 6);
            HostCalls.lseek(file.fd(), 0, 0);
            byte[] all = new byte[10];
            assertEquals(6, HostCalls.read(file.fd(), all, 0, 10));
            assertEquals("text t", new String(all, 0, 6, StandardCharsets.UTF_8));
            assertEquals(0, HostCalls.read(file.fd(), all, 0, 10));
        }
        HostCalls.unlink(path.toString());
        assertFalse(Files.exists(path));
    }

    @Test
    void pollSeesAnEventCounterBecomeReadable() {
        try (HostFile event = HostFile.eventfd(HostAbi.EFD_NONBLOCK);
                PollSet set = new PollSet(2)) {
            int index = set.add(event.fd(), HostAbi.POLLIN);
            assertEquals(0, set.poll(0));
            assertEquals(0, set.revents(index));
            byte[] one = {1, 0, 0, 0, 0, 0, 0, 0};
            assertEquals(-1, HostCalls.read(event.fd(), new byte[8], 0, 8));
            assertEquals(8, HostCalls.write(event.fd(), one, 0, 8));
            assertEquals(1, set.poll(-1));
            assertEquals(HostAbi.POLLIN, set.revents(index));
        }
    }

    @Test
    void readsClocksAndAffinity() {
        long before = HostCalls.clockGettime(HostAbi.CLOCK_MONOTONIC);
        long after = HostCalls.clockGettime(HostAbi.CLOCK_MONOTONIC);
        assertTrue(after >= before && before > 0);
        long mask = HostCalls.schedGetaffinity(0);
        assertEquals(Runtime.getRuntime().availableProcessors(), Math.min(64, Long.bitCount(mask)));
        HostCalls.schedSetaffinity(0, Long.lowestOneBit(mask));
        assertEquals(Long.lowestOneBit(mask), HostCalls.schedGetaffinity(0));
        HostCalls.schedSetaffinity(0, mask);
    }

    @Test
    void runsGeneratedCode() {
        // lea rax, [rdi+rsi*2]; add rax, rdx; add rax, rcx; add rax, r8; add rax, r9; ret
        byte[] code = {
            0x48,
            (byte) 0x8d,
            0x04,
            0x77,
            0x48,
            0x01,
            (byte) 0xd0,
            0x48,
            0x01,
            (byte) 0xc8,
            0x4c,
            0x01,
            (byte) 0xc0,
            0x4c,
            0x01,
            (byte) 0xc8,
            (byte) 0xc3
        };
        try (NativeCode function = NativeCode.of(code)) {
            assertEquals(1 + 4 + 3 + 4 + 5 + (6L << 40), function.call(1, 2, 3, 4, 5, 6L << 40));
        }
    }

    @Test
    void ttyQuestionsOnAPlainFileSayNo() {
        try (HostFile file = HostFile.memfd("lol-test", 0)) {
            assertFalse(HostCalls.isatty(file.fd()));
            HostCallException e =
                    assertThrows(HostCallException.class, () -> WindowSize.get(file.fd()));
            assertEquals(HostAbi.ENOTTY, e.errno());
        }
    }

    @Test
    void startsAProgramAndReapsIt() throws Exception {
        Path busybox = Path.of("/bin/busybox");
        org.junit.jupiter.api.Assumptions.assumeTrue(
                Files.isExecutable(busybox), "needs a static program: /bin/busybox");
        try (HostFile program = HostFile.open(busybox, HostAbi.O_RDONLY, 0);
                HostFile output = HostFile.memfd("out", 0);
                NativeMemory status = NativeMemory.allocate(4)) {
            ChildProgram child =
                    ChildProgram.start(program, java.util.Map.of(7, output, 9, output));
            Path fds = Path.of("/proc/" + child.pid() + "/fd");
            // An empty argument list makes busybox complain and leave; either way it must end.
            try (HostFile pidFd = child.pidFd();
                    PollSet set = new PollSet(1)) {
                set.add(pidFd.fd(), HostAbi.POLLIN);
                assertEquals(1, set.poll(10_000));
                assertEquals(child.pid(), HostCalls.waitpid(child.pid(), status.hva(), 0));
                assertFalse(Files.exists(fds));
            }
        }
    }

    @Test
    void namesTheCallThatTheChildCouldNotMake() {
        try (HostFile notAProgram = HostFile.memfd("not-elf", 100)) {
            HostCallException e =
                    assertThrows(
                            HostCallException.class,
                            () -> ChildProgram.start(notAProgram, java.util.Map.of()));
            assertEquals("execveat", e.call());
            assertEquals("errno=ENOEXEC (8)", e.errnoFact());
        }
    }

    @Test
    void cpuQuestionsAgreeWithTheHost() throws Exception {
        try (HostCpu cpu = new HostCpu()) {
            HostCpu.Cpuid leaf0 = cpu.cpuid(0, 0);
            byte[] vendor = new byte[12];
            java.nio.ByteBuffer.wrap(vendor)
                    .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                    .putInt(leaf0.ebx())
                    .putInt(leaf0.edx())
                    .putInt(leaf0.ecx());
            String cpuinfo = Files.readString(Path.of("/proc/cpuinfo"));
            String name = new String(vendor, StandardCharsets.US_ASCII);
            assertTrue(cpuinfo.contains(name), Arrays.toString(vendor));
            assertEquals(1, cpu.xgetbv(0) & 1, "XCR0.x87 is always set");
            long t0 = cpu.rdtsc();
            TimeUnit.MILLISECONDS.sleep(2);
            assertTrue(cpu.rdtsc() > t0);
        }
    }

    @Test
    void allSourcesOfTheTscFrequencyAgree() {
        try (HostCpu cpu = new HostCpu()) {
            TscFrequency chosen = TscFrequency.of(cpu);
            long measured = TscFrequency.calibrate(TscFrequency.begin(cpu), cpu);
            assertEquals(1.0, (double) chosen.hertz() / measured, 1e-4, chosen.toString());
            assertEquals(0, TscFrequency.hertz(0, 10, 1024));
            assertEquals(1_000_000_000, TscFrequency.hertz(8, 10, 1024));
        }
    }

    @Test
    void setsARawTerminalAndPutsItBack() {
        int tiocgptn = 0x80045430;
        int tiocsptlck = 0x40045431;
        int tiocswinsz = 0x5414;
        int openFlags = HostAbi.O_RDWR | HostAbi.O_NOCTTY;
        try (HostFile master = HostFile.open(Path.of("/dev/ptmx"), openFlags, 0);
                NativeMemory word = NativeMemory.allocate(8)) {
            HostCalls.ioctl(master.fd(), tiocsptlck, word.hva());
            HostCalls.ioctl(master.fd(), tiocgptn & 0xffff_ffffL, word.hva());
            try (HostFile slave =
                    HostFile.open(Path.of("/dev/pts/" + word.getInt(0)), openFlags, 0)) {
                assertTrue(HostCalls.isatty(slave.fd()));
                Termios cooked = Termios.get(slave.fd());
                HostCalls.write(master.fd(), new byte[] {'a', '\r'}, 0, 2);
                byte[] bytes = new byte[16];
                assertEquals(2, HostCalls.read(slave.fd(), bytes, 0, 16));
                assertEquals('\n', bytes[1], "a cooked terminal maps CR to NL");
                cooked.raw().set(slave.fd());
                assertEquals(cooked.raw(), Termios.get(slave.fd()));
                HostCalls.write(master.fd(), new byte[] {3, '\r'}, 0, 2);
                assertEquals(2, HostCalls.read(slave.fd(), bytes, 0, 16));
                assertEquals(3, bytes[0], "Ctrl-C passes");
                assertEquals('\r', bytes[1]);
                cooked.set(slave.fd());
                assertEquals(cooked, Termios.get(slave.fd()));
                word.putShort(0, (short) 24);
                word.putShort(2, (short) 132);
                HostCalls.ioctl(master.fd(), tiocswinsz, word.hva());
                assertEquals(new WindowSize(24, 132), WindowSize.get(slave.fd()));
            }
        }
    }

    @Test
    void writesEverythingToAFullPipe() throws Exception {
        try (NativeMemory fds = NativeMemory.allocate(8)) {
            HostCalls.syscall(
                    HostAbi.SYS_pipe2, fds.hva(), HostAbi.O_CLOEXEC | HostAbi.O_NONBLOCK, 0, 0, 0);
            try (HostFile input = HostFile.own(fds.getInt(0), "pipe");
                    HostFile output = HostFile.own(fds.getInt(4), "pipe")) {
                byte[] bytes = new byte[300_000];
                new java.util.Random(3).nextBytes(bytes);
                Thread writer = new Thread(() -> output.writeFully(bytes));
                writer.start();
                byte[] read = new byte[bytes.length];
                int done = 0;
                try (PollSet set = new PollSet(1)) {
                    set.add(input.fd(), HostAbi.POLLIN);
                    while (done < read.length) {
                        assertEquals(1, set.poll(10_000));
                        done += HostCalls.read(input.fd(), read, done, read.length - done);
                    }
                }
                writer.join();
                assertArrayEquals(bytes, read);
            }
        }
    }

    @Test
    void hotCallsDoNotAllocate() {
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean)
                        java.lang.management.ManagementFactory.getThreadMXBean();
        long id = Thread.currentThread().getId();
        try (NativeMemory memory = NativeMemory.allocate(8)) {
            long sum = HostCalls.getpid() + memory.getLong(0);
            long before = threads.getThreadAllocatedBytes(id);
            for (int i = 0; i < 10_000; i++) {
                sum += HostCalls.rawSyscall(HostAbi.SYS_getpid, 0, 0, 0, 0, 0);
                sum += memory.getLong(0) + memory.getLongAcquire(0);
            }
            long allocated = threads.getThreadAllocatedBytes(id) - before;
            assertTrue(sum != 0 && allocated < 10_000, "allocatedBytes=" + allocated);
        }
    }

    @Test
    void calibratesFromAnOlderSampleWithoutWaiting() throws Exception {
        try (HostCpu cpu = new HostCpu()) {
            HostCpu.ClockSample start = TscFrequency.begin(cpu);
            TimeUnit.MILLISECONDS.sleep(60);
            long hertz = TscFrequency.since(start, cpu).hertz();
            assertEquals(1.0, (double) hertz / TscFrequency.of(cpu).hertz(), 1e-4);
            assertTrue(start.uncertaintyTicks() > 0);
        }
    }
}
