// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

/** What a host may or may not offer to catch system calls with. */
public enum HostFeature {
    /**
     * Seccomp filters that can raise SIGSYS and kill the process. Without one a guest program that
     * jumps into the gate could make any host call, so that nothing runs there without a tracer.
     */
    SECCOMP_FILTER("seccomp filters"),
    /** PR_SET_SYSCALL_USER_DISPATCH (Linux 5.11): SIGSYS at less cost than by a filter. */
    USER_DISPATCH("syscall user dispatch"),
    /** A child process may be traced. */
    PTRACE("ptrace");

    private final String text;

    HostFeature(String text) {
        this.text = text;
    }

    /** For messages. */
    public String text() {
        return text;
    }
}
