// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.PackageGuest;
import org.linuxonlinux.vmm.guest.Progress;

/**
 * {@code fpu.c} in the guest: six threads that hold different x87, SSE, AVX and AVX-512 registers
 * keep them over switches, page faults, signals, exceptions and forks. It runs on the host first.
 */
@Tag("boot")
final class FpuIT {
    private static final Path SOURCE = Path.of("src", "test", "guest", "fpu.c");
    private static final Path HOST_PROBE = Path.of("src", "test", "host", "sparse-vectors.c");

    /** Exit status of the probe. */
    private static final int NO_AVX512 = 2;

    /** Events in the guest; for the full torture {@code -Dlol.fpu-events=1000000}. */
    private static final int EVENTS = Integer.getInteger("lol.fpu-events", 100_000);

    private static final int NATIVE_EVENTS = 20_000;

    /** One line for each kind of event. */
    private static final int KINDS = 11;

    private static final Pattern STARTED = Pattern.compile("fpu started: state=([a-z0-9 ]+),");
    private static final Pattern ENDED =
            Pattern.compile("fpu ended: events=([0-9]+), switches=([0-9]+), .*");

    /** A guest on a busy host does 2000 events a second. */
    private static final Duration LIMIT = Duration.ofMinutes(2).plusSeconds(EVENTS / 2000);

    @TempDir Path directory;

    @Test
    void registersSurviveWhateverHappensToAProgram() throws Exception {
        runInGuest("");
    }

    /**
     * Some hosts lose such registers themselves: docs/decisions/007-sparse-vector-state.md. Nothing
     * is to be learnt about the guest there.
     */
    @Test
    void zeroHalvesBesideUsedOnesSurvive() throws Exception {
        Path probe = directory.resolve("sparse-vectors");
        compile(HOST_PROBE, probe);
        Process process = new ProcessBuilder(probe.toString()).redirectErrorStream(true).start();
        String found = new String(process.getInputStream().readAllBytes(), US_ASCII).strip();
        int status = process.waitFor();
        assumeTrue(status != NO_AVX512, "the host has no AVX-512");
        assumeTrue(
                status == 0,
                "the host itself loses zero YMM halves beside ZMM halves in use: "
                        + found.replace('\n', ' '));
        runInGuest(" lol.fpu-sparse");
    }

    private void runInGuest(String parameter) throws Exception {
        Path program = directory.resolve("fpu");
        Path archive = directory.resolve("guest.cpio");
        compile(SOURCE, program);
        String onHost = runOnHost(program);
        new PackageGuest(CacheDirectory.ofUser())
                .build(List.of(), Files.readAllBytes(program), archive, Progress.NONE);
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "-i",
                        archive.toString(),
                        "-a",
                        "lol.fpu-events=" + EVENTS + parameter)) {
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            String output = lol.output();
            assertTrue(output.contains("script ended: status=0"), lol::transcript);
            assertEquals(
                    KINDS,
                    output.lines().filter(l -> l.startsWith("ok ")).count(),
                    lol::transcript);
            assertEquals(find(STARTED, onHost).group(1), find(STARTED, output).group(1));
            Matcher ended = find(ENDED, output);
            System.out.println(ended.group());
            assertTrue(Long.parseLong(ended.group(1)) > EVENTS - EVENTS / 100, lol::transcript);
            // More than half of the events give the one virtual CPU away.
            assertTrue(Long.parseLong(ended.group(2)) > EVENTS / 2, lol::transcript);
        }
    }

    private static void compile(Path source, Path program) throws InterruptedException {
        try {
            Process compiler =
                    new ProcessBuilder(
                                    "gcc",
                                    "-static",
                                    "-pthread",
                                    "-O1",
                                    "-o",
                                    program.toString(),
                                    source.toString())
                            .inheritIO()
                            .start();
            assertEquals(0, compiler.waitFor(), "gcc failed");
        } catch (IOException e) {
            assumeTrue(false, "gcc is not installed: " + e.getMessage());
        }
    }

    private String runOnHost(Path program) throws Exception {
        Path output = directory.resolve("output");
        Process process =
                new ProcessBuilder(program.toString(), Integer.toString(NATIVE_EVENTS))
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        int status = process.waitFor();
        String text = Files.readString(output);
        assertEquals(0, status, text);
        return text;
    }

    private static Matcher find(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        assertTrue(matcher.find(), () -> "expected: " + pattern + ", text: " + text);
        return matcher;
    }
}
