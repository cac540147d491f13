// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hosts that lack something: a guest boots by the best that is left, and one line says so. */
@Tag("boot")
final class DegradedHostIT {
    private static final Path SOURCE = Path.of("src", "test", "host", "degraded.c");

    /** Covers fetching the kernel, too. */
    private static final Duration LIMIT = Duration.ofMinutes(3);

    @TempDir static Path directory;

    private static String wrapper;

    @BeforeAll
    static void buildWrapper() throws InterruptedException {
        wrapper = directory.resolve("degraded").toString();
        try {
            Process compiler =
                    new ProcessBuilder("gcc", "-static", "-O1", "-o", wrapper, "" + SOURCE)
                            .inheritIO()
                            .start();
            assertEquals(0, compiler.waitFor(), "gcc failed");
        } catch (IOException e) {
            assumeTrue(false, "gcc is not installed: " + e.getMessage());
        }
    }

    private static LolProcess start(List<String> prefix, String mode) throws IOException {
        List<String> arguments =
                List.of("run", "--redirect", mode, "-a", "lol.exec=\"echo alive\"");
        LolProcess lol = LolProcess.startBelow(prefix, arguments.toArray(String[]::new));
        lol.closeInput();
        return lol;
    }

    /** The monitor's own lines. */
    private static List<String> messages(LolProcess lol) {
        return lol.errors().lines().filter(l -> l.startsWith("lol: ")).toList();
    }

    private static void assertBoots(LolProcess lol) throws InterruptedException {
        assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
        assertTrue(lol.output().lines().anyMatch("alive"::equals), lol::transcript);
    }

    @ParameterizedTest
    @CsvSource({
        "no-sud, ptrace",
        "no-sud, sigsys",
        "no-sud, gate",
        "no-seccomp, ptrace",
        "no-ptrace, sigsys",
        "no-ptrace, gate",
        "docker, ptrace",
        "docker, sigsys",
        "docker, gate",
    })
    void bootsAsAskedWhereTheHostHasWhatThatNeeds(String how, String mode) throws Exception {
        try (LolProcess lol = start(List.of(wrapper, how), mode)) {
            assertBoots(lol);
            assertEquals(List.of(), messages(lol), lol::transcript);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "no-seccomp, sigsys, ptrace, the host has no seccomp filters",
        "no-seccomp, gate, ptrace, the host has no seccomp filters",
        "no-ptrace, ptrace, gate, the host forbids ptrace",
        "'no-sud,no-ptrace', ptrace, gate, the host forbids ptrace",
    })
    void bootsByWhatIsLeftAndSaysSoInOneLine(String how, String wanted, String used, String reason)
            throws Exception {
        try (LolProcess lol = start(List.of(wrapper, how), wanted)) {
            assertBoots(lol);
            String line =
                    String.format(
                            "lol: cannot redirect system calls as asked: wanted=%s, used=%s, reason: %s",
                            wanted, used, reason);
            assertEquals(List.of(line), messages(lol), lol::transcript);
        }
    }

    @ParameterizedTest
    @CsvSource({"ptrace", "sigsys", "gate"})
    void refusesWhereNothingIsLeft(String mode) throws Exception {
        try (LolProcess lol = start(List.of(wrapper, "no-seccomp,no-ptrace"), mode)) {
            assertEquals(ExitStatus.HOST_LACKS.code(), lol.exitStatus(LIMIT), lol::transcript);
            assertEquals(1, messages(lol).size(), lol::transcript);
            String line = messages(lol).get(0);
            assertTrue(line.contains("the host forbids ptrace"), line);
            assertTrue(line.contains("the host has no seccomp filters"), line);
        }
    }

    @ParameterizedTest
    @CsvSource({"ptrace", "sigsys", "gate"})
    void bootsOnOneCore(String mode) throws Exception {
        try (LolProcess lol = start(List.of("taskset", "-c", "0"), mode)) {
            assertBoots(lol);
            assertEquals(List.of(), messages(lol), lol::transcript);
        } catch (IOException e) {
            assumeTrue(false, "taskset is not installed: " + e.getMessage());
        }
    }

    @Test
    void doctorSaysWhatAPlainRunUses() throws Exception {
        try (LolProcess lol = LolProcess.startBelow(List.of(wrapper, "no-seccomp"), "doctor")) {
            lol.exitStatus(LIMIT);
            String output = lol.output();
            assertTrue(
                    output.matches(
                            "(?s).*--redirect sigsys +not usable: the host has no seccomp.*"),
                    lol::transcript);
            assertTrue(output.matches("(?s).*--redirect ptrace +usable.*"), lol::transcript);
            assertTrue(
                    output.matches("(?s).*warn +redirection +ptrace instead of gate.*"),
                    lol::transcript);
        }
    }
}
