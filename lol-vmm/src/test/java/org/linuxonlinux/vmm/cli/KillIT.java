// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SIGKILL for the monitor leaves nothing behind. */
@Tag("boot")
final class KillIT {
    @TempDir Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ptrace", "ptrace", "ptrace", "ptrace", "ptrace", "sigsys", "sigsys", "sigsys",
                "sigsys", "sigsys"
            })
    void leavesNoProcessAndNoRawTerminal(String mode) throws Exception {
        long seed = System.nanoTime();
        int delayMillis = 200 + new Random(seed).nextInt(3000);
        try (LolProcess lol =
                LolProcess.startOnTerminal(
                        "stty -a > before; $LOL run --redirect "
                                + mode
                                + "; echo status=$?; stty -a > after; sleep 60",
                        directory)) {
            Thread.sleep(delayMillis);
            ProcessHandle monitor = lol.monitor();
            List<ProcessHandle> children = monitor.descendants().toList();
            monitor.destroyForcibly();
            lol.await("status=137", 0, Duration.ofSeconds(1));
            Thread.sleep(500);
            for (ProcessHandle child : children) {
                assertFalse(
                        isRunning(child),
                        () -> "left over: " + child.info() + " after " + delayMillis + " ms");
            }
            assertEquals(
                    Files.readString(directory.resolve("before")),
                    Files.readString(directory.resolve("after")));
        }
    }

    /** A zombie, which waits for the host's init to reap it, holds nothing any more. */
    private static boolean isRunning(ProcessHandle process) throws IOException {
        Path stat = Path.of("/proc", Long.toString(process.pid()), "stat");
        if (!Files.exists(stat)) {
            return false;
        }
        String text = Files.readString(stat);
        return !text.substring(text.lastIndexOf(')') + 2).startsWith("Z");
    }
}
