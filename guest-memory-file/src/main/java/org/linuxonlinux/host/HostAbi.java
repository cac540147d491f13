// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * Numbers of the x86-64 Linux ABI, spelled as in the kernel's headers.
 *
 * <p>Source: Linux v6.1, {@code arch/x86/entry/syscalls/syscall_64.tbl} and {@code include/uapi}. A
 * test compares them with the host's headers when a C compiler exists.
 */
public final class HostAbi {
    /** Host page size; guest-independent. */
    public static final int PAGE_SIZE = 4096;

    /** log2 of {@link #PAGE_SIZE}. */
    public static final int PAGE_SHIFT = 12;

    // System call numbers.
    public static final int SYS_read = 0;
    public static final int SYS_write = 1;
    public static final int SYS_open = 2;
    public static final int SYS_close = 3;
    public static final int SYS_fstat = 5;
    public static final int SYS_poll = 7;
    public static final int SYS_lseek = 8;
    public static final int SYS_mmap = 9;
    public static final int SYS_mprotect = 10;
    public static final int SYS_munmap = 11;
    public static final int SYS_rt_sigaction = 13;
    public static final int SYS_rt_sigprocmask = 14;
    public static final int SYS_rt_sigreturn = 15;
    public static final int SYS_ioctl = 16;
    public static final int SYS_pread64 = 17;
    public static final int SYS_pwrite64 = 18;
    public static final int SYS_sched_yield = 24;
    public static final int SYS_mremap = 25;
    public static final int SYS_madvise = 28;
    public static final int SYS_pause = 34;
    public static final int SYS_getpid = 39;
    public static final int SYS_clone = 56;
    public static final int SYS_vfork = 58;
    public static final int SYS_execve = 59;
    public static final int SYS_exit = 60;
    public static final int SYS_wait4 = 61;
    public static final int SYS_kill = 62;
    public static final int SYS_uname = 63;
    public static final int SYS_fcntl = 72;
    public static final int SYS_flock = 73;
    public static final int SYS_ftruncate = 77;
    public static final int SYS_unlink = 87;
    public static final int SYS_ptrace = 101;
    public static final int SYS_getppid = 110;
    public static final int SYS_setsid = 112;
    public static final int SYS_sigaltstack = 131;
    public static final int SYS_fstatfs = 138;
    public static final int SYS_prctl = 157;
    public static final int SYS_arch_prctl = 158;
    public static final int SYS_gettid = 186;
    public static final int SYS_futex = 202;
    public static final int SYS_sched_setaffinity = 203;
    public static final int SYS_sched_getaffinity = 204;
    public static final int SYS_clock_gettime = 228;
    public static final int SYS_exit_group = 231;
    public static final int SYS_tgkill = 234;
    public static final int SYS_timerfd_create = 283;
    public static final int SYS_fallocate = 285;
    public static final int SYS_timerfd_settime = 286;
    public static final int SYS_eventfd2 = 290;
    public static final int SYS_dup3 = 292;
    public static final int SYS_pipe2 = 293;
    public static final int SYS_perf_event_open = 298;
    public static final int SYS_prlimit64 = 302;
    public static final int SYS_process_vm_readv = 310;
    public static final int SYS_seccomp = 317;
    public static final int SYS_memfd_create = 319;
    public static final int SYS_execveat = 322;
    public static final int SYS_pidfd_send_signal = 424;
    public static final int SYS_pidfd_open = 434;
    public static final int SYS_close_range = 436;

    // Errors that callers tell apart.
    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int ESRCH = 3;
    public static final int EINTR = 4;
    public static final int EIO = 5;
    public static final int ECHILD = 10;
    public static final int EAGAIN = 11;
    public static final int ENOMEM = 12;
    public static final int EACCES = 13;
    public static final int EEXIST = 17;
    public static final int EINVAL = 22;
    public static final int ENOTTY = 25;
    public static final int ENOSPC = 28;
    public static final int ENOSYS = 38;
    public static final int EOPNOTSUPP = 95;
    public static final int ETIMEDOUT = 110;

    // open, memfd_create, eventfd, pipe.
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0100;
    public static final int O_EXCL = 0200;
    public static final int O_NOCTTY = 0400;
    public static final int O_TRUNC = 01000;
    public static final int O_NONBLOCK = 04000;
    public static final int O_CLOEXEC = 02000000;
    public static final int MFD_CLOEXEC = 1;
    public static final int MFD_ALLOW_SEALING = 2;
    public static final int MFD_HUGETLB = 4;
    public static final int MFD_EXEC = 0x10;
    public static final int EFD_CLOEXEC = O_CLOEXEC;
    public static final int EFD_NONBLOCK = O_NONBLOCK;
    public static final int FALLOC_FL_KEEP_SIZE = 1;
    public static final int FALLOC_FL_PUNCH_HOLE = 2;
    public static final int F_DUPFD_CLOEXEC = 1030;
    public static final int F_GETFL = 3;
    public static final int F_SETFL = 4;
    public static final int F_ADD_SEALS = 1033;
    public static final int F_SEAL_SEAL = 1;
    public static final int F_SEAL_SHRINK = 2;
    public static final int F_SEAL_GROW = 4;
    public static final int LOCK_EX = 2;
    public static final int LOCK_NB = 4;
    public static final int CLOSE_RANGE_CLOEXEC = 4;
    public static final int AT_EMPTY_PATH = 0x1000;
    public static final int SEEK_END = 2;

    // Mappings.
    public static final int PROT_NONE = 0;
    public static final int PROT_READ = 1;
    public static final int PROT_WRITE = 2;
    public static final int PROT_EXEC = 4;
    public static final int MAP_SHARED = 0x01;
    public static final int MAP_PRIVATE = 0x02;
    public static final int MAP_FIXED = 0x10;
    public static final int MAP_ANONYMOUS = 0x20;
    public static final int MAP_NORESERVE = 0x4000;
    public static final int MAP_POPULATE = 0x8000;
    public static final int MAP_FIXED_NOREPLACE = 0x100000;
    public static final int MADV_DONTNEED = 4;
    public static final int MADV_REMOVE = 9;
    public static final int MADV_DONTFORK = 10;
    public static final int MADV_HUGEPAGE = 14;
    public static final int MADV_NOHUGEPAGE = 15;
    public static final int MADV_DONTDUMP = 16;
    public static final int MADV_POPULATE_READ = 22;
    public static final int MADV_POPULATE_WRITE = 23;

    // Processes and signals.
    public static final int SIGHUP = 1;
    public static final int SIGINT = 2;
    public static final int SIGQUIT = 3;
    public static final int SIGILL = 4;
    public static final int SIGTRAP = 5;
    public static final int SIGABRT = 6;
    public static final int SIGBUS = 7;
    public static final int SIGFPE = 8;
    public static final int SIGKILL = 9;
    public static final int SIGUSR1 = 10;
    public static final int SIGSEGV = 11;
    public static final int SIGUSR2 = 12;
    public static final int SIGPIPE = 13;
    public static final int SIGALRM = 14;
    public static final int SIGTERM = 15;
    public static final int SIGCHLD = 17;
    public static final int SIGCONT = 18;
    public static final int SIGSTOP = 19;
    public static final int SIGURG = 23;
    public static final int SIGWINCH = 28;
    public static final int SIGSYS = 31;
    public static final int SIG_SETMASK = 2;
    public static final int SA_SIGINFO = 4;
    public static final int SA_RESTORER = 0x04000000;
    public static final int SA_ONSTACK = 0x08000000;
    public static final int SA_NODEFER = 0x40000000;
    public static final int SI_KERNEL = 0x80;
    public static final int FUTEX_WAIT = 0;
    public static final int FUTEX_WAKE = 1;
    public static final int RLIMIT_CORE = 4;
    public static final int WNOHANG = 1;
    public static final int __WALL = 0x40000000;
    public static final int CLONE_VM = 0x100;
    public static final int CLONE_PIDFD = 0x1000;
    public static final int CLONE_VFORK = 0x4000;
    public static final int PR_SET_PDEATHSIG = 1;
    public static final int PR_SET_NAME = 15;
    public static final int PR_GET_SECCOMP = 21;
    public static final int PR_SET_NO_NEW_PRIVS = 38;
    public static final int PR_SET_SYSCALL_USER_DISPATCH = 59;
    public static final int PR_SYS_DISPATCH_OFF = 0;
    public static final int PR_SYS_DISPATCH_ON = 1;
    public static final int SECCOMP_GET_ACTION_AVAIL = 2;
    public static final int SECCOMP_RET_TRAP = 0x0003_0000;
    public static final int SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
    public static final int AUDIT_ARCH_X86_64 = 0xc000003e;
    public static final int ARCH_SET_GS = 0x1001;
    public static final int ARCH_SET_FS = 0x1002;

    // poll.
    public static final int POLLIN = 1;
    public static final int POLLOUT = 4;
    public static final int POLLERR = 8;
    public static final int POLLHUP = 16;
    public static final int POLLNVAL = 32;

    // Clocks.
    public static final int CLOCK_REALTIME = 0;
    public static final int CLOCK_MONOTONIC = 1;
    public static final int CLOCK_THREAD_CPUTIME_ID = 3;
    public static final int CLOCK_MONOTONIC_RAW = 4;
    public static final int TFD_CLOEXEC = O_CLOEXEC;
    public static final int TFD_NONBLOCK = O_NONBLOCK;
    public static final int TFD_TIMER_ABSTIME = 1;

    // Terminals.
    public static final int TCGETS = 0x5401;
    public static final int TCSETS = 0x5402;
    public static final int TCSETSW = 0x5403;
    public static final int TIOCGWINSZ = 0x5413;

    private HostAbi() {}
}
