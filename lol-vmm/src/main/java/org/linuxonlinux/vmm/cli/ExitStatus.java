// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

/** The process's exit statuses. Also the table in the manual page. */
enum ExitStatus {
    OK(0, "The guest switched itself off, or was ended with Ctrl-a x."),
    BAD_INPUT(2, "Wrong usage, or an input file that cannot be used."),
    HOST_LACKS(3, "The host lacks something; lol doctor says what."),
    MONITOR_BUG(70, "A bug in the monitor; the message names a file with its state."),
    TIMEOUT(124, "The time given with --timeout was up."),
    GUEST_DIED(255, "The guest died: kernel panic, triple fault, or a jump to nowhere.");

    private final int code;
    private final String meaning;

    ExitStatus(int code, String meaning) {
        this.code = code;
        this.meaning = meaning;
    }

    /** What exit(2) gets. */
    int code() {
        return code;
    }

    /** One sentence. */
    String meaning() {
        return meaning;
    }
}
