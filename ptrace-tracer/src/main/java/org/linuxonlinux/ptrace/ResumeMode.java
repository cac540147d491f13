// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

/** How far a resumed process runs. */
public enum ResumeMode {
    /** Until a signal. System calls are executed. */
    CONT(PtraceAbi.PTRACE_CONT),
    /** Until a signal or a system call, which stops before and after its execution. */
    SYSCALL(PtraceAbi.PTRACE_SYSCALL),
    /** Until a signal or a system call, which is not executed: the tracer answers it. */
    SYSEMU(PtraceAbi.PTRACE_SYSEMU),
    /** One instruction. System calls are executed. */
    SINGLESTEP(PtraceAbi.PTRACE_SINGLESTEP),
    /** One instruction; a system call is not executed but stops as with {@link #SYSEMU}. */
    SYSEMU_SINGLESTEP(PtraceAbi.PTRACE_SYSEMU_SINGLESTEP);

    private final int request;

    ResumeMode(int request) {
        this.request = request;
    }

    int request() {
        return request;
    }
}
