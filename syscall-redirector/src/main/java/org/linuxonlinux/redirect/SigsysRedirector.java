// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Set;

/**
 * System calls raise SIGSYS: by syscall user dispatch, or by the seccomp filter where the host has
 * no dispatch. The filter confines the process in both cases and is never left out.
 */
record SigsysRedirector() implements SyscallRedirector {
    @Override
    public RedirectMode mode() {
        return RedirectMode.SIGSYS;
    }

    @Override
    public boolean needsTracer() {
        return false;
    }

    @Override
    public boolean patchesCallSites() {
        return false;
    }

    @Override
    public Set<HostFeature> needs() {
        return Set.of(HostFeature.SECCOMP_FILTER);
    }
}
