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
     * Returns what of the {@code length} bytes typed is for the guest; passes commands on as they
     * are met.
     */
    byte[] filter(byte[] typed, int length) {
        ByteArrayOutputStream forGuest = new ByteArrayOutputStream(length + 1);
        for (int i = 0; i < length; i++) {
            byte b = typed[i];
            if (!escaped) {
                escaped = b == CTRL_A;
                if (!escaped) {
                    forGuest.write(b);
                }
                continue;
            }
            escaped = false;
            switch (b) {
                case CTRL_A -> forGuest.write(CTRL_A);
                case 'x', 'X' -> commands.accept(Command.END);
                case 'h', 'H', '?' -> commands.accept(Command.HELP);
                default -> {
                    // Not a command: the guest gets both bytes, so that nothing typed is lost.
                    forGuest.write(CTRL_A);
                    forGuest.write(b);
                }
            }
        }
        return forGuest.toByteArray();
    }
}
