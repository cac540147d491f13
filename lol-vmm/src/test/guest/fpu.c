// SPDX-License-Identifier: Apache-2.0
// Torture of the floating-point and vector state. Several processes of several threads each load all registers the CPU
// offers (x87, SSE, AVX, AVX-512) with random contents, let something happen to them (a switch, a page fault, a signal,
// an exception, fork), store the registers and compare bit by bit. Handlers of signals destroy all registers.
//
// usage: fpu [events]; as a guest's init script it takes the count from the kernel's parameter lol.fpu-events. With
// lol.fpu-sparse there are also states whose bits 128..255 are zero while those above are not.
// Prints "ok <event> events=<n>" for each kind. After the first event with a difference it names the registers and exits
// with 1.
#define _GNU_SOURCE
#include <cpuid.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PROCESSES 3
#define THREADS 2
#define DEFAULT_EVENTS 100000
#define PAGE 4096
#define FRESH_PAGES 64
#define ALARM_MICROSECONDS 3000
#define SPIN_LIMIT 500000000

enum { SSE, AVX, AVX512 };

// FXSAVE image, Intel SDM vol. 1 section 10.5.1.
struct fx {
    uint16_t fcw, fsw;
    uint8_t ftw, reserved, fop[2], fip[8], fdp[8];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t st[8][16];
    uint8_t xmm[16][16];
    uint8_t rest[96];
};

struct state {
    uint8_t zmm[32][64];
    uint64_t k[8];
    struct fx fx;
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct state, k) == 2048 && offsetof(struct state, fx) == 2112, "the assembly knows them");

int level;

void load_state(const struct state *from);
long round_trip(const struct state *from, struct state *to, void (*event)(void), const long *arguments);
void by_syscall(void);
void by_store(void);
void by_division(void);
void by_sse_division(void);
void by_x87_division(void);
void by_waiting(void);

// Between load and store only general registers are used. An event finds its arguments at r13.
asm(".text\n"
    ".globl load_state, round_trip, by_syscall, by_store, by_division, by_sse_division, by_x87_division, by_waiting\n"
    "load_state:\n" // rdi: from
    "  fxrstor64 2112(%rdi)\n"
    "  cmpl $1, level(%rip)\n"
    "  jb 9f\n"
    "  ja 1f\n"
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
    "  vmovdqu \\i*64(%rdi), %ymm\\i\n"
    ".endr\n"
    "  ret\n"
    "1:\n"
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  vmovdqu64 \\i*64(%rdi), %zmm\\i\n"
    ".endr\n"
    ".irp i,0,1,2,3,4,5,6,7\n"
    "  kmovq 2048+\\i*8(%rdi), %k\\i\n"
    ".endr\n"
    "9: ret\n"

    "store_state:\n" // rdi: to; leaves the registers as C wants them
    "  fxsave64 2112(%rdi)\n"
    "  cmpl $1, level(%rip)\n"
    "  jb 9f\n"
    "  ja 1f\n"
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
    "  vmovdqu %ymm\\i, \\i*64(%rdi)\n"
    ".endr\n"
    "  jmp 2f\n"
    "1:\n"
    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  vmovdqu64 %zmm\\i, \\i*64(%rdi)\n"
    ".endr\n"
    ".irp i,0,1,2,3,4,5,6,7\n"
    "  kmovq %k\\i, 2048+\\i*8(%rdi)\n"
    ".endr\n"
    "2: vzeroupper\n"
    "9: fninit\n"
    "  ldmxcsr initial_mxcsr(%rip)\n"
    "  ret\n"
    "initial_mxcsr: .long 0x1f80\n"

    "round_trip:\n" // rdi: from, rsi: to, rdx: event, rcx: arguments
    "  push %rbx\n"
    "  push %r12\n"
    "  push %r13\n"
    "  mov %rsi, %r12\n"
    "  mov %rdx, %rbx\n"
    "  mov %rcx, %r13\n"
    "  call load_state\n"
    "  call *%rbx\n"
    "  mov %rax, %rbx\n"
    "  mov %r12, %rdi\n"
    "  call store_state\n"
    "  mov %rbx, %rax\n"
    "  pop %r13\n"
    "  pop %r12\n"
    "  pop %rbx\n"
    "  ret\n"

    "by_syscall:\n"
    "  mov (%r13), %rax\n"
    "  mov 8(%r13), %rdi\n"
    "  mov 16(%r13), %rsi\n"
    "  mov 24(%r13), %rdx\n"
    "  syscall\n"
    "  ret\n"
    "by_store:\n"
    "  mov (%r13), %rax\n"
    "  movups %xmm3, (%rax)\n"
    "  ret\n"
    "by_division:\n"
    "  xor %edx, %edx\n"
    "  mov $1, %eax\n"
    "  xor %ecx, %ecx\n"
    "  divl %ecx\n"
    "  ret\n"
    "by_sse_division:\n"
    "  divsd %xmm1, %xmm0\n"
    "  ret\n"
    "by_x87_division:\n"
    "  fdiv %st(1), %st\n"
    "  fwait\n"
    "  ret\n"
    "by_waiting:\n" // until the word at the first argument changes
    "  mov (%r13), %rax\n"
    "  mov 8(%r13), %rcx\n"
    "  mov (%rax), %edx\n"
    "1: cmp %edx, (%rax)\n"
    "  jne 2f\n"
    "  pause\n"
    "  dec %rcx\n"
    "  jnz 1b\n"
    "2: mov %rcx, %rax\n"
    "  ret\n");

enum { YIELD, GETPPID, PAGE_FAULT, SIGNAL, SEGV, DIVISION, SSE_DIVISION, X87_DIVISION, WAITING, SLEEP, FORK, KINDS };

// Each kind happens about weight times in 4096 rounds: the dear ones are rare.
static const struct {
    const char *name;
    int weight;
} kinds[KINDS] = {
    [YIELD] = {"sched_yield", 2300},
    [GETPPID] = {"getppid", 600},
    [PAGE_FAULT] = {"page-fault", 500},
    [SIGNAL] = {"signal", 250},
    [SEGV] = {"sigsegv", 160},
    [DIVISION] = {"division-by-0", 90},
    [SSE_DIVISION] = {"sse-division-by-0", 90},
    [X87_DIVISION] = {"x87-division-by-0", 86},
    [WAITING] = {"alarm", 8},
    [SLEEP] = {"nanosleep", 10},
    [FORK] = {"fork", 2},
};

// Shared by all processes.
static struct {
    long events[KINDS];
    long handled;
} *counts;

static struct state garbage;
static volatile unsigned alarms;
static _Thread_local int failures;
static int sparse;

struct worker {
    int number;
    long events;
    uint64_t seed;
    uint8_t *fresh;
    int next_fresh;
    uint8_t *forbidden;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void fill(void *to, size_t bytes, uint64_t *seed)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t value = next_random(seed);
        memcpy((uint8_t *) to + i, &value, 8);
    }
}

static void put_number(struct fx *fx, int st, uint64_t significand, uint16_t exponent)
{
    memcpy(fx->st[st], &significand, 8);
    memcpy(fx->st[st] + 8, &exponent, 2);
}

// Random contents. In every other state some components are as after reset, as the CPU does not save those.
static void make_state(struct state *state, uint64_t *seed, int kind)
{
    memset(state, 0, sizeof *state);
    fill(state->zmm, sizeof state->zmm, seed);
    fill(state->k, sizeof state->k, seed);
    fill(state->fx.st, sizeof state->fx.st, seed);
    uint64_t r = next_random(seed);
    struct fx *fx = &state->fx;
    fx->fcw = 0x40 | (r & 0xf3f);
    fx->fsw = (r >> 16 & 0x7f00) | (r >> 32 & fx->fcw & 0x3f); // masked exceptions only
    fx->ftw = r >> 40;
    fx->mxcsr = r >> 48;
    r = next_random(seed);
    int initial = r & 1 ? r >> 1 & 31 : 0;
    if (!sparse && initial & 4) {
        initial |= 2;
    }
    for (int i = 0; i < 32; i++) {
        if (i >= 16 ? initial & 1 : initial & 2) {
            memset(state->zmm[i] + 32, 0, 32);
        }
        if (i >= 16 ? initial & 1 : initial & 4) {
            memset(state->zmm[i] + 16, 0, 16);
        }
        if (i >= 16 && initial & 1) {
            memset(state->zmm[i], 0, 16);
        }
    }
    if (initial & 8) {
        memset(state->k, 0, sizeof state->k);
    }
    if (initial & 16) {
        memset(fx, 0, sizeof *fx);
        fx->fcw = 0x37f;
        fx->mxcsr = 0x1f80;
    }
    if (kind == SSE_DIVISION) {
        double one = 1;
        memcpy(state->zmm[0], &one, 8);
        memset(state->zmm[1], 0, 8);
        fx->mxcsr &= ~0x204; // ZE is clear and not masked
    } else if (kind == X87_DIVISION) {
        put_number(fx, 0, 1ULL << 63, 0x3fff);
        put_number(fx, 1, 0, 0);
        fx->ftw = 0xff;
        fx->fcw &= ~4; // ZM
        fx->fsw &= 0x383b; // TOP and the other exceptions
    }
    for (int i = 0; i < 16; i++) {
        memcpy(fx->xmm[i], state->zmm[i], 16);
    }
}

// Reads up to 8 bytes.
static unsigned long long word(const uint8_t *bytes, int count)
{
    unsigned long long value = 0;
    memcpy(&value, bytes, count);
    return value;
}

static void compare(const struct worker *worker, int kind, const char *register_name, int index, const void *expected,
                    const void *actual, int bytes)
{
    for (int i = 0; i < bytes; i += 8) {
        int count = bytes - i < 8 ? bytes - i : 8;
        unsigned long long e = word((const uint8_t *) expected + i, count);
        unsigned long long a = word((const uint8_t *) actual + i, count);
        if (e != a) {
            dprintf(1, "FAILED %s: worker=%d, register=%s%d, byte=%d, expected=0x%llx, actual=0x%llx\n",
                    kinds[kind].name, worker->number, register_name, index, i, e, a);
            failures++;
        }
    }
}

static void compare_states(const struct worker *worker, int kind, const struct state *expected,
                           const struct state *actual)
{
    const struct fx *e = &expected->fx;
    const struct fx *a = &actual->fx;
    compare(worker, kind, "fcw", 0, &e->fcw, &a->fcw, 2);
    compare(worker, kind, "fsw", 0, &e->fsw, &a->fsw, 2);
    compare(worker, kind, "ftw", 0, &e->ftw, &a->ftw, 1);
    compare(worker, kind, "mxcsr", 0, &e->mxcsr, &a->mxcsr, 4);
    for (int i = 0; i < 8; i++) {
        compare(worker, kind, "st", i, e->st[i], a->st[i], 10);
    }
    for (int i = 0; i < 16; i++) {
        compare(worker, kind, "xmm", i, e->xmm[i], a->xmm[i], 16);
    }
    if (level >= AVX) {
        for (int i = 0; i < 16; i++) {
            compare(worker, kind, "ymm", i, expected->zmm[i], actual->zmm[i], 32);
        }
    }
    if (level >= AVX512) {
        for (int i = 0; i < 32; i++) {
            compare(worker, kind, "zmm", i, expected->zmm[i], actual->zmm[i], 64);
        }
        for (int i = 0; i < 8; i++) {
            compare(worker, kind, "k", i, &expected->k[i], &actual->k[i], 8);
        }
    }
}

static void require(int right, const char *what)
{
    if (!right) {
        dprintf(1, "FAILED %s: %m\n", what);
        _exit(1);
    }
}

// As its last act it destroys all registers; those of the interrupted code come back from the signal's frame.
static void on_signal(int number, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *) context)->uc_mcontext.gregs[REG_RIP];
    if (number == SIGALRM) {
        alarms++;
    } else if (number == SIGSEGV) {
        uintptr_t page = (uintptr_t) info->si_addr & -PAGE;
        require(mprotect((void *) page, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect of the page of a SIGSEGV");
    } else if (number == SIGFPE) {
        uint8_t opcode = *(uint8_t *) *rip;
        *rip += opcode == 0x9b ? 1 : opcode == 0xf7 ? 2 : 4; // fwait, divl, divsd
    }
    __atomic_add_fetch(&counts->handled, 1, __ATOMIC_RELAXED);
    load_state(&garbage);
}

// An event of the kind, with all registers loaded before and compared after.
static void one_round(struct worker *worker, int kind)
{
    static const struct timespec short_time = {0, 1000};
    struct state expected;
    struct state actual;
    long arguments[4] = {0};
    uint8_t *stored = NULL;
    void (*event)(void) = by_syscall;
    make_state(&expected, &worker->seed, kind);
    memset(&actual, 0x5a, sizeof actual);
    switch (kind) {
    case YIELD:
        arguments[0] = SYS_sched_yield;
        break;
    case GETPPID:
        arguments[0] = SYS_getppid;
        break;
    case PAGE_FAULT:
        if (worker->next_fresh == FRESH_PAGES) {
            require(madvise(worker->fresh, FRESH_PAGES * PAGE, MADV_DONTNEED) == 0, "madvise");
            worker->next_fresh = 0;
        }
        event = by_store;
        stored = worker->fresh + worker->next_fresh++ * PAGE;
        // Every third across two pages, with a fault on each.
        if (worker->next_fresh % 3 == 0 && worker->next_fresh < FRESH_PAGES) {
            worker->next_fresh++;
            stored += PAGE - 8;
        }
        break;
    case SIGNAL:
        arguments[0] = SYS_tgkill;
        arguments[1] = getpid();
        arguments[2] = gettid();
        arguments[3] = SIGUSR1;
        break;
    case SEGV:
        require(mprotect(worker->forbidden, PAGE, PROT_NONE) == 0, "mprotect");
        event = by_store;
        stored = worker->forbidden;
        break;
    case DIVISION:
        event = by_division;
        break;
    case SSE_DIVISION:
        event = by_sse_division;
        break;
    case X87_DIVISION:
        event = by_x87_division;
        break;
    case WAITING:
        event = by_waiting;
        arguments[0] = (long) &alarms;
        arguments[1] = SPIN_LIMIT;
        break;
    case SLEEP:
        arguments[0] = SYS_nanosleep;
        arguments[1] = (long) &short_time;
        break;
    case FORK:
        arguments[0] = SYS_fork;
        break;
    }
    if (stored != NULL) {
        arguments[0] = (long) stored;
    }
    long result = round_trip(&expected, &actual, event, arguments);
    if (kind == SSE_DIVISION) {
        expected.fx.mxcsr |= 4; // ZE
    } else if (kind == X87_DIVISION) {
        expected.fx.fsw |= 0x8084; // B, ES, ZE
    }
    compare_states(worker, kind, &expected, &actual);
    if (stored != NULL) {
        compare(worker, kind, "stored xmm", 3, expected.fx.xmm[3], stored, 16);
    }
    if (failures != 0) {
        _exit(1);
    }
    if (kind == FORK) {
        if (result == 0) {
            _exit(0);
        }
        int status = -1;
        require(result > 0, "fork");
        while (waitpid(result, &status, 0) < 0) {
        }
        require(status == 0, "registers of a forked child");
    }
    require(kind != WAITING || result != 0, "waiting for an alarm");
    __atomic_add_fetch(&counts->events[kind], 1, __ATOMIC_RELAXED);
}

static int choose(uint64_t random)
{
    int left = random & 4095;
    int kind = 0;
    while (kind < KINDS - 1 && left >= kinds[kind].weight) {
        left -= kinds[kind++].weight;
    }
    return kind;
}

static void *map(size_t bytes, int shared)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
    require(at != MAP_FAILED, "mmap");
    return at;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    worker->seed = 0x9e3779b97f4a7c15ULL * (worker->number + 1);
    worker->fresh = map(FRESH_PAGES * PAGE, 0);
    worker->forbidden = map(PAGE, 0);
    for (int kind = 0; kind < KINDS; kind++) {
        one_round(worker, kind);
    }
    for (long i = KINDS; i < worker->events; i++) {
        one_round(worker, choose(next_random(&worker->seed) >> 20));
    }
    return NULL;
}

static void run_process(int process, long events)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    int numbers[] = {SIGALRM, SIGUSR1, SIGSEGV, SIGFPE};
    for (int i = 0; i < 4; i++) {
        require(sigaction(numbers[i], &action, NULL) == 0, "sigaction");
    }
    struct itimerval timer = {{0, ALARM_MICROSECONDS}, {0, ALARM_MICROSECONDS}};
    require(setitimer(ITIMER_REAL, &timer, NULL) == 0, "setitimer");
    struct worker workers[THREADS] = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i].number = process * THREADS + i;
        workers[i].events = events / (PROCESSES * THREADS);
        require(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "pthread_create");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static int offered_level(void)
{
    unsigned a, b, c, d, xcr0, high;
    __cpuid(1, a, b, c, d);
    if ((c & bit_OSXSAVE) == 0 || (c & bit_AVX) == 0) {
        return SSE;
    }
    asm volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
    if ((xcr0 & 6) != 6) {
        return SSE;
    }
    __cpuid_count(7, 0, a, b, c, d);
    int avx512 = (b & bit_AVX512F) != 0 && (b & bit_AVX512BW) != 0 && (xcr0 & 0xe6) == 0xe6;
    return avx512 ? AVX512 : AVX;
}

static long wanted_events(int argc, char **argv)
{
    char line[4096] = "";
    FILE *file = fopen("/proc/cmdline", "r");
    if (argc > 1) {
        sparse = 1;
        return atol(argv[1]);
    }
    if (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sparse = strstr(line, "lol.fpu-sparse") != NULL;
        char *found = strstr(line, "lol.fpu-events=");
        if (found != NULL) {
            return atol(strchr(found, '=') + 1);
        }
    }
    return DEFAULT_EVENTS;
}

int main(int argc, char **argv)
{
    static const char *const levels[] = {"x87 sse", "x87 sse avx", "x87 sse avx avx512"};
    long events = wanted_events(argc, argv);
    uint64_t seed = 0x1234567;
    level = offered_level();
    counts = map(sizeof *counts, 1);
    make_state(&garbage, &seed, YIELD);
    printf("fpu started: state=%s, events=%ld\n", levels[level], events);
    fflush(stdout);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        require(children[i] >= 0, "fork");
        if (children[i] == 0) {
            run_process(i, events);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        require(wait(&status) > 0, "wait");
        if (status != 0) {
            for (int j = 0; j < PROCESSES; j++) {
                kill(children[j], SIGKILL);
            }
            dprintf(1, "FAILED a process ended: status=0x%x\n", status);
            return 1;
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    long total = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        printf("ok %s events=%ld\n", kinds[kind].name, counts->events[kind]);
        total += counts->events[kind];
    }
    printf("fpu ended: events=%ld, switches=%ld, signals=%ld, faults=%ld\n", total, usage.ru_nvcsw + usage.ru_nivcsw,
           counts->handled, usage.ru_minflt);
    return 0;
}
