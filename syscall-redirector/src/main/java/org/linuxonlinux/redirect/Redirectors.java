// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Optional;

/** The redirectors, one for each {@link RedirectMode}; the better ones first. */
public enum Redirectors implements SyscallRedirector {
    /** As {@link #SIGSYS}, with call sites patched that are used often. */
    GATE(RedirectMode.GATE, Traits.TRACERLESS_PATCHING),
    /** Signals of the context process, handled by the gate. */
    SIGSYS(RedirectMode.SIGSYS, Traits.TRACERLESS),
    /** A tracer. */
    PTRACE(RedirectMode.PTRACE, Traits.TRACED);

    private enum Traits {
        TRACED,
        TRACERLESS,
        TRACERLESS_PATCHING
    }

    private final RedirectMode mode;
    private final Traits traits;

    Redirectors(RedirectMode mode, Traits traits) {
        this.mode = mode;
        this.traits = traits;
    }

    /** The one for a mode. */
    public static SyscallRedirector of(RedirectMode mode) {
        for (Redirectors redirector : values()) {
            if (redirector.mode == mode) {
                return redirector;
            }
        }
        throw new IllegalArgumentException("no redirector: mode=" + mode);
    }

    @Override
    public RedirectMode mode() {
        return mode;
    }

    @Override
    public boolean needsTracer() {
        return traits == Traits.TRACED;
    }

    @Override
    public boolean patchesCallSites() {
        return traits == Traits.TRACERLESS_PATCHING;
    }

    /**
     * Without a tracer the filter is what keeps a guest program that jumps into the gate from
     * making host calls, so there is no going without it. Without user dispatch the same filter
     * raises SIGSYS.
     */
    @Override
    public Optional<String> lackOf(HostCapabilities host) {
        if (needsTracer()) {
            return host.tracing() ? Optional.empty() : Optional.of("the host forbids ptrace");
        }
        return host.seccompFilters()
                ? Optional.empty()
                : Optional.of("the host has no seccomp filters");
    }
}
