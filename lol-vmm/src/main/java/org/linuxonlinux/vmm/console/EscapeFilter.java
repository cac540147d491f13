// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.io.ByteArrayOutputStream;
import java.util.function.Consumer;

/**
 * Takes the user's commands to the monitor out of what is typed: Ctrl-a followed by a letter. Not
 * thread-safe; used on <i>console-input</i> only.
 */
final class EscapeFilter {
    /** What the user can ask for. */
    enum Command {
        /** Ctrl-a x: end the virtual machine. */
        END,
        /** Ctrl-a h: list the commands. */
        HELP
    }

    /** Lines for Ctrl-a h. */
    static final String HELP_TEXT =
            "Ctrl-a x       end the virtual machine\n"
                    + "Ctrl-a h       this help\n"
                    + "Ctrl-a Ctrl-a  send Ctrl-a to the guest\n";

    private static final byte CTRL_A = 0x01;

    private final Consumer<Command> commands;
    private boolean escaped;

    EscapeFilter(Consumer<Command> commands) {
        this.commands = commands;
    }

    /**
     * Passes on what was typed, in order: bytes to {@code guest}, commands to whoever obeys them.
     */
    void filter(byte[] typed, int length, Consumer<byte[]> guest) {
        ByteArrayOutputStream forGuest = new ByteArrayOutputStream(length + 1);
        for (int i = 0; i < length; i++) {
            byte b = typed[i];
            Command command = escaped ? command(b) : null;
            if (command != null) {
                flush(forGuest, guest);
                commands.accept(command);
            } else if (escaped) {
                // Ctrl-a twice is one for the guest. Not a command: it gets both, nothing typed is
                // lost.
                forGuest.write(CTRL_A);
                if (b != CTRL_A) {
                    forGuest.write(b);
                }
            } else if (b != CTRL_A) {
                forGuest.write(b);
            }
            escaped = !escaped && b == CTRL_A;
        }
        flush(forGuest, guest);
    }

    private static Command command(byte b) {
        return switch (b) {
            case 'x', 'X' -> Command.END;
            case 'h', 'H', '?' -> Command.HELP;
            default -> null;
        };
    }

    private static void flush(ByteArrayOutputStream forGuest, Consumer<byte[]> guest) {
        if (forGuest.size() > 0) {
            guest.accept(forGuest.toByteArray());
            forGuest.reset();
        }
    }
}
