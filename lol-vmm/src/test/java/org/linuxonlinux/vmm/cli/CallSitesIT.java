// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.PackageGuest;
import org.linuxonlinux.vmm.guest.Progress;

/** Every way into the bytes of a call site, natively and by each mechanism that catches calls. */
@Tag("boot")
final class CallSitesIT {
    private static final Path SOURCE = Path.of("src", "test", "guest", "call-sites.c");
    private static final int TESTS = 9;
    private static final Duration LIMIT = Duration.ofMinutes(3);

    @TempDir Path directory;

    @ParameterizedTest
    @EnumSource
    void callSitesDoWhatTheProcessorDoes(RedirectMode redirect) throws Exception {
        Path program = directory.resolve("call-sites");
        compile(program);
        requireSuccess(new ProcessBuilder(program.toString()), "call-sites, natively");
        Path archive = directory.resolve("guest.cpio");
        new PackageGuest(CacheDirectory.ofUser())
                .build(List.of(), Files.readAllBytes(program), archive, Progress.NONE);
        String mode = redirect.name().toLowerCase(Locale.ROOT);
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run", "-i", archive.toString(), "--redirect", mode, "--stats")) {
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            String output = lol.output();
            assertEquals(
                    TESTS,
                    output.lines().filter(l -> l.startsWith("ok ")).count(),
                    lol::transcript);
            assertTrue(output.contains("script ended: status=0"), lol::transcript);
        }
    }

    private static void compile(Path program) throws InterruptedException {
        try {
            requireSuccess(
                    new ProcessBuilder(
                            "gcc",
                            "-static",
                            "-pthread",
                            "-O1",
                            "-o",
                            program.toString(),
                            SOURCE.toString()),
                    "gcc");
        } catch (IOException e) {
            assumeTrue(false, "gcc is not installed: " + e.getMessage());
        }
    }

    private static void requireSuccess(ProcessBuilder builder, String what)
            throws IOException, InterruptedException {
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertTrue(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS), what);
        assertEquals(0, process.exitValue(), what + ": " + output);
    }
}
