// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.PackageGuest;
import org.linuxonlinux.vmm.guest.Progress;

/** Programs of Debian's packages in the guest: python3, bash, perl. */
@Tag("boot")
final class ProgramsIT {
    private static final Path SCRIPTS = Path.of("src", "test", "guest");
    private static final List<String> PACKAGES = List.of("python3", "bash", "perl-base");

    /** Seconds of mixed load; a developer gives more: {@code -Dlol.soak-seconds=300}. */
    private static final int SOAK_SECONDS = Integer.getInteger("lol.soak-seconds", 30);

    /**
     * What the monitor's own memory may grow by in the second half of the load. In the first minute
     * its compiler works; from then on 0.1 MB a minute were seen, promotions into a heap that is
     * committed already.
     */
    private static final int MAX_GROWTH_KILOBYTES = 4096;

    private static final Duration LIMIT = Duration.ofMinutes(5).plusSeconds(2L * SOAK_SECONDS);

    @TempDir Path directory;

    private LolProcess start(String script, String... more) throws Exception {
        return start(PACKAGES, SCRIPTS.resolve(script), more);
    }

    private LolProcess start(List<String> packages, Path program, String... more) throws Exception {
        Path archive = directory.resolve("guest.cpio");
        new PackageGuest(CacheDirectory.ofUser())
                .build(packages, Files.readAllBytes(program), archive, Progress.NONE);
        String parameters = String.join(" ", more);
        return LolProcess.startWithoutInput(
                "run", "-i", archive.toString(), "-m", "1G", "-a", parameters);
    }

    @Test
    void programsReachThePortsTheyWereGiven() throws Exception {
        Path program = directory.resolve("ports");
        Path source = SCRIPTS.resolve("ports.c");
        try {
            Process compiler =
                    new ProcessBuilder("gcc", "-static", "-O1", "-o", "" + program, "" + source)
                            .inheritIO()
                            .start();
            assertEquals(0, compiler.waitFor(), "gcc failed");
        } catch (IOException e) {
            assumeTrue(false, "gcc is not installed: " + e.getMessage());
        }
        try (LolProcess lol = start(List.of(), program)) {
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            String output = lol.output();
            assertEquals(
                    12, output.lines().filter(l -> l.startsWith("ok ")).count(), lol::transcript);
            assertTrue(output.contains("script ended: status=0"), lol::transcript);
        }
    }

    @Test
    void programsGiveTheRightResults() throws Exception {
        try (LolProcess lol = start("programs.sh")) {
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            String output = lol.output();
            assertEquals(
                    12, output.lines().filter(l -> l.startsWith("ok ")).count(), lol::transcript);
            assertTrue(output.contains("script ended: status=0"), lol::transcript);
        }
    }

    @Test
    void mixedLoadGivesTheRightResultsForLong() throws Exception {
        try (LolProcess lol = start("soak.sh", "lol.seconds=" + SOAK_SECONDS)) {
            lol.await("soak started", 0, LIMIT);
            List<Integer> kilobytes = anonymousMemoryUntil(lol, "soak ended: ");
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            String output = lol.output();
            assertTrue(output.contains("soak ended: "), lol::transcript);
            assertTrue(output.contains("script ended: status=0"), lol::transcript);
            assertEquals("", lol.errors());
            int last = kilobytes.get(kilobytes.size() - 1);
            int growth = last - kilobytes.get(kilobytes.size() / 2);
            System.out.printf(
                    "soak: seconds=%d, monitor's anonymous memory: kilobytes=%d, growth in the second half=%d%n",
                    SOAK_SECONDS, last, growth);
            assertTrue(growth <= MAX_GROWTH_KILOBYTES, kilobytes::toString);
        }
    }

    /** One sample a second, as long as the load lasts: at the end translated code is saved. */
    private static List<Integer> anonymousMemoryUntil(LolProcess lol, String end)
            throws InterruptedException {
        ProcessHandle monitor = lol.monitor();
        Path status = Path.of("/proc", Long.toString(monitor.pid()), "status");
        List<Integer> kilobytes = new ArrayList<>();
        while (monitor.isAlive() && !lol.output().contains(end)) {
            try {
                Files.readAllLines(status).stream()
                        .filter(line -> line.startsWith("RssAnon:"))
                        .map(line -> Integer.valueOf(line.replaceAll("\\D", "")))
                        .forEach(kilobytes::add);
            } catch (IOException e) {
                break; // it has ended just now
            }
            Thread.sleep(1000);
        }
        return kilobytes;
    }
}
