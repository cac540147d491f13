// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.PackageGuest;
import org.linuxonlinux.vmm.guest.Progress;

/**
 * A guest program that tries to do harm to the host. It may die, and so may its guest, with status
 * 255 and a reason; the host must not notice.
 */
@Tag("boot")
final class HostileGuestIT {
    private static final Path SOURCE = Path.of("src", "test", "guest", "hostile.c");

    /** All addresses of the gate instead of a sample: {@code -Dlol.hostile-all=true}. */
    private static final boolean ALL = Boolean.getBoolean("lol.hostile-all");

    private static final int STRIDE = ALL ? 1 : 173;
    private static final Duration BUDGET = ALL ? Duration.ofHours(2) : Duration.ofSeconds(15);

    /** For one guest; without it a guest that hangs would not be found. */
    private static final Duration LIMIT = ALL ? Duration.ofMinutes(20) : Duration.ofSeconds(60);

    /**
     * A guest kernel that user code has sent round in circles is ended by the monitor, as asked.
     */
    private static final int TIMEOUT_SECONDS = ALL ? 600 : 10;

    private static final Pattern PROGRESS = Pattern.compile("(?m)^at (\\d+) 0x.*pattern \\d+\\s*$");
    private static final Pattern DUMP = Pattern.compile("state dump: file=(\\S+)");

    @TempDir Path directory;

    private Process victim;
    private Path forbidden;
    private Path archive;

    @BeforeEach
    void buildGuest() throws Exception {
        Path program = directory.resolve("hostile");
        try {
            Process compiler =
                    new ProcessBuilder("gcc", "-static", "-O1", "-o", "" + program, "" + SOURCE)
                            .inheritIO()
                            .start();
            assertEquals(0, compiler.waitFor(), "gcc failed");
        } catch (IOException e) {
            assumeTrue(false, "gcc is not installed: " + e.getMessage());
        }
        archive = directory.resolve("guest.cpio");
        new PackageGuest(CacheDirectory.ofUser())
                .build(List.of(), Files.readAllBytes(program), archive, Progress.NONE);
        Path target = Files.createDirectory(directory.resolve("target"));
        forbidden = target.resolve("made-by-guest");
        victim = new ProcessBuilder("sleep", "7200").start();
    }

    @AfterEach
    void killVictim() {
        if (victim != null) {
            victim.destroyForcibly();
        }
    }

    private LolProcess start(RedirectMode mode, String parameters) throws IOException {
        String all =
                String.format(
                        "hostile.path=%s hostile.pid=%d %s", forbidden, victim.pid(), parameters);
        return LolProcess.startWithoutInput(
                "run",
                "-i",
                archive.toString(),
                "-m",
                "256M",
                "--redirect=" + RunOptions.name(mode),
                "--timeout=" + TIMEOUT_SECONDS,
                "-a",
                all);
    }

    private void assertHostUnharmed(List<ProcessHandle> processes, LolProcess lol)
            throws Exception {
        assertTrue(victim.isAlive(), lol::transcript);
        try (var files = Files.list(forbidden.getParent())) {
            assertEquals(List.of(), files.toList(), lol::transcript);
        }
        for (ProcessHandle process : processes) {
            assertFalse(process.isAlive(), () -> "left over: " + process + lol.transcript());
        }
    }

    @ParameterizedTest
    @EnumSource
    void systemCallsDoNotReachTheHost(RedirectMode mode) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                LolProcess lol =
                        start(mode, "hostile.mode=calls hostile.port=" + server.getLocalPort())) {
            lol.await("calls by syscall, arguments 0", 0, LIMIT);
            ProcessHandle monitor = lol.monitor();
            List<ProcessHandle> processes = monitor.descendants().toList();
            lol.await("calls by sysenter, arguments 0", 0, LIMIT);
            assertEquals(processes, monitor.descendants().toList(), lol::transcript);
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            assertTrue(lol.output().contains("calls done"), lol::transcript);
            assertTrue(lol.output().contains("script ended: status=0"), lol::transcript);
            assertHostUnharmed(processes, lol);
            server.setSoTimeout(1);
            try {
                server.accept().close();
                throw new AssertionError("the guest reached a host port" + lol.transcript());
            } catch (SocketTimeoutException expected) {
                // Nobody came.
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void jumpsIntoTheGateDoNotReachTheHost(RedirectMode mode) throws Exception {
        long end = System.nanoTime() + BUDGET.toNanos();
        int start = 0;
        int guests = 0;
        int timeouts = 0;
        boolean done = false;
        while (!done && System.nanoTime() < end) {
            guests++;
            String range = String.format("hostile.start=%d hostile.stride=%d", start, STRIDE);
            try (LolProcess lol = start(mode, "hostile.mode=jumps " + range)) {
                lol.await("Run /init", 0, LIMIT);
                List<ProcessHandle> processes = descendants(lol);
                int status = lol.exitStatus(LIMIT);
                done = status == 0 && lol.output().contains("jumps done");
                boolean timedOut = status == ExitStatus.TIMEOUT.code();
                timeouts += timedOut ? 1 : 0;
                if (!done && !timedOut) {
                    assertEquals(ExitStatus.GUEST_DIED.code(), status, lol::transcript);
                    assertTrue(lol.errors().contains("lol: guest died: "), lol::transcript);
                }
                assertHostUnharmed(processes, lol);
                int last = lastAttempt(lol, start);
                if (!done) {
                    String reason = lol.errors().lines().reduce((a, b) -> b).orElse("");
                    System.out.printf("hostile: at=%d, %s%n", last, reason);
                }
                start = last + STRIDE;
                deleteDump(lol);
            }
        }
        System.out.printf(
                "hostile: mode=%s, guests=%d, timeouts=%d, next=%d, done=%b%n",
                mode, guests, timeouts, start, done);
    }

    /** Empty if the guest has died already. */
    private static List<ProcessHandle> descendants(LolProcess lol) {
        try {
            return lol.monitor().descendants().toList();
        } catch (AssertionError e) {
            return List.of();
        }
    }

    private static int lastAttempt(LolProcess lol, int start) {
        int last = start;
        Matcher matcher = PROGRESS.matcher(lol.output());
        while (matcher.find()) {
            last = Integer.parseInt(matcher.group(1));
        }
        return last;
    }

    private static void deleteDump(LolProcess lol) throws IOException {
        Matcher matcher = DUMP.matcher(lol.errors());
        if (matcher.find()) {
            Files.deleteIfExists(Path.of(matcher.group(1)));
        }
    }
}
