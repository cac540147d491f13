// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.linuxonlinux.redirect.RedirectMode;

/** What the context process holds, and what happens when somebody else ends it. */
@Tag("boot")
final class ContextProcessIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final Duration PAUSE = Duration.ofSeconds(10);
    private static final Pattern CLOCKS = Pattern.compile("(?m)^at ([0-9.]+) ([0-9]+)\\s*$");

    private static LolProcess start(String mode) throws Exception {
        String busy = "lol.exec=\"echo up; while :; do :; done\"";
        LolProcess lol =
                LolProcess.startWithoutInput(
                        "run", "--redirect", mode, "--timeout", "60", "-a", busy);
        lol.await("\nup", 0, LIMIT);
        return lol;
    }

    /** All of them, the busiest first: the one that the guest runs in. */
    private static List<Long> contextProcesses(LolProcess lol) {
        List<ProcessHandle> children = new ArrayList<>(lol.monitor().children().toList());
        assertFalse(children.isEmpty(), lol::transcript);
        children.sort(Comparator.comparing(ContextProcessIT::cpuTime).reversed());
        return children.stream().map(ProcessHandle::pid).toList();
    }

    private static Duration cpuTime(ProcessHandle process) {
        return process.info().totalCpuDuration().orElse(Duration.ZERO);
    }

    @ParameterizedTest
    @CsvSource({
        "gate, KILL",
        "gate, SEGV",
        "sigsys, KILL",
        "sigsys, SEGV",
        "sigsys, TERM",
        "ptrace, KILL",
        "ptrace, SEGV",
        "ptrace, TERM"
    })
    void endsTheGuestWhenKilledFromOutside(String mode, String signal) throws Exception {
        try (LolProcess lol = start(mode)) {
            killAndExpectTheEnd(lol, signal, contextProcesses(lol).get(0));
        }
    }

    /** The guest has several address spaces, and is not in all of them. */
    @ParameterizedTest
    @CsvSource({"gate, KILL", "gate, SEGV", "sigsys, KILL"})
    void endsTheGuestWhenASleepingOneIsKilledFromOutside(String mode, String signal)
            throws Exception {
        try (LolProcess lol = start(mode)) {
            List<Long> processes = contextProcesses(lol);
            assertTrue(processes.size() > 1, lol::transcript);
            killAndExpectTheEnd(lol, signal, processes.get(processes.size() - 1));
        }
    }

    private static void killAndExpectTheEnd(LolProcess lol, String signal, long pid)
            throws Exception {
        String[] kill = {"kill", "-" + signal, Long.toString(pid)};
        assertEquals(0, new ProcessBuilder(kill).start().waitFor());
        assertEquals(ExitStatus.GUEST_DIED.code(), lol.exitStatus(LIMIT), lol::transcript);
        String last = lol.errors().lines().reduce((first, second) -> second).orElse("");
        assertTrue(
                last.startsWith("lol: guest died: context process ended from outside: "),
                lol::transcript);
    }

    /** Ten seconds in which the monitor does nothing; the guest's clocks do not stop for that. */
    @ParameterizedTest
    @EnumSource
    void goesOnWithRightClocksAfterThePauseOfTheMonitor(RedirectMode mode) throws Exception {
        String clocks =
                "lol.exec=\"while :; do read up rest </proc/uptime;"
                        + " echo at $up $(date +%s); sleep 1; done\"";
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "--redirect",
                        RunOptions.name(mode),
                        "--timeout",
                        "60",
                        "-a",
                        clocks)) {
            lol.await("\nat ", 0, LIMIT);
            String monitor = Long.toString(lol.monitor().pid());
            double before = lastClocks(lol)[0];
            assertEquals(0, new ProcessBuilder("kill", "-STOP", monitor).start().waitFor());
            Thread.sleep(PAUSE.toMillis());
            assertEquals(0, new ProcessBuilder("kill", "-CONT", monitor).start().waitFor());
            lol.await("\nat ", lol.output().length(), LIMIT);
            lol.await("\nat ", lol.output().length(), LIMIT);
            double[] after = lastClocks(lol);
            double hostSeconds = System.currentTimeMillis() / 1e3;
            assertTrue(after[0] - before >= PAUSE.toSeconds(), lol::transcript);
            assertTrue(after[0] - before < PAUSE.toSeconds() + 8, lol::transcript);
            assertTrue(Math.abs(hostSeconds - after[1]) < 4, lol::transcript);
            assertFalse(lol.output().contains("unstable"), lol::transcript);
            assertFalse(lol.output().contains("Call Trace"), lol::transcript);
        }
    }

    /** Uptime and seconds since the epoch, as the guest last said. */
    private static double[] lastClocks(LolProcess lol) {
        Matcher matcher = CLOCKS.matcher(lol.output());
        double[] last = null;
        while (matcher.find()) {
            last =
                    new double[] {
                        Double.parseDouble(matcher.group(1)), Double.parseDouble(matcher.group(2))
                    };
        }
        return last;
    }

    @ParameterizedTest
    @CsvSource({"sigsys, 1", "gate, 2"})
    void holdsGuestRamAndPatchedCodeAndNothingElse(String mode, int files) throws Exception {
        try (LolProcess lol = start(mode)) {
            for (long pid : contextProcesses(lol)) {
                checkSandbox(pid, files);
            }
        }
    }

    private static void checkSandbox(long pid, int files) throws IOException {
        Path proc = Path.of("/proc", Long.toString(pid));
        try (var descriptors = Files.list(proc.resolve("fd"))) {
            List<Path> open = descriptors.sorted().toList();
            assertEquals(files, open.size(), open::toString);
            String target = Files.readSymbolicLink(open.get(0)).toString();
            assertTrue(target.contains("memfd:guest-ram"), target);
            for (Path other : open.subList(1, files)) {
                target = Files.readSymbolicLink(other).toString();
                assertTrue(target.contains("memfd:lol-sites"), target);
            }
        }
        String status = Files.readString(proc.resolve("status"));
        assertTrue(status.contains("NoNewPrivs:\t1\n"), status);
        assertTrue(status.contains("Seccomp:\t2\n"), status);
        assertTrue(status.contains("TracerPid:\t0\n"), status);
        assertEquals("", Files.readString(proc.resolve("environ")));
        String stat = Files.readString(proc.resolve("stat"));
        // After the name: state, parent, group, session.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        assertEquals(Long.toString(pid), fields[3], stat);
        String limits = Files.readString(proc.resolve("limits"));
        assertTrue(limits.matches("(?s).*Max core file size +0 +0 .*"), limits);
    }

    /** One address space at a time. */
    @Test
    void thereIsOneWhereNoMoreAreWanted() throws Exception {
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "--contexts",
                        "1",
                        "-a",
                        "quiet lol.exec=\"cat /proc/cpuinfo; free\"")) {
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            assertFalse(lol.output().contains("pcid"), lol::transcript);
        }
    }

    @ParameterizedTest
    @CsvSource({"sigsys", "gate"})
    void letsADebuggerAttach(String mode) throws Exception {
        try (LolProcess lol = start(mode)) {
            String pid = Long.toString(contextProcesses(lol).get(0));
            Process gdb = null;
            try {
                gdb =
                        new ProcessBuilder("gdb", "-p", pid, "-batch", "-ex", "info registers rip")
                                .redirectErrorStream(true)
                                .start();
            } catch (IOException e) {
                assumeTrue(false, "gdb is not installed: " + e.getMessage());
            }
            gdb.getOutputStream().close();
            String output = new String(gdb.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(gdb.waitFor(20, TimeUnit.SECONDS), output);
            assertTrue(output.matches("(?s).*rip +0x[0-9a-f]+.*"), output);
        }
    }
}
