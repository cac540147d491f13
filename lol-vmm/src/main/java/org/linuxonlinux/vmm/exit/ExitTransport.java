// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;

/**
 * Carries a vCPU's registers between its context process and the monitor.
 *
 * <p>All methods but {@link #kick} belong to the vCPU thread. Between {@link #run} calls the
 * context process is stopped.
 */
public interface ExitTransport extends AutoCloseable {
    /** Why the context process stopped. */
    enum Stop {
        /** An exit stub ran: reason and details are in the vCPU page. */
        EXIT,
        /** User code executed a system-call instruction, which had no effect on the host. */
        SYSCALL,
        /** A fault; {@link #signal()} and what follows tell which. */
        FAULT,
        /** {@link #kick} or another harmless signal. */
        KICK,
        /** One host instruction was executed, as asked for. */
        STEP
    }

    /**
     * Executes the queued mapping commands, lets the context process go on and waits for its next
     * stop.
     *
     * @param singleStep stop after one host instruction
     */
    Stop run(boolean singleStep);

    /**
     * Binds the context process and the calling thread to one host CPU: handing over on one CPU
     * costs 8 µs, across two 48 µs (DESIGN §6). CPU 0 where the host permits it, because RDPID in
     * user mode tells the host's CPU number.
     */
    void pin();

    /** Host RIP of the stop. */
    long hostRip();

    /** Whether guest kernel code (or the gate) was running. */
    boolean inKernelMode();

    /**
     * Fills in the guest's registers as of the stop. In kernel mode after a FAULT, KICK or STEP,
     * RIP is left alone and an {@code Undo} may have to be applied.
     */
    void load(GuestState state);

    /** Makes the next {@link #run} start from these registers at a host RIP. */
    void enterAt(GuestState state, long hostRip);

    /** The monitor changed guest base registers in the vCPU page. */
    void basesChanged();

    /**
     * Where in the vsyscall page a SYSCALL stop is a call to; 0 = it is an instruction's. The host
     * has returned from such a call, without effect.
     */
    long vsyscallRip();

    /** Signal number of a FAULT. */
    int signal();

    /** si_code of a FAULT. */
    int signalCode();

    /** For a signal that neither the guest nor the monitor can have caused. */
    static GuestDiedException sentFromOutside(int signal) {
        return new GuestDiedException(
                "context process ended from outside: signal " + signal + " was sent to it");
    }

    /** {@link #errorCode}: it is not known. */
    int NO_ERROR_CODE = -1;

    /** The page-fault error code of a FAULT that is one, or {@link #NO_ERROR_CODE}. */
    int errorCode();

    /** si_addr of a FAULT. */
    long faultHva();

    /**
     * Where the guest's kernel takes 64-bit system calls and which flags it wants cleared, for
     * transports that enter it by themselves.
     */
    void setSystemCallEntry(long entryRip, long flagMask);

    /** Makes a running or about to run context process stop soon. Any thread. */
    void kick();

    /** Whether a kick has come since the last call that no KICK stop has told of. */
    boolean takeKick();

    /** System calls caught so far. */
    long systemCalls();

    @Override
    void close();
}
