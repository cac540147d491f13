// SPDX-License-Identifier: Apache-2.0
//
// System calls from sites that a monitor may patch: every way into their bytes has to do what the processor does. Runs natively
// as well; says "ok NAME" for each test. Built with gcc -static -O1 -pthread.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

// Calls after which every site is patched that will be.
#define WARM 200

#define CHECK(condition)                                                                         \
    do {                                                                                         \
        if (!(condition)) {                                                                      \
            printf("FAILED line %d: %s\n", __LINE__, #condition);                                \
            failed = 1;                                                                          \
            return;                                                                              \
        }                                                                                        \
    } while (0)

static int failed;

// --- Sites: each in the middle of its page, behind code -------------------------------------------------------------------

#define SITE(name, code)                                                                         \
    extern long name(long a, void *b, long c);                                                   \
    extern char name##_site[], name##_end[];                                                     \
    asm(".text; .p2align 12; .skip 512, 0x90; .globl " #name "\n" #name ":\n" code               \
        "\n" #name "_end: ret\n")

SITE(mov_eax_getppid, "mov_eax_getppid_site: mov $110,%eax; syscall");
SITE(mov_rax_getppid, "mov_rax_getppid_site: mov $110,%rax; syscall");
SITE(compare_getppid, "push $110; pop %rax; compare_getppid_site: syscall; cmp $-4096,%rax");
SITE(mov_eax_read, "mov_eax_read_site: mov $0,%eax; syscall");
SITE(compare_read, "xor %eax,%eax; compare_read_site: syscall; cmp $-4096,%rax");
SITE(compare_write, "push $1; pop %rax; compare_write_site: syscall; cmp $-4096,%rax");

// Operands that look like "mov $39,%eax; syscall" from behind.
SITE(fake_store,
     "push %rbp; lea 0x48(%rsi),%rbp; mov $39,%eax; fake_store_site: .byte 0xc7,0x45,0xb8; .long 39; syscall; pop %rbp");
SITE(fake_r8, "mov $39,%eax; fake_r8_site: mov $39,%r8d; syscall; mov %r8,(%rsi)");

// --- All registers and flags ------------------------------------------------------------------------------------------------

// Calls rdi with every register set, and stores them all: rax … r15 in encoding order, flags.
extern void snapshot(void *site, long *into);
asm(".text; .p2align 4; .globl snapshot\nsnapshot:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rdi,target(%rip); mov %rsi,place(%rip); mov %rsp,stack(%rip)\n"
    "mov $0x1111,%edi; mov $0x2222,%esi; mov $0x3333,%edx; mov $0x4444,%ebx; mov $0x5555,%ebp\n"
    "mov $0x6666,%r8d; mov $0x7777,%r9d; mov $0x8888,%r10d; mov $0x9999,%r11d; mov $0xaaaa,%r12d\n"
    "mov $0xbbbb,%r13d; mov $0xcccc,%r14d; mov $0xdddd,%r15d; mov $0xeeee,%ecx; mov $0xffff,%eax\n"
    "push $0xad7; popf\n" // CF, PF, AF, ZF, SF, OF, IF
    "call *target(%rip)\n"
    "mov %rcx,rcx_then(%rip); mov place(%rip),%rcx\n"
    "mov %rax,0(%rcx); mov %rdx,16(%rcx); mov %rbx,24(%rcx); mov %rsp,32(%rcx); mov %rbp,40(%rcx)\n"
    "mov %rsi,48(%rcx); mov %rdi,56(%rcx); mov %r8,64(%rcx); mov %r9,72(%rcx); mov %r10,80(%rcx)\n"
    "mov %r11,88(%rcx); mov %r12,96(%rcx); mov %r13,104(%rcx); mov %r14,112(%rcx); mov %r15,120(%rcx)\n"
    "pushf; pop %rdx; mov %rdx,128(%rcx); mov rcx_then(%rip),%rdx; mov %rdx,8(%rcx)\n"
    "mov stack(%rip),%rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
    ".local target, place, stack, rcx_then\n.comm target,8\n.comm place,8\n.comm stack,8\n.comm rcx_then,8\n");

static void registers_of(void *site, char *return_rip) {
    long first[17], now[17];
    snapshot(site, first);
    CHECK(first[0] == getppid());
    CHECK((char *)first[1] == return_rip);
    for (int i = 0; i < WARM; i++) {
        memset(now, 0, sizeof now);
        snapshot(site, now);
        for (int j = 0; j < 17; j++) {
            if (now[j] != first[j]) {
                printf("call %d, word %d: %lx, at first %lx\n", i, j, now[j], first[j]);
            }
        }
        CHECK(memcmp(first, now, sizeof now) == 0);
    }
}

static void registers(void) {
    registers_of(mov_eax_getppid, mov_eax_getppid_end);
    registers_of(mov_rax_getppid, mov_rax_getppid_end);
    registers_of(compare_getppid, compare_getppid_site + 2);
}

// --- Signals ----------------------------------------------------------------------------------------------------------------

static int ends[2];
static volatile long signal_rip, signal_rax;

static void on_alarm(int number, siginfo_t *info, void *context) {
    ucontext_t *u = context;
    signal_rip = u->uc_mcontext.gregs[REG_RIP];
    signal_rax = u->uc_mcontext.gregs[REG_RAX];
    (void)number;
    (void)info;
    (void)!write(ends[1], "x", 1);
}

static long read_with_alarm(long (*site)(long, void *, long), int flags) {
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | flags};
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    char byte;
    signal_rip = 0;
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &soon, 0);
    long result = site(ends[0], &byte, 1);
    if (flags == 0) {
        (void)!read(ends[0], &byte, 1);
    }
    return result;
}

static void signals_at(long (*site)(long, void *, long), char *syscall_rip) {
    char byte;
    for (int i = 0; i < WARM; i++) {
        CHECK(write(ends[1], "x", 1) == 1);
        CHECK(site(ends[0], &byte, 1) == 1);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(read_with_alarm(site, SA_RESTART) == 1);
        CHECK((char *)signal_rip == syscall_rip && signal_rax == SYS_read);
        CHECK(read_with_alarm(site, 0) == -EINTR);
        CHECK((char *)signal_rip == syscall_rip + 2 && signal_rax == -EINTR);
    }
}

static void signals(void) {
    CHECK(pipe(ends) == 0);
    signals_at(mov_eax_read, mov_eax_read_site + 5);
    signals_at(compare_read, compare_read_site);
}

// --- Ways into the middle ---------------------------------------------------------------------------------------------------

static long call_at(char *rip, long number) {
    long result;
    asm volatile("push %%rbx; call *%[rip]; pop %%rbx"
                 : "=a"(result)
                 : "a"(number), [rip] "D"(rip)
                 : "rcx", "r11", "memory", "cc");
    return result;
}

static void middle(void) {
    for (int i = 0; i < WARM; i++) {
        CHECK(mov_eax_getppid(0, 0, 0) == getppid());
        CHECK(mov_rax_getppid(0, 0, 0) == getppid());
        CHECK(compare_getppid(0, 0, 0) == getppid());
        CHECK(call_at(mov_eax_getppid_site + 5, SYS_getpid) == getpid());
        CHECK(call_at(mov_rax_getppid_site + 7, SYS_getpid) == getpid());
        CHECK(call_at(compare_getppid_site, SYS_getpid) == getpid());
        CHECK(call_at(compare_getppid_site + 2, 5) == 5);
    }
}

// Bytes before a call that only look like a mov.
static void fakes(void) {
    for (int i = 0; i < WARM; i++) {
        int stored = 0;
        long r8 = 0;
        CHECK(fake_store(0, &stored, 0) == getpid());
        CHECK(stored == 39);
        CHECK(fake_r8(0, &r8, 0) == getpid());
        CHECK(r8 == 39);
    }
}

// --- A debugger -------------------------------------------------------------------------------------------------------------

// Offsets from a function's start at which a single-stepped child stops; the last is that of ret.
static void step_through(long (*site)(long, void *, long), const int *offsets, int count) {
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        for (int i = 0; i < WARM; i++) {
            site(0, 0, 0);
        }
        raise(SIGSTOP);
        for (int i = 0; i < 3; i++) {
            site(0, 0, 0);
        }
        _exit(7);
    }
    int status, seen = 0;
    struct user_regs_struct registers;
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    for (int rounds = 0; rounds < 3;) {
        CHECK(ptrace(PTRACE_SINGLESTEP, child, 0, 0) == 0);
        CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
        CHECK(WSTOPSIG(status) == SIGTRAP);
        ptrace(PTRACE_GETREGS, child, 0, &registers);
        long offset = registers.rip - (long)site;
        if (seen == 0 && offset != 0) {
            continue;
        }
        if (offset != offsets[seen]) {
            printf("round %d, stop %d: offset %ld\n", rounds, seen, offset);
        }
        CHECK(offset == offsets[seen]);
        if (++seen == count) {
            CHECK((pid_t)registers.rax == getpid());
            seen = 0;
            rounds++;
        }
    }
    CHECK(ptrace(PTRACE_CONT, child, 0, 0) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void stepping(void) {
    step_through(mov_eax_getppid, (int[]){0, 5, 7}, 3);
    step_through(mov_rax_getppid, (int[]){0, 7, 9}, 3);
    step_through(compare_getppid, (int[]){0, 2, 3, 5, 11}, 5);
}

// --- Code that changes ------------------------------------------------------------------------------------------------------

static void writes(void) {
    unsigned char code[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
                            0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
    int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    unsigned char *page = mmap(0, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    memcpy(page, code, sizeof code);
    long (*call)(void) = (long (*)(void))(uintptr_t)page;
    for (int round = 0; round < 6; round++) {
        volatile unsigned char *number = page + 13;
        *number = round % 2 ? SYS_getpid : SYS_getppid;
        for (int i = 0; i < WARM; i++) {
            CHECK(call() == (round % 2 ? getpid() : getppid()));
        }
    }
    // Data on the page, as JIT compilers have it.
    for (int i = 0; i < WARM; i++) {
        page[256 + i] = i;
        CHECK(call() == getpid());
    }
    CHECK(page[13] == SYS_getpid && page[256 + 7] == 7);
    // The page goes, and another comes in its place.
    code[13] = SYS_getppid;
    CHECK(mmap(page, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
    memcpy(page, code, sizeof code);
    for (int i = 0; i < WARM; i++) {
        CHECK(call() == getppid());
    }
}

// --- Many in the kernel at a time -------------------------------------------------------------------------------------------

static int to[2], from[2];

static void *echo(void *unused) {
    int value;
    while (compare_read(to[0], &value, sizeof value) == sizeof value) {
        value++;
        compare_write(from[1], &value, sizeof value);
    }
    return unused;
}

static void rounds(int count) {
    for (int i = 0; i < count; i++) {
        int value = i;
        CHECK(compare_write(to[1], &value, sizeof value) == sizeof value);
        CHECK(compare_read(from[0], &value, sizeof value) == sizeof value);
        CHECK(value == i + 1);
    }
}

static void threads(void) {
    pthread_t thread;
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    CHECK(pthread_create(&thread, 0, echo, 0) == 0);
    rounds(3000);
    close(to[1]);
    pthread_join(thread, 0);
}

static void processes(void) {
    int status;
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(to[1]);
        echo(0);
        _exit(3);
    }
    close(to[0]);
    rounds(3000);
    close(to[1]);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
}

// --- The monitor's table of sites -------------------------------------------------------------------------------------------

// Last: the table gives way for good.
static void low_page(void) {
    volatile long *page = mmap((void *)0x50000, 0x20000, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK((long)page == 0x50000);
    for (int i = 0; i < 0x4000; i += 512) {
        CHECK(page[i] == 0);
        page[i] = i + 1;
    }
    for (int i = 0; i < WARM; i++) {
        CHECK(mov_eax_getppid(0, 0, 0) == getppid());
        CHECK(compare_getppid(0, 0, 0) == getppid());
    }
    CHECK(page[512] == 513);
}

static void run(const char *name, void (*test)(void)) {
    int before = failed;
    failed = 0;
    test();
    printf("%s %s\n", failed ? "failed" : "ok", name);
    fflush(stdout);
    failed |= before;
}

int main(void) {
    run("registers", registers);
    run("signals", signals);
    run("middle", middle);
    run("fakes", fakes);
    run("stepping", stepping);
    run("writes", writes);
    run("threads", threads);
    run("processes", processes);
    run("low page", low_page);
    return failed;
}
