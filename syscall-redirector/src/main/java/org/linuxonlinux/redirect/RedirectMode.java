// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

/**
 * The mechanisms that catch a guest {@code syscall}; their names in lower case are the values of
 * {@code --redirect}.
 */
public enum RedirectMode {
    /** PTRACE_SYSEMU: the tracer sees every system call. Works on every host that allows ptrace. */
    PTRACE,
    /**
     * No tracer: the call raises SIGSYS in the context process, whose handler enters the guest
     * kernel. Needs seccomp.
     */
    SIGSYS
}
