// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.util.Optional;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.Termios;
import org.linuxonlinux.host.WindowSize;

/** The terminal on standard input, in raw mode until it is restored. */
final class RawTerminal {
    private static final int STDIN = 0;

    private final Termios saved;

    private RawTerminal(Termios saved) {
        this.saved = saved;
    }

    /** Makes standard input raw; empty if it is no terminal, or one that does not let us. */
    static Optional<RawTerminal> takeOver() {
        if (!HostCalls.isatty(STDIN)) {
            return Optional.empty();
        }
        try {
            Termios saved = Termios.get(STDIN);
            saved.raw().set(STDIN);
            return Optional.of(new RawTerminal(saved));
        } catch (HostCallException e) {
            // A terminal that hung up or belongs to another session: as good as a pipe.
            return Optional.empty();
        }
    }

    /**
     * Rows and columns of the terminal on standard input; empty if there is none or it does not
     * know.
     */
    static Optional<WindowSize> windowSize() {
        if (!HostCalls.isatty(STDIN)) {
            return Optional.empty();
        }
        try {
            WindowSize size = WindowSize.get(STDIN);
            return size.rows() > 0 && size.columns() > 0 ? Optional.of(size) : Optional.empty();
        } catch (HostCallException e) {
            return Optional.empty();
        }
    }

    /** Puts the terminal back as it was. Any thread; repeating it is harmless. */
    void restore() {
        try {
            saved.set(STDIN);
        } catch (HostCallException e) {
            // The terminal has gone, and its settings with it.
            return;
        }
    }
}
