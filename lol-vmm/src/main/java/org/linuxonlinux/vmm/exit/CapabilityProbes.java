// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.linuxonlinux.host.Errno;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.NativeMemory;
import org.linuxonlinux.redirect.HostCapabilities;

/** Asks the host for {@link HostCapabilities}: a few host calls, and no process is started. */
public final class CapabilityProbes {
    private static final Path YAMA_SCOPE = Path.of("/proc/sys/kernel/yama/ptrace_scope");

    /**
     * Yama's "no attach": nobody traces anything (Linux Documentation/admin-guide/LSM/Yama.rst).
     */
    private static final String NO_ATTACH = "3";

    private static final int PTRACE_SEIZE = 0x4206;

    /** No process has it, so that a host that allows ptrace answers ESRCH. */
    private static final int NO_PID = 0;

    private CapabilityProbes() {}

    /** Runs all probes. */
    public static HostCapabilities probe() {
        return new HostCapabilities(hasSeccompFilters(), hasUserDispatch(), allowsTracing());
    }

    /** Whether filters can trap calls and kill processes (Linux 4.14). */
    public static boolean hasSeccompFilters() {
        return hasAction(HostAbi.SECCOMP_RET_TRAP) && hasAction(HostAbi.SECCOMP_RET_KILL_PROCESS);
    }

    private static boolean hasAction(int action) {
        try (NativeMemory argument = NativeMemory.allocate(Integer.BYTES)) {
            argument.putInt(0, action);
            return !Errno.isError(
                    HostCalls.rawSyscall(
                            HostAbi.SYS_seccomp,
                            HostAbi.SECCOMP_GET_ACTION_AVAIL,
                            0,
                            argument.hva(),
                            0,
                            0));
        }
    }

    /** Whether the calling thread is under a seccomp filter, as in most containers. */
    static boolean isUnderFilter() {
        return HostCalls.rawSyscall(HostAbi.SYS_prctl, HostAbi.PR_GET_SECCOMP, 0, 0, 0, 0) > 0;
    }

    /** Whether there is syscall user dispatch (Linux 5.11). */
    public static boolean hasUserDispatch() {
        return !Errno.isError(
                HostCalls.rawSyscall(
                        HostAbi.SYS_prctl,
                        HostAbi.PR_SET_SYSCALL_USER_DISPATCH,
                        HostAbi.PR_SYS_DISPATCH_OFF,
                        0,
                        0,
                        0));
    }

    /**
     * Whether tracing seems to be allowed. What a security module thinks of one process in
     * particular shows only when it is traced.
     */
    private static boolean allowsTracing() {
        try {
            if (Files.readString(YAMA_SCOPE).strip().equals(NO_ATTACH)) {
                return false;
            }
        } catch (IOException e) {
            // No Yama, or no /proc: the call itself tells.
        }
        return HostCalls.rawSyscall(HostAbi.SYS_ptrace, PTRACE_SEIZE, NO_PID, 0, 0, 0)
                == -HostAbi.ESRCH;
    }
}
