// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import org.linuxonlinux.host.Errno;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;

/**
 * A stopped process borrowed for system calls; from {@link TracedProcess#borrow}.
 *
 * <p>Each call costs one run of the process: three ptrace requests, one wait, two context switches.
 * Signals that arrive meanwhile, kicks included, are kept and reported by the next {@code await}.
 *
 * <p>{@link #close} puts the registers back as they were.
 */
public final class RemoteCalls implements AutoCloseable {
    private static final long RFLAGS_RESERVED_ONE = 2;

    private final TracedProcess process;
    private final RegisterSet saved = new RegisterSet();
    private boolean isOpen;

    RemoteCalls(TracedProcess process) {
        this.process = process;
    }

    void open() {
        if (isOpen) {
            throw new IllegalStateException("process is already borrowed: " + process);
        }
        process.getRegisters(saved);
        isOpen = true;
    }

    /** Any system call; the kernel's result, a negative error number on failure. */
    public long call(int number, long a0, long a1, long a2, long a3, long a4, long a5) {
        if (!isOpen) {
            throw new IllegalStateException("process is not borrowed: " + process);
        }
        RegisterSet registers = process.callRegisters();
        registers.copyFrom(saved);
        registers.setRflags(RFLAGS_RESERVED_ONE);
        registers.setRax(number);
        registers.setRaw(RegisterSet.RDI, a0);
        registers.setRaw(RegisterSet.RSI, a1);
        registers.setRaw(RegisterSet.RDX, a2);
        registers.setRaw(RegisterSet.R10, a3);
        registers.setRaw(RegisterSet.R8, a4);
        registers.setRaw(RegisterSet.R9, a5);
        process.runSyscall(registers);
        return registers.rax();
    }

    private long checked(String name, long hva, long sizeBytes, long result) {
        if (Errno.isError(result)) {
            throw new HostCallException(
                    "remote " + name,
                    (int) -result,
                    String.format(
                            "pid=%d, hva=0x%x, sizeBytes=0x%x", process.pid(), hva, sizeBytes));
        }
        return result;
    }

    /** {@code mmap} in the process; {@code fd} is its own descriptor number. Throws on failure. */
    public long mmap(
            long hva, long sizeBytes, int protection, int flags, int fd, long offsetBytes) {
        return checked(
                "mmap",
                hva,
                sizeBytes,
                call(HostAbi.SYS_mmap, hva, sizeBytes, protection, flags, fd, offsetBytes));
    }

    /** {@code munmap} in the process. Throws on failure. */
    public void munmap(long hva, long sizeBytes) {
        checked("munmap", hva, sizeBytes, call(HostAbi.SYS_munmap, hva, sizeBytes, 0, 0, 0, 0));
    }

    /** {@code mprotect} in the process. Throws on failure. */
    public void mprotect(long hva, long sizeBytes, int protection) {
        checked(
                "mprotect",
                hva,
                sizeBytes,
                call(HostAbi.SYS_mprotect, hva, sizeBytes, protection, 0, 0, 0));
    }

    /** Restores the registers. A second call does nothing, nor does one on an ended process. */
    @Override
    public void close() {
        if (isOpen) {
            isOpen = false;
            if (process.isStopped()) {
                process.setRegisters(saved);
            }
        }
    }

    /** Ends the borrowing without restoring registers: the program they belonged to is gone. */
    void abandon() {
        isOpen = false;
    }

    void free() {
        saved.close();
    }
}
