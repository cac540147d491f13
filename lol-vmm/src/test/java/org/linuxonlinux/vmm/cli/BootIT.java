// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Boots Debian's kernels, unmodified, through the launcher. */
@Tag("boot")
final class BootIT {
    /** Covers fetching the kernel, too. */
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(3);

    private static final Duration STEP_LIMIT = Duration.ofSeconds(30);

    /** What a kernel says when it has found something wrong with its machine. */
    private static final Pattern COMPLAINT =
            Pattern.compile(
                    "WARNING:|BUG:|Oops|Call Trace|general protection|[Ss]elf-?test.*fail|Kernel panic|rcu.*stall|"
                            + "soft lockup|unexpectedly|Unknown NMI");

    /** A raw log line of level "warning" or worse. */
    private static final Pattern WARNING = Pattern.compile("<[0-4]>\\[.*");

    /** Says more about a busy host than about the machine. */
    private static final Pattern SLOW_HOST =
            Pattern.compile("hrtimer: interrupt took|clocksource: .*[Ww]atchdog|lagged too much");

    @TempDir Path directory;

    private static void assertNoComplaint(LolProcess lol) {
        List<String> complaints =
                lol.output().lines().filter(l -> COMPLAINT.matcher(l).find()).toList();
        assertEquals(List.of(), complaints, lol::transcript);
    }

    /** Stricter than the promise, which allows what the same kernel says under QEMU. */
    private static void assertNoWarning(LolProcess lol) {
        List<String> raw = lol.output().lines().filter(l -> l.startsWith("<")).toList();
        assertTrue(raw.stream().anyMatch(l -> l.contains("Linux version 6.1.")), lol::transcript);
        List<String> warnings =
                raw.stream()
                        .filter(l -> WARNING.matcher(l).lookingAt())
                        .filter(l -> !SLOW_HOST.matcher(l).find())
                        .toList();
        assertEquals(List.of(), warnings);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cloud-amd64", "amd64"})
    void bootsDebianKernelRunsCommandsAndPowersOff(String kernel) throws Exception {
        String commands =
                "uname -a; cat /proc/cpuinfo; ls -l /; seq 1000 | sort -n | tail -n 1 | sed s/^/last=/; "
                        + "dmesg -r; echo all done";
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run", "-k", kernel, "-a", "lol.exec=\"" + commands + "\"")) {
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            String output = lol.output();
            assertTrue(output.contains("Linux lol 6.1."), lol::transcript);
            assertTrue(output.contains("model name"), lol::transcript);
            assertTrue(output.contains("last=1000"), lol::transcript);
            assertTrue(output.contains("all done"), lol::transcript);
            assertNoComplaint(lol);
            assertNoWarning(lol);
        }
    }

    /** As a kernel without CONFIG_X86_X2APIC, which x86_64_defconfig leaves out. */
    @Test
    void bootsWithTheLocalApicInMemory() throws Exception {
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "-k",
                        "cloud-amd64",
                        "-a",
                        "nox2apic lol.exec=\"sleep 1; grep -h LOC: /proc/interrupts; dmesg -r\"")) {
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            assertTrue(lol.output().contains("Local timer interrupts"), lol::transcript);
            assertFalse(lol.output().contains("x2apic enabled"), lol::transcript);
            assertNoComplaint(lol);
            assertNoWarning(lol);
        }
    }

    /**
     * A kernel as its developer builds it. The tree (Debian's linux-source-6.1 after {@code make
     * defconfig bzImage}) is named by property {@code lol.kernel.tree}; a build takes too long to
     * be part of the tests.
     */
    @ParameterizedTest
    @ValueSource(strings = {"", "vmlinux", "arch/x86/boot/bzImage"})
    void bootsAKernelFromItsTree(String file) throws Exception {
        String tree = System.getProperty("lol.kernel.tree");
        assumeTrue(tree != null, "no built kernel tree is named: -Dlol.kernel.tree=DIR");
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "-k",
                        Path.of(tree, file).toString(),
                        "-a",
                        "lol.exec=\"uname -a\"")) {
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            assertTrue(lol.output().contains("Linux lol 6.1."), lol::transcript);
            assertNoComplaint(lol);
        }
    }

    @Test
    void givesAShellWithJobControlOnATerminal() throws Exception {
        try (LolProcess lol =
                LolProcess.startOnTerminal(
                        "stty -a > before; $LOL run --timeout 300; echo status=$?; stty -a > after",
                        directory)) {
            int at = lol.await("# ", 0, BOOT_LIMIT);
            lol.type("stty size\r");
            at = lol.await("40 120", at, STEP_LIMIT);
            at = lol.await("# ", at, STEP_LIMIT);
            lol.type("sleep 1000\r");
            at = lol.await("sleep 1000", at, STEP_LIMIT);
            Thread.sleep(500);
            lol.type("\u0003");
            at = lol.await("# ", at, STEP_LIMIT);
            lol.type("echo status $?\r");
            at = lol.await("status 130", at, STEP_LIMIT);
            at = lol.await("# ", at, STEP_LIMIT);
            lol.type("sleep 1000\r");
            at = lol.await("sleep 1000", at, STEP_LIMIT);
            Thread.sleep(500);
            lol.type("\u001a");
            at = lol.await("Stopped", at, STEP_LIMIT);
            lol.type("bg\r");
            at = lol.await("# ", at, STEP_LIMIT);
            lol.type("kill %1; wait; echo no more jobs\r");
            at = lol.await("\nno more jobs", at, STEP_LIMIT);
            lol.type("poweroff\r");
            lol.await("status=0", at, STEP_LIMIT);
            lol.exitStatus(STEP_LIMIT);
            assertNoComplaint(lol);
            assertEquals(
                    Files.readString(directory.resolve("before")),
                    Files.readString(directory.resolve("after")));
        }
    }

    @Test
    void runsAScriptFromAPipeAndEndsWithIt() throws Exception {
        try (LolProcess lol = LolProcess.start("run", "--timeout", "300")) {
            lol.type("echo sum $((6 * 7))\n");
            lol.closeInput();
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            assertTrue(lol.output().contains("sum 42"), lol::transcript);
        }
    }

    @Test
    void endsOnCtrlAXAndOnTimeout() throws Exception {
        try (LolProcess lol = LolProcess.startOnTerminal("$LOL run; echo status=$?", directory)) {
            int at = lol.await("# ", 0, BOOT_LIMIT);
            lol.type("\u0001x");
            lol.await("status=0", at, STEP_LIMIT);
        }
        try (LolProcess lol = LolProcess.start("run", "--timeout", "4")) {
            assertEquals(124, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            assertTrue(
                    lol.errors().contains("lol: guest stopped: timeoutSeconds=4.0"),
                    lol::transcript);
        }
    }

    @Test
    void reportsAPanicWithTheLastLinesAndStatus255() throws Exception {
        try (LolProcess lol = LolProcess.startWithoutInput("run", "-i", "none")) {
            assertEquals(255, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            assertTrue(lol.errors().contains("  | "), lol::transcript);
            assertTrue(lol.errors().contains("lol: guest died: "), lol::transcript);
            assertTrue(lol.errors().contains("Unable to mount root fs"), lol::transcript);
        }
    }

    @Test
    void printsStatistics() throws Exception {
        try (LolProcess lol =
                LolProcess.startWithoutInput("run", "--stats", "-a", "lol.exec=true")) {
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            for (String word :
                    List.of("exits", "blocks", "code cache", "mappings", "system calls")) {
                assertTrue(
                        lol.errors().contains(word), () -> "no '" + word + "'" + lol.transcript());
            }
        }
    }

    @Test
    void keepsGuestMemoryInAFile() throws Exception {
        Path file = directory.resolve("ram");
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "-m",
                        "256M",
                        "--memory-file",
                        file.toString(),
                        "-a",
                        "lol.exec=\"echo mem; free -m\"")) {
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
            assertEquals(256L << 20, Files.size(file));
            assertFalse(lol.output().contains("Out of memory"), lol::transcript);
        }
    }
}
