// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

/**
 * Request numbers and options, spelled as in the kernel.
 *
 * <p>Source: Linux v6.1 {@code include/uapi/linux/ptrace.h}, {@code
 * arch/x86/include/uapi/asm/ptrace-abi.h}.
 */
final class PtraceAbi {
    static final int PTRACE_PEEKUSER = 3;
    static final int PTRACE_POKEUSER = 6;
    static final int PTRACE_CONT = 7;
    static final int PTRACE_SINGLESTEP = 9;
    static final int PTRACE_GETREGS = 12;
    static final int PTRACE_SETREGS = 13;
    static final int PTRACE_SYSCALL = 24;
    static final int PTRACE_SYSEMU = 31;
    static final int PTRACE_SYSEMU_SINGLESTEP = 32;
    static final int PTRACE_GETSIGINFO = 0x4202;
    static final int PTRACE_GETREGSET = 0x4204;
    static final int PTRACE_SETREGSET = 0x4205;
    static final int PTRACE_SEIZE = 0x4206;
    static final int PTRACE_INTERRUPT = 0x4207;
    static final int PTRACE_SETSIGMASK = 0x420b;

    static final int PTRACE_O_TRACESYSGOOD = 1;
    static final int PTRACE_O_TRACESECCOMP = 0x80;
    static final int PTRACE_O_EXITKILL = 0x100000;
    static final int PTRACE_EVENT_SECCOMP = 7;
    static final int PTRACE_EVENT_STOP = 128;

    /** Bit that {@code PTRACE_O_TRACESYSGOOD} adds to SIGTRAP at system-call stops. */
    static final int SYSCALL_STOP_BIT = 0x80;

    /** Register set of the integer registers. Source: {@code include/uapi/linux/elf.h}. */
    static final int NT_PRSTATUS = 1;

    /** Register set of the x87, SSE, AVX state. Source: {@code include/uapi/linux/elf.h}. */
    static final int NT_X86_XSTATE = 0x202;

    private PtraceAbi() {}
}
