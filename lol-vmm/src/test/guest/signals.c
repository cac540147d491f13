// SPDX-License-Identifier: Apache-2.0
// Signals at system calls: restarts, handlers that change where to go on, exact addresses of faults; the program's own
// seccomp filters and syscall user dispatch; threads, forks and tracers at sites that have been called often.
#define _GNU_SOURCE
#include "checks.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <ucontext.h>

#define STORM_SECONDS 0.7

#define STR_(x) #x
#define STR(x) STR_(x)

// Sites of functions (a, b, c) for one fixed number, and of any number: site_any(a, b, c, number).
#define SITE(name, number)                                                                                                     \
    "site_" #name ": mov $" STR(number) ",%eax\nsite_" #name "_call: syscall\nsite_" #name "_after: ret\n"
#define DECLARE(name) long site_##name(long, long, long), site_##name##_call(long, long, long), site_##name##_after(void)

DECLARE(read); DECLARE(read_xor); DECLARE(read_cmp); DECLARE(nanosleep); DECLARE(getppid); DECLARE(getpid); DECLARE(getpgrp);
DECLARE(gettid); DECLARE(poll);
long site_any(long, long, long, long);
void site_any_after(void);

asm(".text\n.p2align 4\n"
    SITE(read, SYS_read) SITE(nanosleep, SYS_nanosleep) SITE(getppid, SYS_getppid) SITE(getpid, SYS_getpid)
    SITE(getpgrp, SYS_getpgrp) SITE(gettid, SYS_gettid) SITE(poll, SYS_poll)
    "site_read_xor: xor %eax,%eax; syscall; cmp $-4096,%rax; ret\n"
    "site_read_cmp: mov $0,%eax; nop; syscall; cmp $0xfffffffffffff001,%rax; ret\n"
    "site_any: mov %rcx,%rax; syscall\nsite_any_after: cmp $-4095,%rax; ret\n");

static volatile int signals;

static void count(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    signals++;
}

static void every(int microseconds)
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void heat(void)
{
    int fds[2];
    char byte;
    EXPECT_EQ(0, pipe(fds));
    struct timespec none = {0, 0};
    long (*reads[])(long, long, long) = {site_read, site_read_xor, site_read_cmp};
    pid_t pid = getpid(), ppid = getppid(), tid = syscall(SYS_gettid);
    for (int i = 0; i < HOT; i++) {
        for (int j = 0; j < 3; j++) {
            EXPECT_EQ(1, write(fds[1], "x", 1));
            EXPECT_EQ(1, reads[j](fds[0], (long)&byte, 1));
        }
        EXPECT_EQ(0, site_nanosleep((long)&none, 0, 0));
        EXPECT_EQ(0, site_poll(0, 0, 0));
        EXPECT_EQ(pid, site_getpid(0, 0, 0));
        EXPECT_EQ(ppid, site_getppid(0, 0, 0));
        EXPECT_EQ(getpgrp(), site_getpgrp(0, 0, 0));
        EXPECT_EQ(tid, site_gettid(0, 0, 0));
        EXPECT_EQ(ppid, site_any(0, 0, 0, SYS_getppid));
    }
    close(fds[0]);
    close(fds[1]);
}

// --- Restarts -------------------------------------------------------------------------------------------------------

static void reads_under_alarms(int flags)
{
    int interrupted = 0;
    heat();
    handle(SIGALRM, count, flags);
    long (*reads[])(long, long, long) = {site_read, site_read_xor, site_read_cmp};
    for (int i = 0; i < 3; i++) {
        int fds[2];
        EXPECT_EQ(0, pipe(fds));
        pid_t child = fork();
        if (child == 0) {
            for (int j = 0; j < 40; j++) {
                usleep(4000);
                char byte = j;
                EXPECT_EQ(1, write(fds[1], &byte, 1));
            }
            _exit(0);
        }
        every(1000);
        for (int j = 0; j < 40;) {
            unsigned char byte = 255;
            long result = reads[i](fds[0], (long)&byte, 1);
            if (result == -EINTR) {
                interrupted++;
                continue;
            }
            EXPECT_EQ(1, result);
            EXPECT_EQ(j, byte);
            j++;
        }
        every(0);
        waitpid(child, NULL, 0);
        close(fds[0]);
        close(fds[1]);
    }
    EXPECT(signals > 50);
    if (flags & SA_RESTART)
        EXPECT_EQ(0, interrupted);
    else
        EXPECT(interrupted > 50);
}

static void restarted_reads(void) { reads_under_alarms(SA_RESTART); }
static void interrupted_reads(void) { reads_under_alarms(0); }

// Stopped and continued, nanosleep and poll go on by restart_syscall, at the address of the site's syscall.
static void restart_syscall(void)
{
    heat();
    for (int i = 0; i < 4; i++) {
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            for (int j = 0; j < 4; j++) {
                usleep(10000);
                kill(parent, SIGSTOP);
                usleep(5000);
                kill(parent, SIGCONT);
            }
            _exit(0);
        }
        double start = now();
        struct timespec wait = {0, 100000000};
        long result = i == 0   ? site_nanosleep((long)&wait, 0, 0)
                      : i == 1 ? site_any((long)&wait, 0, 0, SYS_nanosleep)
                      : i == 2 ? site_poll(0, 0, 100)
                               : nanosleep(&wait, NULL);
        EXPECT_EQ(0, result);
        double seconds = now() - start;
        if (seconds < 0.099)
            fail("way %d: slept %f s", i, seconds);
        waitpid(child, NULL, 0);
    }
}

static void interrupted_sleep(void)
{
    heat();
    handle(SIGALRM, count, SA_RESTART);
    for (int i = 0; i < 30; i++) {
        struct timespec wait = {5, 0}, left = {9, 9};
        struct itimerval timer = {{0, 0}, {0, 2000}};
        setitimer(ITIMER_REAL, &timer, NULL);
        EXPECT_EQ(-EINTR, i & 1 ? site_nanosleep((long)&wait, (long)&left, 0)
                                : site_any((long)&wait, (long)&left, 0, SYS_nanosleep));
        EXPECT(left.tv_sec == 4);
    }
    EXPECT_EQ(30, signals);
}

// --- Handlers -------------------------------------------------------------------------------------------------------

long redirected(long, long, long), redirect_target(void);
asm("redirected: push %rbx\n"
    "mov $" STR(SYS_getpgrp) ",%eax; syscall\n"
    "ud2\n"
    "redirect_target: pop %rbx; ret\n");

static int redirect_to;
static volatile uint64_t signal_rip;

static void redirect(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    signal_rip = registers[REG_RIP];
    switch (redirect_to) {
    case 0: // past the ud2 that raised it
        registers[REG_RIP] = (long)redirect_target;
        registers[REG_RAX] = 4711;
        break;
    case 1: // right to the syscall of a hot site, with another number
        registers[REG_RIP] = (long)site_getpid_call;
        registers[REG_RAX] = SYS_getppid;
        break;
    case 2: // to its start
        registers[REG_RIP] = (long)site_getppid;
        registers[REG_RAX] = SYS_getpid;
        break;
    default: // behind it
        registers[REG_RIP] = (long)site_getpid_after;
        registers[REG_RAX] = 815;
    }
}

static void redirecting_handlers(void)
{
    heat();
    handle(SIGILL, redirect, 0);
    pid_t ppid = getppid();
    for (int i = 0; i < HOT; i++) {
        redirect_to = 0;
        EXPECT_EQ(4711, redirected(0, 0, 0));
        EXPECT_EQ((long)redirect_target - 2, signal_rip);
    }
    handle(SIGUSR1, redirect, 0);
    long pid = getpid();
    for (int i = 0; i < HOT; i++) {
        // The signal comes at the end of kill(); the site's ret goes to the caller.
        redirect_to = 1;
        EXPECT_EQ(ppid, site_any(pid, SIGUSR1, 0, SYS_kill));
        EXPECT_EQ(site_any_after, signal_rip);
        redirect_to = 2;
        EXPECT_EQ(ppid, site_any(pid, SIGUSR1, 0, SYS_kill));
        redirect_to = 3;
        EXPECT_EQ(815, site_any(pid, SIGUSR1, 0, SYS_kill));
        EXPECT_EQ(pid, site_getpid(0, 0, 0));
    }
}

// A loop of calls in which a signal may find the program at any instruction.
long tight_loop(long calls, long wanted);
void tight_start(void), tight_call(void), tight_after(void), tight_second_call(void), tight_second_after(void), tight_end(void);
uint64_t tight_stack, tight_kept;
asm("tight_loop: push %rbx; push %r12\n"
    "mov %rdi,%r12; mov %rsi,%rbx\n"
    "mov %rsp,tight_kept(%rip)\n"
    "mov tight_stack(%rip),%rdx; test %rdx,%rdx; jz tight_start; mov %rdx,%rsp\n"
    "tight_start: mov $" STR(SYS_getppid) ",%eax\n"
    "tight_call: syscall\n"
    "tight_after: cmp %rax,%rbx; jne 1f\n"
    "mov $" STR(SYS_getppid) ",%eax; nop\n"
    "tight_second_call: syscall\n"
    "tight_second_after: cmp $-4095,%rax; jae 1f; cmp %rax,%rbx; jne 1f\n"
    "dec %r12; jnz tight_start\n"
    "1: tight_end: mov tight_kept(%rip),%rsp\n"
    "mov %r12,%rax; pop %r12; pop %rbx; ret\n");

static volatile uint64_t bad_rip, bad_rax, bad_rcx;
static volatile int at_call, at_after, in_loop;
static long tight_parent;

static void check_tight(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t rip = registers[REG_RIP], rax = registers[REG_RAX], rcx = registers[REG_RCX];
    signals++;
    if (rip >= (uint64_t)tight_start && rip <= (uint64_t)tight_end) {
        in_loop++;
        int call = rip == (uint64_t)tight_call || rip == (uint64_t)tight_second_call;
        int after = rip == (uint64_t)tight_after || rip == (uint64_t)tight_second_after;
        at_call += call;
        at_after += after;
        if ((call && rax != SYS_getppid) || (after && (rax != (uint64_t)tight_parent || rcx != rip))
            || (uint64_t)registers[REG_RBX] != (uint64_t)tight_parent || (tight_stack && (uint64_t)registers[REG_RSP] != tight_stack)) {
            bad_rip = rip;
            bad_rax = rax;
            bad_rcx = rcx;
        }
        return;
    }
    extern char __executable_start, etext;
    if (rip < (uint64_t)&__executable_start || rip >= (uint64_t)&etext) {
        bad_rip = rip; // static: the program has no other code than its own and the vDSO, which is not used here
        bad_rax = rax;
        bad_rcx = rcx;
    }
}

static void tight(int flags)
{
    static char stack[1 << 16];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    EXPECT_EQ(0, sigaltstack(&alternative, NULL));
    tight_parent = getppid();
    handle(SIGALRM, check_tight, flags);
    double end = now() + STORM_SECONDS;
    do {
        every(1000);
        long left = tight_loop(20000, tight_parent); // some milliseconds natively
        every(0);
        if (left)
            fail("left=%ld, signals=%d", left, signals);
        if (bad_rip)
            fail("signals=%d, rip=0x%lx, rax=0x%lx, rcx=0x%lx, loop=%p..%p", signals, bad_rip, bad_rax, bad_rcx, tight_start,
                 tight_end);
    } while (now() < end || (in_loop < 100 && now() < end + 20)); // on a busy machine it takes longer
    EXPECT(in_loop >= 100);
    EXPECT(in_loop >= at_call + at_after);
}

static void tight_loops(void) { tight(0); }

// With a stack pointer that only the alternative stack makes up for.
static void alternative_stack(void)
{
    tight_stack = 0x10;
    tight(SA_ONSTACK);
    signals = in_loop = at_call = at_after = 0;
    tight_stack = 0xdeadbeefcafebabe;
    tight(SA_ONSTACK);
}

// A handler's own calls at the site that it interrupted.
static void nest(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    signals++;
    if (site_getppid(0, 0, 0) != tight_parent || site_getpgrp(0, 0, 0) != getpgrp())
        bad_rip = 1;
}

static void nested_calls(void)
{
    tight_parent = getppid();
    handle(SIGALRM, nest, SA_NODEFER);
    every(500);
    double end = now() + STORM_SECONDS / 2;
    while (now() < end) {
        for (int i = 0; i < 100; i++)
            EXPECT_EQ(tight_parent, site_getppid(0, 0, 0));
        EXPECT_EQ(0, bad_rip);
    }
    EXPECT(signals > 50);
}

// --- Faults ---------------------------------------------------------------------------------------------------------

static struct {
    int signal, code;
    uint64_t address, rip, rax;
} fault;

extern char fault_resume;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    fault.signal = signal;
    fault.code = info->si_code;
    fault.address = (uint64_t)info->si_addr;
    fault.rip = registers[REG_RIP];
    fault.rax = registers[REG_RAX];
    registers[REG_RIP] = registers[REG_R15];
    registers[REG_EFL] &= ~0x40100L;
}

// Code that faults right behind a hot site.
#define FAULTING(name, code) "fault_" #name ": mov $" STR(SYS_getppid) ",%eax; syscall\nfault_" #name "_at: " code "\n"
asm(".text\n"
    FAULTING(load, "mov 0x1234,%rcx")
    FAULTING(store, "movabs %rax,0x7fffffffe123")
    FAULTING(kernel, "mov 0xffffffff81000000,%rcx")
    FAULTING(canonical, "mov (%rdx),%rcx")
    FAULTING(ud2, "ud2")
    FAULTING(division, "xor %edx,%edx; mov $1,%rax; 1: div %rdx")
    FAULTING(int3, "int3")
    FAULTING(int_n, "int $0x30")
    FAULTING(hlt, "hlt")
    FAULTING(cli, "cli")
    FAULTING(rdmsr, "rdmsr")
    FAULTING(in_port, "in $0x80,%al"));
#define DECLARE_FAULT(name) void fault_##name(void), fault_##name##_at(void)
DECLARE_FAULT(load); DECLARE_FAULT(store); DECLARE_FAULT(kernel); DECLARE_FAULT(canonical); DECLARE_FAULT(ud2);
DECLARE_FAULT(division); DECLARE_FAULT(int3); DECLARE_FAULT(int_n); DECLARE_FAULT(hlt); DECLARE_FAULT(cli);
DECLARE_FAULT(rdmsr); DECLARE_FAULT(in_port);

static void run_faulting(void *code)
{
    asm volatile("lea 1f(%%rip),%%r15; mov $0x8000000000000000,%%rdx; jmp *%0\n1:"
                 :
                 : "r"(code)
                 : "rax", "rcx", "rdx", "r11", "r15", "memory", "cc");
}

static void faults(void)
{
    static const struct {
        const char *name;
        void (*code)(void), (*at)(void);
        int offset, signal, code_wanted;
        uint64_t address; // 1: that of the instruction
    } all[] = {
#define FAULT(name, offset, signal, code, address) {#name, fault_##name, fault_##name##_at, offset, signal, code, address}
        FAULT(load, 0, SIGSEGV, SEGV_MAPERR, 0x1234),
        FAULT(store, 0, SIGSEGV, -1, 0x7fffffffe123),
        FAULT(kernel, 0, SIGSEGV, SEGV_MAPERR, 0xffffffff81000000),
        FAULT(canonical, 0, SIGSEGV, SI_KERNEL, 0),
        FAULT(ud2, 0, SIGILL, ILL_ILLOPN, 1),
        FAULT(division, 9, SIGFPE, FPE_INTDIV, 1),
        FAULT(int3, 1, SIGTRAP, SI_KERNEL, 0),
        FAULT(int_n, 0, SIGSEGV, SI_KERNEL, 0),
        FAULT(hlt, 0, SIGSEGV, SI_KERNEL, 0),
        FAULT(cli, 0, SIGSEGV, SI_KERNEL, 0),
        FAULT(rdmsr, 0, SIGSEGV, SI_KERNEL, 0),
        FAULT(in_port, 0, SIGSEGV, SI_KERNEL, 0),
    };
    for (int signal = 1; signal < 32; signal++)
        if (signal == SIGSEGV || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP || signal == SIGBUS)
            handle(signal, on_fault, 0);
    for (int i = 0; i < HOT / 10; i++) {
        for (unsigned j = 0; j < sizeof all / sizeof *all; j++) {
            memset(&fault, 0, sizeof fault);
            run_faulting(all[j].code);
            uint64_t rip = (uint64_t)all[j].at + all[j].offset;
            if (fault.signal != all[j].signal || (all[j].code_wanted != -1 && fault.code != all[j].code_wanted)
                || fault.rip != rip || fault.address != (all[j].address == 1 ? rip : all[j].address))
                fail("%s, round %d: signal=%d code=%d address=0x%lx rip=0x%lx, at=%p", all[j].name, i, fault.signal, fault.code,
                     fault.address, fault.rip, all[j].at);
            if (all[j].code != fault_division && (pid_t)fault.rax != getppid())
                fail("%s: rax=0x%lx", all[j].name, fault.rax);
        }
    }
}

// A call whose next instruction is on a page that is not there.
static void page_end(void)
{
    unsigned char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static const unsigned char mov_syscall[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05};
    memcpy(page + 4096 - sizeof mov_syscall, mov_syscall, sizeof mov_syscall);
    memcpy(page, "\x0f\x05\x48\x3d\x01\xf0\xff\xff", 8);
    EXPECT_EQ(0, munmap(page + 4096, 4096));
    EXPECT_EQ(0, mprotect(page, 4096, PROT_READ | PROT_EXEC));
    handle(SIGSEGV, on_fault, 0);
    for (int i = 0; i < HOT; i++) {
        run_faulting(page + 4096 - sizeof mov_syscall);
        EXPECT_EQ(getppid(), fault.rax);
        EXPECT_EQ(page + 4096, fault.rip);
        EXPECT_EQ(page + 4096, fault.address);
    }
    // Not executable any more, while hot.
    EXPECT_EQ(0, mprotect(page, 4096, PROT_READ));
    run_faulting(page + 4096 - sizeof mov_syscall);
    EXPECT_EQ(page + 4096 - sizeof mov_syscall, fault.rip);
    EXPECT_EQ(0, mprotect(page, 4096, PROT_NONE));
    run_faulting(page + 4096 - sizeof mov_syscall);
    EXPECT_EQ(page + 4096 - sizeof mov_syscall, fault.rip);
    EXPECT_EQ(SEGV_ACCERR, fault.code);
}

// --- The program's own filters --------------------------------------------------------------------------------------

static volatile int filtered_code, filtered_number, filtered_arch;
static volatile uint64_t filtered_address, filtered_rip, filtered_rax;
static volatile char selector;

static void on_filtered(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    selector = 0;
    filtered_code = info->si_code;
    filtered_number = info->si_syscall;
    filtered_arch = info->si_arch;
    filtered_address = (uint64_t)info->si_call_addr;
    filtered_rip = registers[REG_RIP];
    filtered_rax = registers[REG_RAX];
    registers[REG_RAX] = 1234;
}

static void seccomp(void)
{
    heat();
    pid_t pid = getpid(), ppid = getppid();
    handle(SIGSYS, on_filtered, 0);
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
    struct sock_filter filter[] = {
        LOAD(nr),
        UNLESS(SYS_getppid, 4), // getppid: only from its site
        LOAD(instruction_pointer),
        UNLESS((uint32_t)(uint64_t)site_getppid_after, 1),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_ERRNO | 77),
        UNLESS(SYS_getpgrp, 1),
        RETURN(SECCOMP_RET_TRAP | 5),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    EXPECT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    EXPECT_EQ(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
    for (int i = 0; i < HOT; i++) {
        EXPECT_EQ(ppid, site_getppid(0, 0, 0));
        EXPECT_EQ(-77, site_any(0, 0, 0, SYS_getppid));
        EXPECT_EQ(pid, site_any(0, 0, 0, SYS_getpid));
        filtered_address = 0;
        EXPECT_EQ(1234, site_getpgrp(0, 0, 0));
        EXPECT_EQ(site_getpgrp_after, filtered_address);
        EXPECT_EQ(site_getpgrp_after, filtered_rip);
        EXPECT_EQ(SYS_getpgrp, filtered_rax);
        EXPECT_EQ(SYS_getpgrp, filtered_number);
        EXPECT_EQ(1, filtered_code); // SYS_SECCOMP
        EXPECT_EQ(AUDIT_ARCH_X86_64, (unsigned)filtered_arch);
    }
}

static void user_dispatch(void)
{
    heat();
    pid_t ppid = getppid();
    handle(SIGSYS, on_filtered, 0);
    // Calls from the C library's end of the text are let through: the handler's return, for one.
    extern char etext;
    uint64_t start = (uint64_t)site_any_after;
    if (prctl(59, 1, start, (uint64_t)&etext - start, &selector))
        skip("no PR_SET_SYSCALL_USER_DISPATCH");
    for (int i = 0; i < HOT; i++) {
        selector = 0;
        EXPECT_EQ(ppid, site_getppid(0, 0, 0));
        selector = 1;
        long result = site_getppid(0, 0, 0);
        EXPECT_EQ(0, selector);
        EXPECT_EQ(1234, result);
        EXPECT_EQ(site_getppid_after, filtered_address);
        EXPECT_EQ(site_getppid_after, filtered_rip);
        EXPECT_EQ(SYS_getppid, filtered_rax);
        EXPECT_EQ(SYS_getppid, filtered_number);
        EXPECT_EQ(2, filtered_code); // SYS_USER_DISPATCH
    }
    EXPECT_EQ(0, prctl(59, 0, 0, 0, 0));
    selector = 1;
    EXPECT_EQ(ppid, site_getppid(0, 0, 0));
}

// --- Threads and processes ------------------------------------------------------------------------------------------

#define THREADS 8
static pthread_barrier_t barrier;

static void *hammer(void *unused)
{
    (void)unused;
    long tid = syscall(SYS_gettid), parent = getppid(), wrong = 0;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 20 * HOT; i++) {
        wrong += site_gettid(0, 0, 0) != tid;
        wrong += site_any(0, 0, 0, SYS_getppid) != parent;
        if (i % 100 == 0)
            sched_yield();
    }
    return (void *)wrong;
}

static void threads(void)
{
    pthread_t all[THREADS];
    handle(SIGALRM, count, SA_RESTART);
    pthread_barrier_init(&barrier, NULL, THREADS);
    every(2000);
    for (int i = 0; i < THREADS; i++)
        EXPECT_EQ(0, pthread_create(&all[i], NULL, hammer, NULL));
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(all[i], &wrong);
        EXPECT_EQ(0, wrong);
    }
    every(0);
}

static void forks(void)
{
    heat();
    for (int i = 0; i < 60; i++) {
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            for (int j = 0; j < 20; j++)
                if (site_getppid(0, 0, 0) != parent || site_getpid(0, 0, 0) != getpid() || site_getpid(0, 0, 0) == parent)
                    _exit(1);
            if (i % 10 == 0) { // a grandchild
                pid_t self = getpid(), grandchild = fork();
                if (grandchild == 0)
                    _exit(site_getppid(0, 0, 0) == self ? 0 : 2);
                int status;
                waitpid(grandchild, &status, 0);
                _exit(WEXITSTATUS(status));
            }
            _exit(0);
        }
        int status;
        EXPECT_EQ(child, waitpid(child, &status, 0));
        EXPECT_EQ(0, status);
    }
}

static void execs(void)
{
    heat();
    for (int i = 0; i < 40; i++) {
        volatile int shared = 0;
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        pid_t child = vfork();
        if (child == 0) {
            shared = site_getpid(0, 0, 0);
            execl("/proc/self/exe", "signals", "--exit", number, NULL);
            _exit(99);
        }
        int status;
        EXPECT_EQ(child, waitpid(child, &status, 0));
        EXPECT_EQ(child, shared);
        EXPECT_EQ(i << 8, status);
    }
}

// --- A tracer -------------------------------------------------------------------------------------------------------

static void tracer(void)
{
    // The code as it was linked, as far as anyone but its own loads can see.
    uint64_t linked[16], text = (uint64_t)tight_start & ~7UL;
    int file = open("/proc/self/mem", O_RDONLY);
    EXPECT_EQ(sizeof linked, pread(file, linked, sizeof linked, text));
    close(file);
    long calls = 0;
    volatile long *progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        tight_parent = getppid();
        while (!progress[1]) {
            if (tight_loop(10, tight_parent))
                _exit(1);
            progress[0]++;
        }
        _exit(42);
    }
    int status;
    for (int round = 0; round < 3; round++) {
        // Hot again before each attach.
        for (calls = progress[0]; progress[0] < calls + HOT / 10;)
            sched_yield();
        EXPECT_EQ(0, ptrace(PTRACE_ATTACH, child, 0, 0));
        EXPECT_EQ(child, waitpid(child, &status, 0));
        EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        for (unsigned i = 0; i < sizeof linked / 8; i++)
            EXPECT_EQ(linked[i], ptrace(PTRACE_PEEKTEXT, child, text + 8 * i, 0));
        // Breakpoint at the loop's start, then step by step round it.
        uint64_t start = (uint64_t)tight_start;
        uint64_t word = ptrace(PTRACE_PEEKTEXT, child, start, 0);
        EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, child, start, (word & ~0xffUL) | 0xcc));
        EXPECT_EQ(0, ptrace(PTRACE_CONT, child, 0, 0));
        EXPECT_EQ(child, waitpid(child, &status, 0));
        EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        struct user_regs_struct registers;
        EXPECT_EQ(0, ptrace(PTRACE_GETREGS, child, 0, &registers));
        EXPECT_EQ(start + 1, registers.rip);
        registers.rip = start;
        EXPECT_EQ(0, ptrace(PTRACE_SETREGS, child, 0, &registers));
        EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, child, start, word));
        static const int lengths[] = {5, 2, 3, 2, 5, 1, 2};
        uint64_t rip = start;
        for (int step = 0; step < 7; step++) {
            rip += lengths[step];
            EXPECT_EQ(0, ptrace(PTRACE_SINGLESTEP, child, 0, 0));
            EXPECT_EQ(child, waitpid(child, &status, 0));
            EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
            EXPECT_EQ(0, ptrace(PTRACE_GETREGS, child, 0, &registers));
            EXPECT_EQ(rip, registers.rip);
            if (step == 1 || step == 6) {
                EXPECT_EQ(getpid(), registers.rax);
                EXPECT_EQ(rip, registers.rcx);
            }
        }
        // Stops at entry and exit of the calls; the results changed by the tracer at one of them, and changed back.
        EXPECT_EQ(0, ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
        for (int i = 0; i < 20; i++) {
            EXPECT_EQ(0, ptrace(PTRACE_SYSCALL, child, 0, 0));
            EXPECT_EQ(child, waitpid(child, &status, 0));
            EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
            EXPECT_EQ(0, ptrace(PTRACE_GETREGS, child, 0, &registers));
            EXPECT(registers.rip == (uint64_t)tight_after || registers.rip == (uint64_t)tight_second_after);
            EXPECT_EQ(SYS_getppid, registers.orig_rax);
            EXPECT_EQ(i % 2 ? getpid() : -ENOSYS, registers.rax);
            if (i == 10) { // another call in its place
                registers.orig_rax = SYS_getpid;
                EXPECT_EQ(0, ptrace(PTRACE_SETREGS, child, 0, &registers));
                EXPECT_EQ(0, ptrace(PTRACE_SYSCALL, child, 0, 0));
                EXPECT_EQ(child, waitpid(child, &status, 0));
                EXPECT_EQ(0, ptrace(PTRACE_GETREGS, child, 0, &registers));
                EXPECT_EQ(child, registers.rax);
                registers.rax = getpid();
                EXPECT_EQ(0, ptrace(PTRACE_SETREGS, child, 0, &registers));
                i++;
            }
        }
        // int3 over the syscall of the pair itself.
        uint64_t at = (uint64_t)tight_call;
        word = ptrace(PTRACE_PEEKTEXT, child, at, 0);
        EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, child, at, (word & ~0xffUL) | 0xcc));
        EXPECT_EQ(0, ptrace(PTRACE_CONT, child, 0, 0));
        EXPECT_EQ(child, waitpid(child, &status, 0));
        EXPECT(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        EXPECT_EQ(0, ptrace(PTRACE_GETREGS, child, 0, &registers));
        EXPECT_EQ(at + 1, registers.rip);
        EXPECT_EQ(SYS_getppid, registers.rax);
        EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, child, at, word));
        registers.rip = at;
        EXPECT_EQ(0, ptrace(PTRACE_SETREGS, child, 0, &registers));
        EXPECT_EQ(0, ptrace(PTRACE_DETACH, child, 0, 0));
    }
    for (calls = progress[0]; progress[0] < calls + HOT / 10;)
        sched_yield();
    progress[1] = 1;
    EXPECT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(42 << 8, status);
}

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        {"restarted-reads", restarted_reads}, {"interrupted-reads", interrupted_reads}, {"restart-syscall", restart_syscall},
        {"interrupted-sleep", interrupted_sleep}, {"redirecting-handlers", redirecting_handlers}, {"tight-loops", tight_loops},
        {"alternative-stack", alternative_stack}, {"nested-calls", nested_calls}, {"faults", faults}, {"page-end", page_end},
        {"seccomp", seccomp}, {"user-dispatch", user_dispatch}, {"threads", threads}, {"forks", forks}, {"execs", execs},
        {"tracer", tracer},
    };
    if (argc == 3 && !strcmp(argv[1], "--exit"))
        return site_getpid(0, 0, 0) == getpid() ? atoi(argv[2]) : 98;
    return RUN_CHECKS(checks, argv);
}
