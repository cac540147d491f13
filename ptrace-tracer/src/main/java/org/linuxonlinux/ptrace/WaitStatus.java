// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import org.linuxonlinux.host.HostAbi;

/**
 * Readers of the status word that {@link TracedProcess#await} returns; no objects are made.
 *
 * <pre>
 *   stopped   event &lt;&lt; 16 | signal &lt;&lt; 8 | 0x7f       signal | 0x80 at a system call
 *   exited    code &lt;&lt; 8
 *   killed    signal (| 0x80 with a core dump)
 * </pre>
 *
 * <p>Source: wait(2), ptrace(2).
 */
public final class WaitStatus {
    /** What happened; see {@link #kind}. */
    public enum Kind {
        /**
         * Stopped at a system call: {@code SYSCALL} and {@code SYSEMU} modes, or a seccomp filter
         * that says {@code SECCOMP_RET_TRACE}.
         */
        SYSCALL,
        /** A signal is about to be delivered: fault, trap, kick or a signal from outside. */
        SIGNAL,
        /** Stopped by {@code PTRACE_INTERRUPT} or job control. */
        EVENT,
        /** Ended by {@code exit}. */
        EXITED,
        /** Ended by a signal. */
        KILLED
    }

    private WaitStatus() {}

    /** The kind of event a status stands for. */
    public static Kind kind(int status) {
        if ((status & 0xff) == 0x7f) {
            if (status >>> 16 != 0) {
                return event(status) == PtraceAbi.PTRACE_EVENT_SECCOMP ? Kind.SYSCALL : Kind.EVENT;
            }
            return isSyscallStop(status) ? Kind.SYSCALL : Kind.SIGNAL;
        }
        return (status & 0x7f) == 0 ? Kind.EXITED : Kind.KILLED;
    }

    /** Whether the process is stopped and can be inspected. */
    public static boolean isStopped(int status) {
        return (status & 0xff) == 0x7f;
    }

    /** Whether the process has ended. */
    public static boolean hasEnded(int status) {
        return !isStopped(status);
    }

    /** Whether it is stopped at a system call. */
    public static boolean isSyscallStop(int status) {
        return (status & 0xff) == 0x7f
                && status >>> 8 == (HostAbi.SIGTRAP | PtraceAbi.SYSCALL_STOP_BIT);
    }

    /** Whether it is stopped because a given signal is about to be delivered. */
    public static boolean isSignalStop(int status, int signal) {
        return status == (signal << 8 | 0x7f);
    }

    /** The signal of a stop, without the system-call bit. */
    public static int stopSignal(int status) {
        return (status >>> 8) & 0x7f;
    }

    /** The {@code PTRACE_EVENT_*} number of a stop, 0 if none. */
    public static int event(int status) {
        return status >>> 16;
    }

    /** The exit code of a process that has exited. */
    public static int exitCode(int status) {
        return (status >>> 8) & 0xff;
    }

    /** The signal that killed a process. */
    public static int killSignal(int status) {
        return status & 0x7f;
    }

    static int ofSignalStop(int signal) {
        return signal << 8 | 0x7f;
    }

    /** For messages: {@code stopped by signal 11}. */
    public static String describe(int status) {
        return switch (kind(status)) {
            case SYSCALL -> "stopped at a system call";
            case SIGNAL -> "stopped by signal " + stopSignal(status);
            case EVENT -> "stopped by event " + event(status);
            case EXITED -> "exited with " + exitCode(status);
            case KILLED -> "killed by signal " + killSignal(status);
        };
    }
}
