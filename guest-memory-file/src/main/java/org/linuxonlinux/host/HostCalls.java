// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.linuxonlinux.host.HostAbi.*;

import java.nio.charset.StandardCharsets;

/**
 * The host's system calls, one method each.
 *
 * <p>A refused call throws {@link HostCallException} with the call's name, the error number and the
 * arguments that matter. Calls that a signal interrupts are started again unless stated otherwise.
 * No method allocates on success except those that take strings or byte arrays. Memory arguments
 * are addresses in this process ({@code hva}).
 */
public final class HostCalls {
    private HostCalls() {}

    // ---- Any call ----------------------------------------------------------------------------

    /** Any system call with up to five arguments; negative error number on failure. */
    public static long rawSyscall(long number, long a0, long a1, long a2, long a3, long a4) {
        return NativeRoutines.syscall(number, a0, a1, a2, a3, a4);
    }

    /** Any system call with up to five arguments; throws on failure. */
    public static long syscall(long number, long a0, long a1, long a2, long a3, long a4) {
        long result = NativeRoutines.syscall(number, a0, a1, a2, a3, a4);
        if (Errno.isError(result)) {
            throw failure("syscall", result, "nr", number);
        }
        return result;
    }

    private static HostCallException failure(String call, long result, Object... facts) {
        StringBuilder text = new StringBuilder(64);
        for (int i = 0; i < facts.length; i += 2) {
            Object value = facts[i + 1];
            text.append(i == 0 ? "" : ", ").append(facts[i]).append('=');
            if (value instanceof Long number) {
                text.append("0x").append(Long.toHexString(number));
            } else {
                text.append(value);
            }
        }
        return new HostCallException(call, (int) -result, text.toString());
    }

    private static NativeString string(String text) {
        return new NativeString(text);
    }

    /** A zero-terminated copy of a string outside the Java heap. */
    private static final class NativeString implements AutoCloseable {
        private final long hva;

        NativeString(String text) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            hva = NativeRoutines.memory().allocateMemory(bytes.length + 1L, true);
            NativeRoutines.memory().putByteArray(hva, bytes, 0, bytes.length);
        }

        @Override
        public void close() {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    // ---- Files -------------------------------------------------------------------------------

    /** Creates an anonymous file ({@code MFD_*} flags); returns its descriptor. */
    public static int memfdCreate(String name, int flags) {
        try (NativeString text = string(name)) {
            long fd = rawSyscall(SYS_memfd_create, text.hva, flags, 0, 0, 0);
            if (Errno.isError(fd)) {
                throw failure("memfd_create", fd, "name", name, "flags", flags);
            }
            return (int) fd;
        }
    }

    /** Opens a path ({@code O_*} flags, close-on-exec added); returns the descriptor. */
    public static int open(String path, int flags, int mode) {
        try (NativeString text = string(path)) {
            long fd;
            do {
                fd = rawSyscall(SYS_open, text.hva, flags | O_CLOEXEC, mode, 0, 0);
            } while (fd == -EINTR);
            if (Errno.isError(fd)) {
                throw failure("open", fd, "path", path);
            }
            return (int) fd;
        }
    }

    /** Removes a path. */
    public static void unlink(String path) {
        try (NativeString text = string(path)) {
            long result = rawSyscall(SYS_unlink, text.hva, 0, 0, 0, 0);
            if (Errno.isError(result)) {
                throw failure("unlink", result, "path", path);
            }
        }
    }

    /** Closes a descriptor. */
    public static void close(int fd) {
        long result = rawSyscall(SYS_close, fd, 0, 0, 0, 0);
        if (Errno.isError(result) && result != -EINTR) {
            throw failure("close", result, "fd", fd);
        }
    }

    /** Sets a file's length. */
    public static void ftruncate(int fd, long sizeBytes) {
        long result;
        do {
            result = rawSyscall(SYS_ftruncate, fd, sizeBytes, 0, 0, 0);
        } while (result == -EINTR);
        if (Errno.isError(result)) {
            throw failure("ftruncate", result, "fd", fd, "sizeBytes", sizeBytes);
        }
    }

    /** Reserves or frees file space ({@code FALLOC_FL_*} mode). */
    public static void fallocate(int fd, int mode, long offsetBytes, long sizeBytes) {
        long result;
        do {
            result = rawSyscall(SYS_fallocate, fd, mode, offsetBytes, sizeBytes, 0);
        } while (result == -EINTR);
        if (Errno.isError(result)) {
            throw failure("fallocate", result, "fd", fd, "sizeBytes", sizeBytes);
        }
    }

    /** Moves a file's position; returns the new one. */
    public static long lseek(int fd, long offsetBytes, int whence) {
        long result = rawSyscall(SYS_lseek, fd, offsetBytes, whence, 0, 0);
        if (Errno.isError(result)) {
            throw failure("lseek", result, "fd", fd);
        }
        return result;
    }

    /** Locks a whole file ({@code LOCK_*}) until its last descriptor is closed. */
    public static void flock(int fd, int operation) {
        long result = rawSyscall(SYS_flock, fd, operation, 0, 0, 0);
        if (Errno.isError(result)) {
            throw failure("flock", result, "fd", fd);
        }
    }

    /** {@code fcntl} with an integer argument. */
    public static int fcntl(int fd, int command, long argument) {
        long result = rawSyscall(SYS_fcntl, fd, command, argument, 0, 0);
        if (Errno.isError(result)) {
            throw failure("fcntl", result, "fd", fd, "command", command);
        }
        return (int) result;
    }

    /** Reads into native memory; 0 at the end of the file, -1 where a read would block. */
    public static long read(int fd, long hva, long sizeBytes) {
        long result;
        do {
            result = rawSyscall(SYS_read, fd, hva, sizeBytes, 0, 0);
        } while (result == -EINTR);
        if (result == -EAGAIN) {
            return -1;
        }
        if (Errno.isError(result)) {
            throw failure("read", result, "fd", fd);
        }
        return result;
    }

    /** Writes from native memory; returns the count written, -1 where a write would block. */
    public static long write(int fd, long hva, long sizeBytes) {
        long result;
        do {
            result = rawSyscall(SYS_write, fd, hva, sizeBytes, 0, 0);
        } while (result == -EINTR);
        if (result == -EAGAIN) {
            return -1;
        }
        if (Errno.isError(result)) {
            throw failure("write", result, "fd", fd);
        }
        return result;
    }

    /** Reads into an array; 0 at the end of the file, -1 where a read would block. */
    public static int read(int fd, byte[] into, int offset, int length) {
        long hva = NativeRoutines.memory().allocateMemory(Math.max(1, length), false);
        try {
            int count = (int) read(fd, hva, length);
            if (count > 0) {
                NativeRoutines.memory().getByteArray(hva, into, offset, count);
            }
            return count;
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    /** Writes from an array; returns the count written, -1 where a write would block. */
    public static int write(int fd, byte[] from, int offset, int length) {
        long hva = NativeRoutines.memory().allocateMemory(Math.max(1, length), false);
        try {
            NativeRoutines.memory().putByteArray(hva, from, offset, length);
            return (int) write(fd, hva, length);
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    /** Reads at a file offset into native memory; may be short. */
    public static long pread(int fd, long hva, long sizeBytes, long offsetBytes) {
        long result;
        do {
            result = rawSyscall(SYS_pread64, fd, hva, sizeBytes, offsetBytes, 0);
        } while (result == -EINTR);
        if (Errno.isError(result)) {
            throw failure(
                    "pread", result, "fd", fd, "sizeBytes", sizeBytes, "offsetBytes", offsetBytes);
        }
        return result;
    }

    /** Writes at a file offset from native memory; may be short. */
    public static long pwrite(int fd, long hva, long sizeBytes, long offsetBytes) {
        long result;
        do {
            result = rawSyscall(SYS_pwrite64, fd, hva, sizeBytes, offsetBytes, 0);
        } while (result == -EINTR);
        if (Errno.isError(result)) {
            throw failure(
                    "pwrite", result, "fd", fd, "sizeBytes", sizeBytes, "offsetBytes", offsetBytes);
        }
        return result;
    }

    /** Creates an event counter ({@code EFD_*} flags). */
    public static int eventfd(int initialCount, int flags) {
        long fd = rawSyscall(SYS_eventfd2, initialCount, flags, 0, 0, 0);
        if (Errno.isError(fd)) {
            throw failure("eventfd2", fd);
        }
        return (int) fd;
    }

    /** Creates a timer descriptor. */
    public static int timerfdCreate(int clock, int flags) {
        long fd = rawSyscall(SYS_timerfd_create, clock, flags, 0, 0, 0);
        if (Errno.isError(fd)) {
            throw failure("timerfd_create", fd, "clock", clock);
        }
        return (int) fd;
    }

    /** Arms a timer; {@code itimerspecHva} holds interval and value as four words. */
    public static void timerfdSettime(int fd, int flags, long itimerspecHva) {
        long result = rawSyscall(SYS_timerfd_settime, fd, flags, itimerspecHva, 0, 0);
        if (Errno.isError(result)) {
            throw failure("timerfd_settime", result, "fd", fd);
        }
    }

    /**
     * Waits for descriptors; see {@link PollSet} for the struct. Returns the number that are ready;
     * 0 after the time-out (negative: none) and also when a signal interrupted the wait.
     */
    public static int poll(long pollFdsHva, int count, int timeoutMillis) {
        long result = rawSyscall(SYS_poll, pollFdsHva, count, timeoutMillis, 0, 0);
        if (result == -EINTR) {
            return 0;
        }
        if (Errno.isError(result)) {
            throw failure("poll", result, "count", count);
        }
        return (int) result;
    }

    /** {@code ioctl} with a native argument. */
    public static long ioctl(int fd, long request, long argument) {
        long result;
        do {
            result = rawSyscall(SYS_ioctl, fd, request, argument, 0, 0);
        } while (result == -EINTR);
        if (Errno.isError(result)) {
            throw failure("ioctl", result, "fd", fd, "request", request);
        }
        return result;
    }

    // ---- Memory ------------------------------------------------------------------------------

    /** Maps memory ({@code PROT_*}, {@code MAP_*}); returns its address. */
    public static long mmap(
            long hva, long sizeBytes, int protection, int flags, int fd, long offsetBytes) {
        long result = NativeRoutines.mmap(hva, sizeBytes, protection, flags, fd, offsetBytes);
        if (Errno.isError(result)) {
            throw failure("mmap", result, "hva", hva, "sizeBytes", sizeBytes, "fd", fd);
        }
        return result;
    }

    /** Unmaps memory. */
    public static void munmap(long hva, long sizeBytes) {
        long result = rawSyscall(SYS_munmap, hva, sizeBytes, 0, 0, 0);
        if (Errno.isError(result)) {
            throw failure("munmap", result, "hva", hva, "sizeBytes", sizeBytes);
        }
    }

    /** Changes protection ({@code PROT_*}). */
    public static void mprotect(long hva, long sizeBytes, int protection) {
        long result = rawSyscall(SYS_mprotect, hva, sizeBytes, protection, 0, 0);
        if (Errno.isError(result)) {
            throw failure("mprotect", result, "hva", hva, "sizeBytes", sizeBytes);
        }
    }

    /** Gives advice ({@code MADV_*}). */
    public static void madvise(long hva, long sizeBytes, int advice) {
        long result = rawSyscall(SYS_madvise, hva, sizeBytes, advice, 0, 0);
        if (Errno.isError(result)) {
            throw failure("madvise", result, "hva", hva, "sizeBytes", sizeBytes, "advice", advice);
        }
    }

    // ---- Processes and signals ---------------------------------------------------------------

    /** This process. */
    public static int getpid() {
        return (int) rawSyscall(SYS_getpid, 0, 0, 0, 0, 0);
    }

    /** The calling host thread. */
    public static int gettid() {
        return (int) rawSyscall(SYS_gettid, 0, 0, 0, 0, 0);
    }

    /**
     * {@code ptrace} as the kernel sees it (peeked data goes to {@code data}, never to the result).
     * Only the host thread that attached may trace.
     */
    public static long ptrace(int request, int pid, long hostAddress, long data) {
        long result = rawSyscall(SYS_ptrace, request, pid, hostAddress, data, 0);
        if (Errno.isError(result)) {
            throw failure(
                    "ptrace", result, "request", "0x" + Integer.toHexString(request), "pid", pid);
        }
        return result;
    }

    /** {@link #ptrace} that returns a negative error number instead of throwing. */
    public static long rawPtrace(int request, int pid, long hostAddress, long data) {
        return rawSyscall(SYS_ptrace, request, pid, hostAddress, data, 0);
    }

    /**
     * Waits for a child, with {@code __WALL} added to the options.
     *
     * @param pid the child; never -1, which would take children of the Java runtime
     * @param statusHva where the 32-bit status is stored
     * @param options {@code WNOHANG} or 0
     * @return the pid, or 0 with {@code WNOHANG} when nothing changed
     */
    public static int waitpid(int pid, long statusHva, int options) {
        long result;
        do {
            result = rawSyscall(SYS_wait4, pid, statusHva, options | __WALL, 0, 0);
        } while (result == -EINTR);
        if (Errno.isError(result)) {
            throw failure("wait4", result, "pid", pid);
        }
        return (int) result;
    }

    /** Signals a process; signal 0 only checks that it exists. */
    public static void kill(int pid, int signal) {
        long result = rawSyscall(SYS_kill, pid, signal, 0, 0, 0);
        if (Errno.isError(result)) {
            throw failure("kill", result, "pid", pid, "signal", signal);
        }
    }

    /** Signals one thread. */
    public static void tgkill(int pid, int tid, int signal) {
        long result = rawSyscall(SYS_tgkill, pid, tid, signal, 0, 0);
        if (Errno.isError(result)) {
            throw failure("tgkill", result, "pid", pid, "tid", tid, "signal", signal);
        }
    }

    /** Opens a process by number; returns a descriptor that is readable once it has ended. */
    public static int pidfdOpen(int pid) {
        long fd = rawSyscall(SYS_pidfd_open, pid, 0, 0, 0, 0);
        if (Errno.isError(fd)) {
            throw failure("pidfd_open", fd, "pid", pid);
        }
        return (int) fd;
    }

    /** Signals exactly the process a descriptor stands for; false if it has ended. */
    public static boolean pidfdSendSignal(int pidFd, int signal) {
        long result = rawSyscall(SYS_pidfd_send_signal, pidFd, signal, 0, 0, 0);
        if (result == -ESRCH) {
            return false;
        }
        if (Errno.isError(result)) {
            throw failure("pidfd_send_signal", result, "fd", pidFd, "signal", signal);
        }
        return true;
    }

    /** {@code prctl} of the calling host thread. */
    public static long prctl(int option, long a1, long a2, long a3, long a4) {
        long result = rawSyscall(SYS_prctl, option, a1, a2, a3, a4);
        if (Errno.isError(result)) {
            throw failure("prctl", result, "option", option);
        }
        return result;
    }

    /**
     * Binds a host thread (0: the caller) to the CPUs of a bit mask (bit n = CPU n, n below 64).
     */
    public static void schedSetaffinity(int tid, long cpuMask) {
        long hva = NativeRoutines.memory().allocateMemory(8, true);
        try {
            NativeRoutines.memory().putLong(hva, cpuMask);
            long result = rawSyscall(SYS_sched_setaffinity, tid, 8, hva, 0, 0);
            if (Errno.isError(result)) {
                throw failure("sched_setaffinity", result, "tid", tid, "cpuMask", cpuMask);
            }
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    /** The CPUs a host thread (0: the caller) may run on; CPUs above 63 are not reported. */
    public static long schedGetaffinity(int tid) {
        long sizeBytes = 1024; // bounded by CONFIG_NR_CPUS of 8192
        long hva = NativeRoutines.memory().allocateMemory(sizeBytes, true);
        try {
            long result = rawSyscall(SYS_sched_getaffinity, tid, sizeBytes, hva, 0, 0);
            if (Errno.isError(result)) {
                throw failure("sched_getaffinity", result, "tid", tid);
            }
            return NativeRoutines.memory().getLong(hva);
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    // ---- Time --------------------------------------------------------------------------------

    /** Nanoseconds of a host clock ({@code CLOCK_*}). */
    public static long clockGettime(int clock) {
        long hva = NativeRoutines.memory().allocateMemory(16, true);
        try {
            long result = rawSyscall(SYS_clock_gettime, clock, hva, 0, 0, 0);
            if (Errno.isError(result)) {
                throw failure("clock_gettime", result, "clock", clock);
            }
            return NativeRoutines.memory().getLong(hva) * 1_000_000_000L
                    + NativeRoutines.memory().getLong(hva + 8);
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    /** Whether a descriptor is a terminal. */
    public static boolean isatty(int fd) {
        return Termios.isTerminal(fd);
    }

    static void throwIfError(String call, long result, Object... facts) {
        if (Errno.isError(result)) {
            throw failure(call, result, facts);
        }
    }
}
