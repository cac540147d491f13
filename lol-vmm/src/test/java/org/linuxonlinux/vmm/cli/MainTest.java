// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class MainTest {
    private final PrintStream realOut = System.out;
    private final PrintStream realErr = System.err;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir Path directory;

    @BeforeEach
    void capture() {
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void release() {
        System.setOut(realOut);
        System.setErr(realErr);
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void printsHelpOfEachCommandOnStandardOutput() {
        for (String command : new String[] {"run", "doctor", "inspect"}) {
            out.reset();
            assertEquals(0, Main.run(command, "--help"));
            assertTrue(out().startsWith("Usage: lol " + command), out());
        }
        assertEquals("", err());
    }

    @Test
    void listsExitStatusesAndKeysInTheHelpOfRun() {
        assertEquals(0, Main.run("run", "-h"));
        for (ExitStatus status : ExitStatus.values()) {
            assertTrue(out().contains("  " + status.code() + " "), out());
        }
        assertTrue(out().contains("Ctrl-a x"), out());
    }

    @Test
    void hidesWhatOnlyTheBuildUses() {
        assertEquals(0, Main.run("--help"));
        assertFalse(out().contains(Commands.GENERATE), out());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "run --frobnicate",
                "run -k",
                "run stray",
                "frobnicate",
                "inspect",
                "run -m lots",
                "run --redirect magic",
                "run --timeout -3"
            })
    void complainsInOneLineAboutWrongUsage(String commandLine) {
        assertEquals(2, Main.run(commandLine.split(" ")));
        assertEquals("", out());
        assertEquals(1, err().lines().count(), err());
        assertTrue(err().startsWith("lol: "), err());
    }

    @Test
    void showsTheCommandsWhenNoneIsGiven() {
        assertEquals(2, Main.run());
        assertTrue(err().contains("doctor"), err());
    }

    @Test
    void complainsInOneLineAboutAMissingKernel() {
        assertEquals(2, Main.run("inspect", directory.resolve("vmlinuz").toString()));
        assertEquals(1, err().lines().count(), err());
        assertTrue(err().contains(directory.resolve("vmlinuz").toString()), err());
    }

    @Test
    void writesManualPagesAndCompletion() throws Exception {
        assertEquals(0, Main.run(Commands.GENERATE, directory.toString()));
        try (Stream<Path> pages = Files.list(directory.resolve("man/man1"))) {
            assertEquals(4, pages.count());
        }
        String page = Files.readString(directory.resolve("man/man1/lol-run.1"));
        assertTrue(page.startsWith(".TH LOL\\-RUN 1") || page.startsWith(".TH LOL-RUN 1"), page);
        for (String part :
                new String[] {"\\fB\\-\\-memory\\-file\\fR", ".SH EXIT STATUS", ".B 255"}) {
            assertTrue(page.contains(part), () -> "no " + part + " in:\n" + page);
        }
        String completion = Files.readString(directory.resolve("bash-completion/completions/lol"));
        assertTrue(completion.contains("--memory-file"), completion);
    }
}
