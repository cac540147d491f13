// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Optional;
import java.util.Set;

/**
 * A mechanism that catches the system calls of guest user code. The machine asks it what to build:
 * with a tracer or without, with patched call sites or without.
 */
public sealed interface SyscallRedirector
        permits PtraceRedirector, SigsysRedirector, GateRedirector {
    /** The mechanism's name. */
    RedirectMode mode();

    /**
     * Whether a tracer sees every stop of the context process. Otherwise the process handles its
     * signals itself, and debuggers may attach to it.
     */
    boolean needsTracer();

    /** Whether call sites in user code are patched, in private copies of their pages. */
    boolean patchesCallSites();

    /** What it cannot do without. */
    Set<HostFeature> needs();

    /** The mechanism of a name. */
    static SyscallRedirector of(RedirectMode mode) {
        return switch (mode) {
            case PTRACE -> new PtraceRedirector();
            case SIGSYS -> new SigsysRedirector();
            case GATE -> new GateRedirector();
        };
    }

    /** What it needs and the host does not offer; empty if it can be used there. */
    default Optional<HostFeature> lackingOn(HostCapabilities host) {
        return needs().stream().filter(feature -> !host.has(feature)).sorted().findFirst();
    }
}
