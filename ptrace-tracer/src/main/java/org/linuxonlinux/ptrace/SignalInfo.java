// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import org.linuxonlinux.host.NativeMemory;

/**
 * {@code siginfo_t} of the signal a process is stopped by; reused, no access allocates.
 *
 * <pre>
 *   byte 0 si_signo   4 si_errno   8 si_code   16 si_addr or si_pid
 * </pre>
 *
 * <p>A page fault at a canonical address has {@code SEGV_MAPERR} or {@code SEGV_ACCERR} and the
 * address. A general-protection fault (non-canonical address, privileged instruction) has {@code
 * SI_KERNEL} and address 0. Whether a fault was a read, a write or a fetch is not told.
 *
 * <p>Source: Linux v6.1 {@code include/uapi/asm-generic/siginfo.h}.
 */
public final class SignalInfo implements AutoCloseable {
    /** Sent by {@code kill}. */
    public static final int SI_USER = 0;

    /** Sent by the kernel, without details. */
    public static final int SI_KERNEL = 0x80;

    /** SIGSEGV: nothing mapped at the address. */
    public static final int SEGV_MAPERR = 1;

    /** SIGSEGV: the mapping does not permit the access. */
    public static final int SEGV_ACCERR = 2;

    /** SIGTRAP: single step. */
    public static final int TRAP_TRACE = 2;

    private static final int SI_SIGNO = 0;
    private static final int SI_CODE = 8;
    private static final int SI_ADDR = 16;
    private static final int SI_PID = 16;
    private static final int STRUCT_BYTES = 128;

    private final NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES);

    /** An empty record. */
    public SignalInfo() {}

    long hva() {
        return memory.hva();
    }

    /** Makes this the record of a signal whose details were consumed earlier. */
    void setBare(int signal) {
        for (int offset = 0; offset < STRUCT_BYTES; offset += 8) {
            memory.putLong(offset, 0);
        }
        memory.putInt(SI_SIGNO, signal);
    }

    /** Signal number. */
    public int signo() {
        return memory.getInt(SI_SIGNO);
    }

    /** Why: one of the constants above or another {@code si_code}. */
    public int code() {
        return memory.getInt(SI_CODE);
    }

    /** Fault address of SIGSEGV, SIGBUS; instruction address of SIGILL, SIGFPE, SIGTRAP. */
    public long faultHva() {
        return memory.getLong(SI_ADDR);
    }

    /** Sender of a signal with {@link #SI_USER}. */
    public int senderPid() {
        return memory.getInt(SI_PID);
    }

    @Override
    public void close() {
        memory.close();
    }

    @Override
    public String toString() {
        return String.format("signo=%d, code=%d, faultHva=0x%x", signo(), code(), faultHva());
    }
}
