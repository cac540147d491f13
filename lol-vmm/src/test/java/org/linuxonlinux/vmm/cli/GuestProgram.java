// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** A program of {@code src/test/guest} in one of the ways to build it. */
enum GuestProgram {
    /** glibc, static. */
    SYSCALLS("syscalls.c", "gcc", "-static"),
    /** glibc, a position-independent program with its dynamic linker. */
    SYSCALLS_DYNAMIC("syscalls.c", "gcc", "-pie", "-fPIE"),
    /** musl, static. */
    SYSCALLS_MUSL("syscalls.c", "musl-gcc", "-static"),
    /** 32-bit code, without a C library. */
    COMPAT(
            "compat.c",
            "gcc",
            "-m32",
            "-static",
            "-nostdlib",
            "-ffreestanding",
            "-fno-pie",
            "-no-pie",
            "-fno-stack-protector"),
    SIGNALS("signals.c", "gcc", "-static", "-pthread"),
    REWRITTEN("rewritten.c", "gcc"),
    HOTLOOP("hotloop.c", "gcc", "-static", "-g"),
    HASHES("hashes.c", "gcc", "-static");

    private static final Path SOURCES = Path.of("src", "test", "guest");

    private final String source;
    private final String compiler;

    GuestProgram(String source, String... compiler) {
        this.source = source;
        this.compiler = String.join(" ", compiler);
    }

    /** Its file's name in the guest. */
    String fileName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Packages that it needs in the guest. */
    List<String> packages() {
        return compiler.contains("-static") ? List.of() : List.of("libc6");
    }

    /**
     * Builds it, with the libraries it loads; skips the test where the compiler is not installed.
     *
     * @return files by name
     */
    Map<String, byte[]> build(Path directory) throws IOException, InterruptedException {
        Map<String, byte[]> files = new TreeMap<>();
        files.put(fileName(), compile(directory, fileName(), source, List.of()));
        if (this == REWRITTEN) {
            List<String> shared = List.of("-shared", "-fPIC");
            files.put("libsite-a.so", library(directory, "libsite-a.so", shared, 39));
            files.put("libsite-b.so", library(directory, "libsite-b.so", shared, 110));
        }
        return files;
    }

    private byte[] library(Path directory, String name, List<String> flags, int number)
            throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(flags);
        all.add("-DNUMBER=" + number);
        return compile(directory, name, "site.c", all);
    }

    private byte[] compile(Path directory, String name, String from, List<String> more)
            throws IOException, InterruptedException {
        Path output = directory.resolve(name);
        List<String> command = new ArrayList<>(List.of(compiler.split(" ")));
        command.addAll(List.of("-O1", "-Wall", "-Wextra", "-Werror"));
        command.addAll(more);
        command.addAll(List.of("-o", output.toString(), SOURCES.resolve(from).toString()));
        try {
            assertEquals(
                    0,
                    new ProcessBuilder(command).inheritIO().start().waitFor(),
                    () -> "failed: " + String.join(" ", command));
        } catch (IOException e) {
            assumeTrue(false, command.get(0) + " is not installed: " + e.getMessage());
        }
        return Files.readAllBytes(output);
    }

    /** Runs it on the host, from where it has been built; returns what it printed. */
    String runOnHost(Path directory, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(directory.resolve(fileName()).toString());
        command.addAll(Arrays.asList(arguments));
        Path output = directory.resolve(fileName() + ".output");
        int status =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start()
                        .waitFor();
        String text = Files.readString(output);
        assertEquals(0, status, text);
        return text;
    }
}
