// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;

/** What is left of the traced processes when their Java process is killed: nothing. */
@Tag("ptrace")
final class TracerDeathIT {
    private static final int PROCESS_COUNT = 4;
    private static final int ROUNDS = 5;

    /** A tracer in a Java process of its own: prints its stubs' pids, then keeps starting more. */
    static final class Victim {
        private Victim() {}

        public static void main(String[] arguments) {
            StubProgram stub = StubProgram.create(0x7bd0_0000_0000L, arguments[0]);
            TracedProcess[] processes = new TracedProcess[PROCESS_COUNT];
            StringBuilder pids = new StringBuilder();
            for (int i = 0; i < processes.length; i++) {
                processes[i] = TracedProcess.spawn(stub, Map.of());
                pids.append(processes[i].pid()).append(' ');
            }
            processes[0].resume(ResumeMode.CONT, 0); // one runs, the others are stopped
            System.out.println(pids.toString().trim());
            while (true) {
                TracedProcess.spawn(stub, Map.of()).close();
            }
        }
    }

    @Test
    void killingTheTracerKillsEveryTracedProcess() throws Exception {
        Random random = new Random(7);
        for (int round = 0; round < ROUNDS; round++) {
            String name = "lol-victim-" + round;
            Process java =
                    new ProcessBuilder(
                                    Path.of(System.getProperty("java.home"), "bin", "java")
                                            .toString(),
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    Victim.class.getName(),
                                    name)
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            BufferedReader output =
                    new BufferedReader(
                            new InputStreamReader(java.getInputStream(), StandardCharsets.UTF_8));
            String line = output.readLine();
            assertTrue(line != null, "the victim did not start");
            List<Integer> pids = Arrays.stream(line.split(" ", -1)).map(Integer::valueOf).toList();
            assertEquals(PROCESS_COUNT, pids.size());
            for (int pid : pids) {
                assertTrue(TracedProcessIT.isAlive(pid), "pid=" + pid);
            }
            TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
            HostCalls.kill((int) java.pid(), HostAbi.SIGKILL);
            java.waitFor();
            assertNoneLeft(pids, name);
        }
    }

    private static void assertNoneLeft(List<Integer> pids, String name) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        while (true) {
            boolean left = aliveByName(name);
            for (int pid : pids) {
                left |= TracedProcessIT.isAlive(pid);
            }
            if (!left) {
                return;
            }
            assertFalse(System.nanoTime() > deadline, "left after one second: " + pids);
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    private static boolean aliveByName(String name) throws IOException {
        try (var directory = java.nio.file.Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : directory) {
                try {
                    String comm = java.nio.file.Files.readString(process.resolve("comm")).trim();
                    int pid = Integer.parseInt(process.getFileName().toString());
                    if (comm.equals(name) && TracedProcessIT.isAlive(pid)) {
                        return true;
                    }
                } catch (IOException e) {
                    continue; // it ended while we looked
                }
            }
        }
        return false;
    }
}
