// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the context process holds, and what happens when somebody else ends it. */
@Tag("boot")
final class ContextProcessIT {
    private static final Duration LIMIT = Duration.ofMinutes(3);

    private static LolProcess start(String mode) throws Exception {
        String busy = "lol.exec=\"echo up; while :; do :; done\"";
        LolProcess lol =
                LolProcess.startWithoutInput(
                        "run", "--redirect", mode, "--timeout", "60", "-a", busy);
        lol.await("\nup", 0, LIMIT);
        return lol;
    }

    private static long contextProcess(LolProcess lol) {
        List<ProcessHandle> children = lol.monitor().children().toList();
        assertEquals(1, children.size(), lol::transcript);
        return children.get(0).pid();
    }

    @ParameterizedTest
    @CsvSource({
        "sigsys, KILL",
        "sigsys, SEGV",
        "sigsys, TERM",
        "ptrace, KILL",
        "ptrace, SEGV",
        "ptrace, TERM"
    })
    void endsTheGuestWhenKilledFromOutside(String mode, String signal) throws Exception {
        try (LolProcess lol = start(mode)) {
            String pid = Long.toString(contextProcess(lol));
            assertEquals(0, new ProcessBuilder("kill", "-" + signal, pid).start().waitFor());
            assertEquals(ExitStatus.GUEST_DIED.code(), lol.exitStatus(LIMIT), lol::transcript);
            String last = lol.errors().lines().reduce((first, second) -> second).orElse("");
            assertTrue(
                    last.startsWith("lol: guest died: context process ended from outside: "),
                    lol::transcript);
        }
    }

    @Test
    void holdsGuestRamAndNothingElse() throws Exception {
        try (LolProcess lol = start("sigsys")) {
            long pid = contextProcess(lol);
            Path proc = Path.of("/proc", Long.toString(pid));
            try (var files = Files.list(proc.resolve("fd"))) {
                List<Path> open = files.toList();
                assertEquals(1, open.size(), open::toString);
                String target = Files.readSymbolicLink(open.get(0)).toString();
                assertTrue(target.contains("memfd:guest-ram"), target);
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
    }

    @Test
    void letsADebuggerAttach() throws Exception {
        try (LolProcess lol = start("sigsys")) {
            String pid = Long.toString(contextProcess(lol));
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
