// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.PackageGuest;
import org.linuxonlinux.vmm.guest.Progress;

/**
 * What every mechanism that catches system calls must get right: the self-checking programs of
 * {@code src/test/guest}, on the host first, then in a guest under each mechanism; debuggers in the
 * guest; and that no file is changed. What is known to be wrong is in {@link #knownDefects()}.
 */
@Tag("boot")
final class RedirectIT {
    private static final Path SCRIPTS = Path.of("src", "test", "guest");
    private static final Duration LIMIT = Duration.ofMinutes(4);
    private static final String ENDED = "script ended: status=0";

    /** Checks that fail, each with the mechanisms under which it does. */
    private static final List<KnownDefect> KNOWN = List.of();

    @TempDir Path directory;

    /** A check that a program has, under a mechanism. */
    private record KnownDefect(String source, String check, List<RedirectMode> modes, String why) {
        boolean concerns(GuestProgram program, RedirectMode mode) {
            return program.fileName().startsWith(source) && modes.contains(mode);
        }
    }

    static Stream<Arguments> programs() {
        return Stream.of(
                        GuestProgram.SYSCALLS,
                        GuestProgram.SYSCALLS_DYNAMIC,
                        GuestProgram.SYSCALLS_MUSL,
                        GuestProgram.COMPAT,
                        GuestProgram.SIGNALS,
                        GuestProgram.REWRITTEN)
                .flatMap(p -> Stream.of(RedirectMode.values()).map(m -> Arguments.of(p, m)));
    }

    static Stream<Arguments> knownDefects() {
        return programs()
                .flatMap(
                        a -> {
                            GuestProgram program = (GuestProgram) a.get()[0];
                            RedirectMode mode = (RedirectMode) a.get()[1];
                            return KNOWN.stream()
                                    .filter(k -> k.concerns(program, mode))
                                    .map(k -> Arguments.of(program, mode, k.check(), k.why()));
                        });
    }

    @ParameterizedTest
    @MethodSource("programs")
    void checksPass(GuestProgram program, RedirectMode mode) throws Exception {
        Map<String, byte[]> files = program.build(directory);
        List<String> onHost = passed(program.runOnHost(directory));
        assertFalse(onHost.isEmpty());
        List<String> leftOut =
                KNOWN.stream()
                        .filter(k -> k.concerns(program, mode))
                        .map(KnownDefect::check)
                        .toList();
        String arguments = String.join(" ", leftOut.stream().map(c -> "-" + c).toList());
        String output = runInGuest(program, mode, files, arguments);
        List<String> wanted = new ArrayList<>(onHost);
        wanted.removeAll(leftOut);
        assertEquals(wanted, passed(output), output);
        assertTrue(output.contains("ended: failures=0"), output);
    }

    @ParameterizedTest(name = "{0} {1} {2}: {3}")
    @MethodSource("knownDefects")
    @Disabled("known defects; each row says which")
    void knownDefectsAreGone(GuestProgram program, RedirectMode mode, String check, String why)
            throws Exception {
        String output = runInGuest(program, mode, program.build(directory), check);
        assertEquals(List.of(check), passed(output), () -> why + output);
    }

    @ParameterizedTest
    @EnumSource(RedirectMode.class)
    void debuggersInTheGuestSeeTheProgramAsItIs(RedirectMode mode) throws Exception {
        Map<String, byte[]> files = GuestProgram.HOTLOOP.build(directory);
        byte[] script = Files.readAllBytes(SCRIPTS.resolve("debuggers.sh"));
        String output = run(mode, List.of("bash", "strace", "gdb-minimal"), script, files);
        assertEquals(8, passed(output).size(), output);
        assertTrue(output.contains(ENDED), output);
    }

    /** The programs in Go are Debian's. */
    @ParameterizedTest
    @EnumSource(RedirectMode.class)
    void filesOfRunningProgramsStayAsTheyAre(RedirectMode mode) throws Exception {
        Map<String, byte[]> files = GuestProgram.HASHES.build(directory);
        byte[] script = Files.readAllBytes(SCRIPTS.resolve("files.sh"));
        List<String> packages = List.of("bash", "python3", "perl-base", "fzf", "gosu");
        String output = run(mode, packages, script, files);
        assertEquals(7, passed(output).size(), output);
        assertTrue(output.contains(ENDED), output);
    }

    /** Runs one program, then compares the files with what the guest was given. */
    private String runInGuest(
            GuestProgram program, RedirectMode mode, Map<String, byte[]> files, String arguments)
            throws Exception {
        StringBuilder script = new StringBuilder("#!/bin/busybox sh\ncd /script.d\n");
        script.append(String.format("./%s %s\nstatus=$?\n", program.fileName(), arguments));
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            byte[] sum = MessageDigest.getInstance("SHA-256").digest(file.getValue());
            script.append(
                    String.format(
                            "echo '%s  %s' | sha256sum -c - || status=99%n",
                            HexFormat.of().formatHex(sum), file.getKey()));
        }
        script.append("exit $status\n");
        byte[] bytes = script.toString().getBytes(StandardCharsets.US_ASCII);
        return run(mode, program.packages(), bytes, files);
    }

    private String run(
            RedirectMode mode, List<String> packages, byte[] script, Map<String, byte[]> files)
            throws Exception {
        Path archive = directory.resolve("guest.cpio");
        new PackageGuest(CacheDirectory.ofUser())
                .build(packages, script, files, archive, Progress.NONE);
        long begin = System.nanoTime();
        try (LolProcess lol =
                LolProcess.startWithoutInput(
                        "run",
                        "-i",
                        archive.toString(),
                        "--redirect",
                        mode.name().toLowerCase(Locale.ROOT),
                        "-a",
                        "quiet")) {
            assertEquals(0, lol.exitStatus(LIMIT), lol::transcript);
            System.out.printf(
                    "redirect: mode=%s, files=%s, seconds=%.1f%n",
                    mode, files.keySet(), (System.nanoTime() - begin) / 1e9);
            assertEquals("", lol.errors(), lol::transcript);
            return lol.transcript();
        }
    }

    /** The names of what has passed. */
    private static List<String> passed(String output) {
        return output.lines()
                .filter(l -> l.startsWith("ok "))
                .map(l -> l.substring(3).strip())
                .toList();
    }
}
