// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Set;

/** Every system call stops the process for its tracer. Seccomp confines it where the host can. */
record PtraceRedirector() implements SyscallRedirector {
    @Override
    public RedirectMode mode() {
        return RedirectMode.PTRACE;
    }

    @Override
    public boolean needsTracer() {
        return true;
    }

    @Override
    public boolean patchesCallSites() {
        return false;
    }

    @Override
    public Set<HostFeature> needs() {
        return Set.of(HostFeature.PTRACE);
    }
}
