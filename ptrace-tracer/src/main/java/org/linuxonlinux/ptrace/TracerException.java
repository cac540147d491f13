// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;

/** A request to a traced process that was refused, or that found it dead or in the wrong state. */
public final class TracerException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private static final String NOT_PERMITTED =
            "; this host forbids tracing a child process: /proc/sys/kernel/yama/ptrace_scope must"
                    + " be 0 or 1, a container needs a seccomp profile that allows ptrace (Docker:"
                    + " --cap-add=SYS_PTRACE), SELinux must not have deny_ptrace on";

    private final int errno;

    TracerException(String message) {
        super(message);
        this.errno = 0;
    }

    TracerException(String what, int pid, HostCallException cause) {
        super(
                "cannot "
                        + what
                        + ": pid="
                        + pid
                        + ", call="
                        + cause.call()
                        + ", "
                        + cause.errnoFact()
                        + (cause.errno() == HostAbi.EPERM ? NOT_PERMITTED : ""),
                cause);
        this.errno = cause.errno();
    }

    /** The error number of the refused call, 0 if the kernel refused nothing. */
    public int errno() {
        return errno;
    }

    /** Whether the process has died; {@code await} tells how. */
    public boolean isGone() {
        return errno == HostAbi.ESRCH;
    }

    /** Whether the host's security policy forbids tracing. */
    public boolean isNotPermitted() {
        return errno == HostAbi.EPERM;
    }
}
