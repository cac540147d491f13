// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Locale;

/**
 * The mechanisms that catch a guest {@code syscall}, the slowest first; their names in lower case
 * are the values of {@code --redirect}.
 */
public enum RedirectMode {
    /** PTRACE_SYSEMU: the tracer sees every system call. Works on every host that allows ptrace. */
    PTRACE,
    /**
     * No tracer: the call raises SIGSYS in the context process, whose handler enters the guest
     * kernel. Needs seccomp.
     */
    SIGSYS,
    /**
     * As {@link #SIGSYS}, but call sites that have raised it are patched to jump into the gate, so
     * that the next call enters the guest kernel without the host's.
     */
    GATE;

    /** The value of {@code --redirect}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
