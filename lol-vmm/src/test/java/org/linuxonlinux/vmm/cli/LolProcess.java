// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * The launcher, run on what Maven has just built. Collects what it prints; every failure comes with
 * all of that.
 */
final class LolProcess implements AutoCloseable {
    private static final Path LAUNCHER = Path.of("..", "lol").toAbsolutePath().normalize();
    private static final Path BUILD = Path.of("target").toAbsolutePath();

    private final Process process;
    private final Collected output = new Collected();
    private final Collected errors = new Collected();
    private final Thread outputReader;
    private final Thread errorReader;

    /** Text that one thread adds to and another reads. */
    private static final class Collected {
        private final StringBuilder text = new StringBuilder(); // guarded by this

        synchronized void append(String more) {
            text.append(more);
        }

        synchronized int indexOf(String wanted, int from) {
            return text.indexOf(wanted, from);
        }

        @Override
        public synchronized String toString() {
            return text.toString();
        }
    }

    /** The mechanism to run all guests with that no test gives one; empty = the default one. */
    private static final String REDIRECT = System.getProperty("lol.redirect", "");

    private LolProcess(List<String> command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(withRedirect(command));
        builder.environment().put("LOL_APP", BUILD.toString());
        builder.environment().put("TERM", "vt100");
        process = builder.start();
        outputReader = collect(process.getInputStream(), output);
        errorReader = collect(process.getErrorStream(), errors);
    }

    private static List<String> withRedirect(List<String> command) {
        String all = String.join(" ", command);
        if (REDIRECT.isEmpty() || all.contains("--redirect")) {
            return command;
        }
        String option = "--redirect=" + REDIRECT;
        List<String> changed = new ArrayList<>(command);
        int run = changed.indexOf("run");
        if (run > 0 && changed.get(run - 1).equals(LAUNCHER.toString())) {
            changed.add(run + 1, option);
        }
        changed.replaceAll(word -> word.replace("$LOL run", "$LOL run " + option));
        return changed;
    }

    /** Starts {@code lol} with pipes; standard input stays open. */
    static LolProcess start(String... arguments) throws IOException {
        return startBelow(List.of(), arguments);
    }

    /** As {@link #start}, as the argument of another command. */
    static LolProcess startBelow(List<String> prefix, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.add(LAUNCHER.toString());
        command.addAll(List.of(arguments));
        return new LolProcess(command);
    }

    /** Starts {@code lol} with its standard input at its end from the beginning. */
    static LolProcess startWithoutInput(String... arguments) throws IOException {
        LolProcess lol = start(arguments);
        lol.closeInput();
        return lol;
    }

    /** Starts {@code lol} without input, with a cache directory of its own. */
    static LolProcess startWithCache(Path cacheHome, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.addAll(List.of("env", "XDG_CACHE_HOME=" + cacheHome, LAUNCHER.toString()));
        command.addAll(List.of(arguments));
        LolProcess lol = new LolProcess(command);
        lol.closeInput();
        return lol;
    }

    /** Runs a shell command on a pseudo-terminal; {@code $LOL} is the launcher. */
    static LolProcess startOnTerminal(String shellCommand, Path directory) throws IOException {
        return new LolProcess(
                List.of(
                        "script",
                        "-qec",
                        "cd '"
                                + directory
                                + "'; LOL='"
                                + LAUNCHER
                                + "'; stty rows 40 cols 120; "
                                + shellCommand,
                        "/dev/null"));
    }

    /**
     * Runs a shell script as root of a mount namespace of its own; {@code $LOL} is the launcher.
     */
    static LolProcess startInMountNamespace(String script, Path directory) throws IOException {
        String prologue = "cd '" + directory + "' || exit 99; LOL='" + LAUNCHER + "'; ";
        return new LolProcess(List.of("unshare", "-m", "sh", "-c", prologue + script));
    }

    private static Thread collect(InputStream in, Collected into) {
        Thread thread =
                new Thread(
                        () -> {
                            byte[] bytes = new byte[8192];
                            try {
                                for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
                                    into.append(
                                            new String(bytes, 0, n, StandardCharsets.ISO_8859_1));
                                }
                            } catch (IOException e) {
                                into.append("(cannot read: " + e + ")");
                            }
                        });
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    /** Ends its standard input. */
    void closeInput() throws IOException {
        process.getOutputStream().close();
    }

    /** Types a text. */
    void type(String text) throws IOException {
        process.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
        process.getOutputStream().flush();
    }

    /**
     * Waits until the output after position {@code from} contains {@code text}; returns the
     * position after it.
     */
    int await(String text, int from, Duration limit) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        while (true) {
            int at = output.indexOf(text, from);
            if (at >= 0) {
                return at + text.length();
            }
            if (System.nanoTime() > end || !process.isAlive()) {
                outputReader.join(1000);
                at = output.indexOf(text, from);
                if (at >= 0) {
                    return at + text.length();
                }
                throw new AssertionError(
                        (process.isAlive() ? "no '" : "ended without '")
                                + text
                                + "' after "
                                + limit
                                + transcript());
            }
            Thread.sleep(10);
        }
    }

    /** Waits for the end and returns the exit status. */
    int exitStatus(Duration limit) throws InterruptedException {
        if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new AssertionError("still runs after " + limit + transcript());
        }
        outputReader.join(2000);
        errorReader.join(2000);
        return process.exitValue();
    }

    /** What it printed on standard output. */
    String output() {
        return output.toString();
    }

    /** What it printed on standard error. */
    String errors() {
        return errors.toString();
    }

    /** Everything printed, for the message of a failed assertion. */
    String transcript() {
        return "\n--- standard output:\n" + output + "\n--- standard error:\n" + errors;
    }

    /** The first process below this one that {@code test} accepts. */
    ProcessHandle descendant(Predicate<ProcessHandle> test) {
        return process.descendants()
                .filter(test)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no such process" + transcript()));
    }

    /** The JVM below the launcher. */
    ProcessHandle monitor() {
        return descendant(
                p ->
                        p.info()
                                        .command()
                                        .map(c -> Path.of(c).getFileName().toString())
                                        .orElse("")
                                        .equals("java")
                                && commandLine(p).contains(Main.class.getName()));
    }

    private static String commandLine(ProcessHandle p) {
        try {
            return Files.readString(
                    Path.of("/proc", Long.toString(p.pid()), "cmdline"),
                    StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
