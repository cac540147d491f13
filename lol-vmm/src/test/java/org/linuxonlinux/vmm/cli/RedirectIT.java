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
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
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

    private static final Set<RedirectMode> GATE = EnumSet.of(RedirectMode.GATE);

    /** What is wrong today; these checks are left out of {@link #checksPass}. */
    private static final List<KnownDefect> KNOWN =
            List.of(
                    new KnownDefect(
                            "syscalls",
                            "own-text",
                            GATE,
                            "a program that reads its own code sees the patches"));

    @TempDir Path directory;

    /** A check of a program, or all of its checks, under some mechanisms. */
    private record KnownDefect(String program, String check, Set<RedirectMode> modes, String why) {
        boolean concerns(GuestProgram candidate, RedirectMode mode) {
            return candidate.fileName().startsWith(program) && modes.contains(mode);
        }

        boolean isWholeProgram() {
            return check.isEmpty();
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

    /** Those of which not everything is known to fail. */
    static Stream<Arguments> workingPrograms() {
        return programs()
                .filter(
                        a ->
                                known((GuestProgram) a.get()[0], (RedirectMode) a.get()[1]).stream()
                                        .noneMatch(KnownDefect::isWholeProgram));
    }

    private static List<KnownDefect> known(GuestProgram program, RedirectMode mode) {
        return KNOWN.stream().filter(k -> k.concerns(program, mode)).toList();
    }

    @ParameterizedTest
    @MethodSource("workingPrograms")
    void checksPass(GuestProgram program, RedirectMode mode) throws Exception {
        Map<String, byte[]> files = program.build(directory);
        List<String> wanted = new ArrayList<>(passed(program.runOnHost(directory)));
        assertFalse(wanted.isEmpty());
        List<String> leftOut = known(program, mode).stream().map(KnownDefect::check).toList();
        wanted.removeAll(leftOut);
        String arguments = String.join(" ", leftOut.stream().map(c -> "-" + c).toList());
        String output = runInGuest(program, mode, files, arguments);
        assertEquals(wanted, passed(output), output);
        assertTrue(output.contains("ended: failures=0"), output);
    }

    /** To try them: {@code -Djunit.jupiter.conditions.deactivate=*}. */
    @ParameterizedTest(name = "{0} {1} {2}: {3}")
    @MethodSource("knownDefects")
    @Disabled("known defects; each row says which")
    void knownDefectsAreGone(GuestProgram program, RedirectMode mode, String check, String why)
            throws Exception {
        Map<String, byte[]> files = program.build(directory);
        List<String> wanted =
                passed(
                        program.runOnHost(
                                directory, check.isEmpty() ? new String[0] : new String[] {check}));
        String output = runInGuest(program, mode, files, check);
        assertEquals(wanted, passed(output), () -> why + output);
    }

    @ParameterizedTest
    @EnumSource(RedirectMode.class)
    void straceInTheGuestShowsAllCalls(RedirectMode mode) throws Exception {
        Map<String, byte[]> files = GuestProgram.HOTLOOP.build(directory);
        byte[] script = Files.readAllBytes(SCRIPTS.resolve("strace.sh"));
        String output = run(mode, List.of("bash", "strace"), script, files, "");
        assertEquals(5, passed(output).size(), output);
        assertTrue(output.contains(ENDED), output);
    }

    @ParameterizedTest
    @EnumSource(RedirectMode.class)
    void gdbInTheGuestSeesTheProgramAsItIs(RedirectMode mode) throws Exception {
        Map<String, byte[]> files = GuestProgram.HOTLOOP.build(directory);
        byte[] script = Files.readAllBytes(SCRIPTS.resolve("gdb.sh"));
        String output = run(mode, List.of("bash", "gdb-minimal"), script, files, "");
        assertEquals(4, passed(output).size(), output);
        assertTrue(output.contains(ENDED), output);
    }

    /** The programs in Go are Debian's. */
    @ParameterizedTest
    @EnumSource(RedirectMode.class)
    void filesOfRunningProgramsStayAsTheyAre(RedirectMode mode) throws Exception {
        Map<String, byte[]> files = GuestProgram.HASHES.build(directory);
        byte[] script = Files.readAllBytes(SCRIPTS.resolve("files.sh"));
        List<String> packages = List.of("bash", "python3", "perl-base", "fzf", "gosu");
        String output = run(mode, packages, script, files, "");
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
        // One of them with the vsyscall page, which Debian's kernels have only on demand.
        String parameters = program == GuestProgram.SYSCALLS_MUSL ? " vsyscall=xonly" : "";
        return run(mode, program.packages(), bytes, files, parameters);
    }

    private String run(
            RedirectMode mode,
            List<String> packages,
            byte[] script,
            Map<String, byte[]> files,
            String parameters)
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
                        "quiet" + parameters)) {
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
                .map(l -> l.substring("ok ".length()).strip())
                .toList();
    }
}
