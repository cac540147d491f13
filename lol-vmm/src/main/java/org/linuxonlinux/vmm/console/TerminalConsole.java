// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.util.List;
import java.util.Optional;
import org.linuxonlinux.host.HostCalls;

/**
 * The guest's serial line on this process's standard input and output. If standard input is a
 * terminal, it is raw until {@link #close}, Ctrl-a commands are obeyed, and the terminal is
 * restored on every way out of the JVM but SIGKILL (for which the launcher script stands by).
 */
public final class TerminalConsole implements ConsoleBackend, AutoCloseable {
    /** Lines kept for error reports. Arbitrary: an oops with its stack trace. */
    private static final int RECENT_LINES = 60;

    /** How long {@link #close} waits for a reader that takes nothing. Arbitrary. */
    private static final long CLOSE_TIMEOUT_NANOS = 2_000_000_000L;

    private final RecentLines recent = new RecentLines(RECENT_LINES);
    private final Listener listener;
    private final Optional<RawTerminal> terminal;
    private final OutputPump output;
    private final InputPump input;

    /** Told of what happens at the user's end. */
    public interface Listener {
        /**
         * The user pressed Ctrl-a x, the terminal went away, or nobody reads the output any more.
         * Any thread.
         */
        void onEndRequested(String reason);
    }

    /** Takes over standard input and output. */
    public TerminalConsole(Listener listener) {
        this.listener = listener;
        this.terminal = RawTerminal.takeOver();
        this.output =
                new OutputPump(
                        new FileOutputStream(FileDescriptor.out),
                        recent,
                        () -> listener.onEndRequested("nobody reads the console output"));
        this.input =
                new InputPump(
                        new FileInputStream(FileDescriptor.in),
                        terminal.isPresent() ? new EscapeFilter(this::onCommand) : null,
                        output::lastOutputNanos,
                        () -> listener.onEndRequested("the terminal has gone"));
    }

    private void onCommand(EscapeFilter.Command command) {
        switch (command) {
            case END -> listener.onEndRequested("Ctrl-a x");
            case HELP -> output.putMessage("\n" + EscapeFilter.HELP_TEXT);
        }
    }

    @Override
    public void transmit(byte value) {
        output.put(value);
    }

    @Override
    public void attach(ConsoleInput guest) {
        input.start(guest);
    }

    /** The last lines of output, oldest first. */
    public List<String> recentLines() {
        return recent.list();
    }

    /** Lets go of a vCPU thread that waits for the reader of the output. */
    public void stopWaiting() {
        output.stopWaiting();
    }

    /**
     * Kernel parameters by which the init of the default guest learns about the console: a serial
     * line has no other way to say how large the window is, or that there is none.
     */
    public static String kernelParameters() {
        return RawTerminal.windowSize()
                .map(
                        size ->
                                "lol.rows="
                                        + size.rows()
                                        + " lol.cols="
                                        + size.columns()
                                        + termParameter())
                .orElse(HostCalls.isatty(0) ? "" : "lol.input=pipe");
    }

    private static String termParameter() {
        String term = System.getenv("TERM");
        return term != null && term.matches("[\\w.+-]+") ? " lol.term=" + term : "";
    }

    /** Restores the terminal at once; for a process that is about to end. Any thread. */
    public void restoreTerminal() {
        terminal.ifPresent(RawTerminal::restore);
    }

    /** Writes what is left and restores the terminal. */
    @Override
    public void close() {
        output.close(CLOSE_TIMEOUT_NANOS);
        restoreTerminal();
    }
}
