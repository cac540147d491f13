// SPDX-License-Identifier: Apache-2.0
// A program that tries to do harm to the host. Kernel parameters: hostile.mode=calls (every system-call number by every
// instruction) or jumps (into the gate, with chosen registers), hostile.path= a file to make, hostile.pid= a process to
// kill, hostile.port= a TCP port to connect to; for jumps hostile.start= and hostile.stride= the attempts to make. Prints
// "at N" before each jump, and "calls done" or "jumps done" at its end.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GATE 0x7be000000000UL
#define GATE_SIZE 0x10000UL
#define VCPU_PAGE 0x7be000010000UL
#define CODE_CACHE 0x7be000100000UL
#define STUB 0x7bd000000000UL
#define BRANCH_TABLE 0x7bfb80000000UL
#define CODE_CACHE_SAMPLES 64
#define SAMPLES 16

#define LAST_CALL 600
#define CHILD_MILLISECONDS 40

enum way { SYSCALL, INT80, SYSENTER, WAYS };

static const struct {
    int syscall, int80;
    const char *reason;
} skipped[] = {
    {SYS_reboot, 88, "reboot: ends the guest"},
    {SYS_vhangup, 111, "vhangup: takes away the console that progress goes to"},
};

static const char *way_names[] = {"syscall", "int 0x80", "sysenter"};
static char path[4096], cmdline[4096];
static long victim, port, start, stride = 1;
static volatile int *next_call;

static char *parameter(const char *name)
{
    static char value[4096];
    char *at = strstr(cmdline, name);
    value[0] = 0;
    if (at)
        sscanf(at + strlen(name), "%4095s", value);
    return value;
}

// Waits for a child for a while, then kills it.
static void await(pid_t child)
{
    for (int i = 0; i < CHILD_MILLISECONDS; i++) {
        if (waitpid(child, NULL, WNOHANG) == child)
            return;
        usleep(1000);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

// --- System calls ---------------------------------------------------------------------------------------------------

static void call(enum way way, long number, const long a[4])
{
    long result = number;
    register long r10 __asm__("r10") = a[3];
    switch (way) {
    case SYSCALL:
        __asm__ volatile("syscall"
                         : "+a"(result), "+r"(r10)
                         : "D"(a[0]), "S"(a[1]), "d"(a[2])
                         : "rcx", "r8", "r9", "r11", "memory");
        break;
    case INT80:
        __asm__ volatile("push %%rbx; mov %%rdi, %%rbx; mov %%rsi, %%rcx; mov %4, %%rsi; int $0x80; pop %%rbx"
                         : "+a"(result)
                         : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10)
                         : "rcx", "r8", "r9", "r11", "memory");
        break;
    default:
        __asm__ volatile("push %%rbp; mov %%rsp, %%rbp; sysenter; pop %%rbp"
                         : "+a"(result)
                         : "D"(a[0]), "S"(a[1]), "d"(a[2])
                         : "rbx", "rcx", "r8", "r9", "r11", "memory");
    }
}

static int is_skipped(enum way way, int number)
{
    for (unsigned i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (number == (way == SYSCALL ? skipped[i].syscall : skipped[i].int80))
            return 1;
    return 0;
}

static void calls_of_child(enum way way, const long a[4])
{
    pid_t self = getpid();
    while (*next_call <= LAST_CALL) {
        int number = (*next_call)++;
        if (is_skipped(way, number))
            continue;
        call(way, number, a);
        if (syscall(SYS_getpid) != self)
            _exit(0); // what fork and its like have made
    }
    _exit(0);
}

static void calls(void)
{
    const long arguments[][4] = {
        {(long)path, 0x42, 0666, 0},          // open, creat, mkdir, execve …
        {-100, (long)path, 0x42, 0666},       // openat, mkdirat …
        {victim, SIGKILL, SIGKILL, SIGKILL},  // kill, tkill
        {0x10, victim, 0, 0},                 // ptrace(PTRACE_ATTACH)
        {SIGCHLD, 0, 0, 0},                   // clone
    };
    next_call = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < sizeof skipped / sizeof *skipped; i++)
        printf("skipped %s\n", skipped[i].reason);
    for (int way = 0; way < WAYS; way++) {
        for (unsigned i = 0; i < sizeof arguments / sizeof *arguments; i++) {
            printf("calls by %s, arguments %u\n", way_names[way], i);
            fflush(stdout);
            for (*next_call = 0; *next_call <= LAST_CALL;) {
                int before = *next_call;
                pid_t child = fork();
                if (child == 0)
                    calls_of_child(way, arguments[i]);
                await(child);
                if (way == SYSENTER && *next_call >= 8)
                    break; // it ends the child each time
                if (*next_call == before)
                    (*next_call)++;
            }
        }
    }
    pid_t child = fork();
    if (child == 0) { // alignment checks, which the kernel must not inherit
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; movb $1, (%0); movl $1, 1(%0)" ::"r"(page) : "memory");
    }
    await(child);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(fd, (struct sockaddr *)&address, sizeof address);
    puts("calls done");
}

// --- Jumps ----------------------------------------------------------------------------------------------------------

// rax, rdi, rsi, rdx, r10, r8, r9, rbx, r12, rcx, rbp
#define REGISTERS 11
long registers[REGISTERS];
unsigned long target;

static char own[8192] __attribute__((aligned(4096)));

__attribute__((noinline)) static void jump(void)
{
    __asm__ volatile("call 1f\n"
                     "jmp 2f\n"
                     "1: mov registers, %%rax\n"
                     "mov registers+8, %%rdi\n"
                     "mov registers+16, %%rsi\n"
                     "mov registers+24, %%rdx\n"
                     "mov registers+32, %%r10\n"
                     "mov registers+40, %%r8\n"
                     "mov registers+48, %%r9\n"
                     "mov registers+56, %%rbx\n"
                     "mov registers+64, %%r12\n"
                     "mov registers+72, %%rcx\n"
                     "mov registers+80, %%rbp\n"
                     "jmp *target\n"
                     "2:\n" ::
                         : "memory");
    _exit(0);
}

static void jumps(void)
{
    const long commands = VCPU_PAGE + 0x1000;
    const long patterns[][REGISTERS] = {
        {SYS_munmap, (long)own, 4096, 0, 0, 0, 0, (long)own, 1, GATE, 0},
        {SYS_mmap, GATE, 0x1000, 7, 0x4011, 3, 0, commands, 1, (long)own, GATE},
        {SYS_mprotect, GATE, GATE_SIZE, 7, 0, 0, 0, (long)own, 1, -1, -1},
        {SYS_open, (long)path, 0x42, 0666, 0, 0, 0, (long)own, 2, (long)own, 0},
        {SYS_kill, victim, SIGKILL, 0, 0, 0, 0, commands, 1, GATE, 0},
        {SYS_munmap, GATE, GATE_SIZE, 0, 0, 0, 0, commands, 1, 0x100000, 0},
        {SYS_munmap, STUB, 0x7fff0000000, 0, 0, 0, 0, commands, 200, 0, 0},
        {VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE, VCPU_PAGE,
         VCPU_PAGE},
        {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
    };
    const long count = sizeof patterns / sizeof *patterns;
    const long end = GATE_SIZE + CODE_CACHE_SAMPLES + 3 * SAMPLES;
    for (long i = start; i < end; i += i >= 4096 && i < (long)GATE_SIZE && stride > 1 ? 16 * stride : stride) {
        long other = i - GATE_SIZE;
        if (other < 0)
            target = GATE + i;
        else if (other < CODE_CACHE_SAMPLES)
            target = CODE_CACHE + other * 4099;
        else if ((other -= CODE_CACHE_SAMPLES) < SAMPLES)
            target = STUB + other * 3;
        else if ((other -= SAMPLES) < SAMPLES)
            target = BRANCH_TABLE + other * 0x10000001;
        else
            target = VCPU_PAGE + (other - SAMPLES) * 0x3ff;
        printf("at %ld 0x%lx pattern %ld\n", i, target, i % count);
        fflush(stdout);
        memcpy(registers, patterns[i % count], sizeof registers);
        if (registers[7] == (long)own)
            memcpy(own, (long[]){SYS_kill, victim, SIGKILL, 0, 0, 0, 0, 0}, 64);
        pid_t child = fork();
        if (child == 0)
            jump();
        await(child);
    }
    puts("jumps done");
}

int main(void)
{
    FILE *file = fopen("/proc/cmdline", "r");
    if (!file || !fgets(cmdline, sizeof cmdline, file))
        return 1;
    fclose(file);
    strcpy(path, parameter("hostile.path="));
    victim = atol(parameter("hostile.pid="));
    port = atol(parameter("hostile.port="));
    if (!strcmp(parameter("hostile.mode="), "calls")) {
        calls();
        return 0;
    }
    start = atol(parameter("hostile.start="));
    stride = atol(parameter("hostile.stride="));
    jumps();
    return 0;
}
