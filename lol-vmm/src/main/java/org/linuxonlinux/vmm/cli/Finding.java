// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

/**
 * One line of {@code lol doctor}.
 *
 * @param name what was looked at
 * @param state how well it serves
 * @param found what the host has
 * @param meaning what that means for guests
 * @param mend how to mend it; empty if there is nothing to mend
 */
record Finding(String name, State state, String found, String meaning, String mend) {
    /** How well the host serves. */
    enum State {
        /** As it should be. */
        OK,
        /** Guests run, but slower or with a limit. */
        WARN,
        /** No guest runs. */
        MISSING,
        /** A fact. */
        INFO
    }

    static Finding ok(String name, String found, String meaning) {
        return new Finding(name, State.OK, found, meaning, "");
    }

    static Finding info(String name, String found, String meaning) {
        return new Finding(name, State.INFO, found, meaning, "");
    }

    static Finding warn(String name, String found, String meaning, String mend) {
        return new Finding(name, State.WARN, found, meaning, mend);
    }

    static Finding missing(String name, String found, String meaning, String mend) {
        return new Finding(name, State.MISSING, found, meaning, mend);
    }
}
