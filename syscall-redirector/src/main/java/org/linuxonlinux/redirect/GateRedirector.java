// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Set;

/** As {@link SigsysRedirector}, for the first call of each site and for those not patchable. */
record GateRedirector() implements SyscallRedirector {
    @Override
    public RedirectMode mode() {
        return RedirectMode.GATE;
    }

    @Override
    public boolean needsTracer() {
        return false;
    }

    /** TODO(issue 3): true as soon as the machine has call sites patched. */
    @Override
    public boolean patchesCallSites() {
        return false;
    }

    @Override
    public Set<HostFeature> needs() {
        return Set.of(HostFeature.SECCOMP_FILTER);
    }
}
