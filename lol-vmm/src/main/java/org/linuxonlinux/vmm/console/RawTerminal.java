// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.util.Optional;

/** The controlling terminal in raw mode. */
final class RawTerminal {
    private RawTerminal() {}

    /** Makes standard input raw, if it is a terminal. */
    static Optional<RawTerminal> takeOver() {
        return Optional.empty();
    }

    /** Puts the terminal back as it was. Any thread; repeating it is harmless. */
    void restore() {}
}
