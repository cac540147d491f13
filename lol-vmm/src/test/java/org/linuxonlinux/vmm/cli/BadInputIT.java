// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.linuxonlinux.vmm.guest.CacheDirectory;

/** What users get wrong: one line on standard error, exit status 2 or 3, no stack. */
@Tag("boot")
final class BadInputIT {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    @TempDir static Path directory;
    private static Path kernel;
    private static byte[] kernelBytes;

    @BeforeAll
    static void findKernel() throws Exception {
        try (LolProcess lol = LolProcess.startWithoutInput("inspect", "cloud-amd64")) {
            assertEquals(0, lol.exitStatus(Duration.ofMinutes(3)), lol::transcript);
        }
        Path kernels = CacheDirectory.ofUser().resolve("kernels");
        String release = Files.readString(kernels.resolve("cloud-amd64.release")).strip();
        kernel = kernels.resolve("vmlinuz-" + release);
        kernelBytes = Files.readAllBytes(kernel);
    }

    private static void assertRefused(int status, String text, String... arguments)
            throws Exception {
        List<String> command = new ArrayList<>(List.of("run"));
        command.addAll(List.of(arguments));
        try (LolProcess lol = LolProcess.startWithoutInput(command.toArray(new String[0]))) {
            assertEquals(status, lol.exitStatus(LIMIT), lol::transcript);
            assertEquals(1, lol.errors().lines().count(), lol::transcript);
            assertTrue(lol.errors().startsWith("lol: "), lol::transcript);
            assertTrue(lol.errors().contains(text), () -> "no '" + text + "'" + lol.transcript());
            assertFalse(lol.errors().contains("Exception"), lol::transcript);
        }
    }

    private static Path file(String name, byte[] content) throws IOException {
        return Files.write(directory.resolve(name), content);
    }

    private static void assertKernelRefused(String text, Path file) throws Exception {
        assertRefused(2, text, "-k", file.toString(), "-i", "none");
    }

    @Test
    void refusesMissingKernel() throws Exception {
        assertRefused(2, "/no/such/kernel", "-k", "/no/such/kernel", "-i", "none");
    }

    @Test
    void refusesEmptyKernel() throws Exception {
        assertKernelRefused("empty", file("empty", new byte[0]));
    }

    @Test
    void refusesTruncatedKernel() throws Exception {
        assertKernelRefused(
                "truncated", file("truncated", Arrays.copyOf(kernelBytes, kernelBytes.length / 2)));
    }

    @Test
    void refusesOtherFile() throws Exception {
        assertKernelRefused(
                "not a", file("text", "hello\n".repeat(1000).getBytes(StandardCharsets.US_ASCII)));
    }

    @Test
    void refusesCorruptPayload() throws Exception {
        byte[] corrupt = kernelBytes.clone();
        Arrays.fill(corrupt, corrupt.length / 2, corrupt.length / 2 + 4096, (byte) 0x55);
        assertKernelRefused("corrupt", file("corrupt", corrupt));
    }

    @Test
    void refusesKernelOfOtherArchitecture() throws Exception {
        byte[] arm = new byte[4096];
        byte[] header = {0x7f, 'E', 'L', 'F', 2, 1, 1};
        System.arraycopy(header, 0, arm, 0, header.length);
        arm[16] = 2;
        arm[18] = (byte) 183; // EM_AARCH64
        assertKernelRefused("architecture", file("arm", arm));
        byte[] old = arm.clone();
        old[4] = 1;
        old[18] = 3; // EM_386
        assertKernelRefused("32-bit", file("i386", old));
    }

    @Test
    void refusesInitrdLargerThanMemory() throws Exception {
        Path big = directory.resolve("big.initrd");
        try (RandomAccessFile file = new RandomAccessFile(big.toFile(), "rw")) {
            file.setLength(300L << 20);
        }
        assertRefused(2, "initrd", "-k", kernel.toString(), "-i", big.toString(), "-m", "256M");
    }

    @Test
    void refusesMissingInitrd() throws Exception {
        assertRefused(2, "/no/such/initrd", "-k", kernel.toString(), "-i", "/no/such/initrd");
    }

    @Test
    void refusesTooLittleAndTooMuchMemory() throws Exception {
        assertRefused(2, "too small", "-k", kernel.toString(), "-i", "none", "-m", "8M");
        assertRefused(2, "memory", "-k", kernel.toString(), "-i", "none", "-m", "40M");
        assertRefused(3, "memory", "-k", kernel.toString(), "-i", "none", "-m", "1000G");
    }

    @Test
    void refusesUnusableMemoryFile() throws Exception {
        assertRefused(
                2,
                "/proc/ram",
                "-k",
                kernel.toString(),
                "-i",
                "none",
                "--memory-file",
                "/proc/ram");
        assertRefused(
                2,
                directory.toString(),
                "-k",
                kernel.toString(),
                "-i",
                "none",
                "--memory-file",
                directory.toString());
    }

    @Test
    void leavesNothingBehindOnAFullFileSystem() throws Exception {
        String run =
                "$LOL run -k '" + kernel + "' -i none -m 64M --memory-file full/ram </dev/null";
        String script =
                "mkdir full && mount -t tmpfs -o size=4m none full || exit 98; "
                        + run
                        + "; echo status=$?; echo left: $(ls -A full); "
                        + "echo old contents >full/ram; "
                        + run
                        + "; echo status=$?; echo left: $(ls -A full) $(cat full/ram)";
        try (LolProcess lol = LolProcess.startInMountNamespace(script, directory)) {
            int status = lol.exitStatus(LIMIT);
            assumeTrue(
                    status == 0,
                    () -> "mounting in a namespace of its own needs root:" + lol.transcript());
            assertEquals(
                    List.of("status=2", "left:", "status=2", "left: ram old contents"),
                    lol.output().lines().toList(),
                    lol::transcript);
            List<String> errors = lol.errors().lines().toList();
            assertEquals(2, errors.size(), lol::transcript);
            for (String line : errors) {
                assertTrue(
                        line.startsWith("lol: no space for the memory file: path=full/ram, "),
                        lol::transcript);
            }
        }
    }

    @Test
    void refusesLongCommandLine() throws Exception {
        assertRefused(
                2, "command line", "-k", kernel.toString(), "-i", "none", "-a", "x".repeat(5000));
    }

    @Test
    void refusesUnknownOptionAndCommand() throws Exception {
        assertRefused(2, "--frobnicate", "--frobnicate");
        try (LolProcess lol = LolProcess.startWithoutInput("frobnicate")) {
            assertEquals(2, lol.exitStatus(LIMIT), lol::transcript);
            assertEquals(1, lol.errors().lines().count(), lol::transcript);
        }
    }

    @Test
    void saysWhatTheHostLacksWhenNoRedirectionIsPossible() throws Exception {
        Process process =
                new ProcessBuilder(
                                ProcessHandle.current().info().command().orElse("java"),
                                "-cp",
                                System.getProperty("java.class.path"),
                                NoPtraceProbe.class.getName(),
                                "run",
                                "-k",
                                kernel.toString(),
                                "-i",
                                "none")
                        .redirectErrorStream(true)
                        .start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(3, process.waitFor(), output);
        assertTrue(output.contains("the host forbids ptrace"), output);
        assertTrue(output.contains("no seccomp filters"), output);
        assertEquals(1, output.lines().count(), output);
    }
}
