// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.Isolation;
import org.linuxonlinux.vmm.UserException;
import picocli.CommandLine.ParseResult;

final class RunOptionsTest {
    private static RunConfig check(String... options) {
        String[] args = new String[options.length + 1];
        args[0] = "run";
        System.arraycopy(options, 0, args, 1, options.length);
        ParseResult result = Commands.build().parseArgs(args);
        return RunOptions.check(result.subcommand());
    }

    @Test
    void hasDefaults() {
        RunConfig config = check();
        assertEquals(
                new RunConfig(
                        Optional.empty(),
                        Optional.empty(),
                        false,
                        List.of(),
                        1L << 30,
                        Optional.empty(),
                        RedirectMode.GATE,
                        Isolation.SHARED,
                        8,
                        true,
                        Optional.empty(),
                        0,
                        false),
                config);
    }

    @Test
    void readsEveryOption() {
        RunConfig config =
                check(
                        "-k",
                        "vmlinuz",
                        "-i",
                        "initrd.img",
                        "-a",
                        "quiet",
                        "--append=-x y",
                        "-m",
                        "2G",
                        "--memory-file",
                        "/dev/shm/ram",
                        "--redirect",
                        "ptrace",
                        "--isolation=shared",
                        "--contexts=3",
                        "--translation-cache",
                        "off",
                        "--timeout",
                        "1.5",
                        "-vv",
                        "--stats");
        assertEquals(
                new RunConfig(
                        Optional.of("vmlinuz"),
                        Optional.of(Path.of("initrd.img")),
                        false,
                        List.of("quiet", "-x y"),
                        2L << 30,
                        Optional.of(Path.of("/dev/shm/ram")),
                        RedirectMode.PTRACE,
                        Isolation.SHARED,
                        3,
                        false,
                        Optional.of(Duration.ofMillis(1500)),
                        2,
                        true),
                config);
    }

    @Test
    void takesNoneForNoInitrd() {
        RunConfig config = check("-i", "none");
        assertTrue(config.noInitrd());
        assertEquals(Optional.empty(), config.initrd());
    }

    @ParameterizedTest
    @CsvSource({
        "--memory, 1M, too small",
        "--memory, 2048G, too large",
        "--memory, lots, not a memory size",
        "--redirect, magic, expected one of: ptrace",
        "--contexts, 0, expected 1 to 8",
        "--contexts, 9, expected 1 to 8",
        "--contexts, many, not a number",
        "--timeout, soon, not a number",
        "--timeout, -1, more than 0",
        "--timeout, NaN, more than 0",
    })
    void namesOptionValueAndExpectation(String option, String value, String expectation) {
        UserException e = assertThrows(UserException.class, () -> check(option, value));
        assertEquals(UserException.BAD_INPUT, e.exitCode());
        assertTrue(
                e.getMessage().startsWith("cannot use option: " + option + "=" + value + ": "),
                e.getMessage());
        assertTrue(e.getMessage().contains(expectation), e.getMessage());
    }
}
