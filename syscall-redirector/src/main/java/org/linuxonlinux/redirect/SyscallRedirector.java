// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.Optional;

/** A way to catch system calls of guest user code: what it is and what it needs of the host. */
public interface SyscallRedirector {
    /** The mechanism as named on the command line. */
    RedirectMode mode();

    /** Whether the monitor traces the context process; otherwise the gate handles its signals. */
    boolean needsTracer();

    /** Whether call sites are rewritten once they have been seen. */
    boolean patchesCallSites();

    /** What of its needs the host lacks, for a message; empty if it can be used there. */
    Optional<String> lackOf(HostCapabilities host);
}
