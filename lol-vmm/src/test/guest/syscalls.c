// SPDX-License-Identifier: Apache-2.0
// System calls from call sites of many shapes, and what a program may rely on across one: results, registers, flags, the
// stack, segment bases. Every site is called often: a mechanism may treat its later calls otherwise than the first.
#define _GNU_SOURCE
#include "checks.h"

#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

enum { CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128, TF = 256, IF = 512, DF = 1024, OF = 2048, NT = 1 << 14, AC = 1 << 18, ID = 1 << 21 };
#define ALWAYS (IF | 2)

// --- Sites ----------------------------------------------------------------------------------------------------------

// Every site is a function without prologue; NAME_call is its syscall instruction, NAME_after the one behind it.
#define SITE(name, before, after) "site_" #name ": " before "\nsite_" #name "_call: syscall\nsite_" #name "_after: " after "\n"
#define DECLARE(name) void site_##name(void), site_##name##_call(void), site_##name##_after(void)

#define STR_(x) #x
#define STR(x) STR_(x)
#define GETPID STR(SYS_getpid)
#define GETPPID STR(SYS_getppid)

DECLARE(mov); DECLARE(mov_endbr); DECLARE(mov_rax); DECLARE(mov_r10); DECLARE(xor_cmp4096); DECLARE(go); DECLARE(glibc);
DECLARE(plain); DECLARE(test); DECLARE(nops); DECLARE(loop); DECLARE(twins); DECLARE(jump_behind); DECLARE(push_pop);
DECLARE(rex);
void site_twins_second(void), site_twins_second_after(void), site_before_ud2(void), site_before_ud2_after(void);

asm(".text\n.p2align 4\n"
    SITE(mov, "mov $" GETPID ",%eax", "ret")
    SITE(mov_endbr, "endbr64; mov $" GETPID ",%eax", "cmp $-4095,%rax; jae 1f; ret; 1: neg %rax; ret")
    SITE(mov_rax, "mov $" GETPID ",%rax", "ret")
    SITE(mov_r10, "mov %rcx,%r10; mov $" GETPID ",%eax", "ret")
    SITE(xor_cmp4096, "xor %eax,%eax", "cmp $-4096,%rax; ret")
    SITE(go, "", "cmp $0xfffffffffffff001,%rax; ret")
    SITE(glibc, "nop", "cmp $-4095,%rax; ret")
    SITE(plain, "", "ret")
    SITE(test, "mov $" GETPID ",%eax", "test %rax,%rax; ret")
    SITE(nops, "mov $" GETPID ",%eax; nop", "nopl 0(%rax,%rax,1); ret")
    SITE(rex, "mov $" GETPID ",%eax; .byte 0x48", "ret") // rex.w syscall
    // A backward jump to the syscall itself, with another number.
    SITE(loop, "mov $" GETPPID ",%eax; xor %r12d,%r12d", "inc %r12d; cmp $2,%r12d; je 1f; mov $" GETPID ",%eax; jmp site_loop_call; 1: ret")
    // Two sites as near to each other as can be.
    SITE(twins, "mov $" GETPPID ",%eax", "mov $" GETPID ",%eax")
    "site_twins_second: syscall\nsite_twins_second_after: ret\n"
    SITE(jump_behind, "mov $" GETPID ",%eax", "jmp 1f; ud2; 1: ret")
    SITE(push_pop, "push $" GETPID "; pop %rax", "ret")
    "site_before_ud2: mov $" GETPID ",%eax; syscall\nsite_before_ud2_after: ud2\n");

// Sites across a page boundary, after each of their bytes: 5 + 2 of mov; syscall and 2 + 6 of syscall; cmp.
asm(".text\n"
    ".irp k,1,2,3,4,5,6\n"
    ".balign 4096\n.skip 4096-\\k, 0x90\n"
    "site_mov_page\\k: mov $" GETPID ",%eax; syscall; ret\n"
    ".endr\n"
    ".irp k,1,2,3,4,5,6,7\n"
    ".balign 4096\n.skip 4096-\\k, 0x90\n"
    "site_cmp_page\\k: syscall; cmp $-4095,%rax; ret\n"
    ".endr\n");
void site_mov_page1(void), site_mov_page2(void), site_mov_page3(void), site_mov_page4(void), site_mov_page5(void),
    site_mov_page6(void), site_cmp_page1(void), site_cmp_page2(void), site_cmp_page3(void), site_cmp_page4(void),
    site_cmp_page5(void), site_cmp_page6(void), site_cmp_page7(void);

// --- Calls with all registers chosen --------------------------------------------------------------------------------

struct registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};
struct registers in, out;
void (*site)(void);
uint64_t kept_stack, rsp_at_call, rsp_after;

void call_with_registers(void);
void call_with_stack(void);
asm(".text\n"
    "call_with_registers:\n"
    "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "  sub $8, %rsp\n"
    "  mov in(%rip),%rax; mov in+8(%rip),%rbx; mov in+16(%rip),%rcx; mov in+24(%rip),%rdx\n"
    "  mov in+32(%rip),%rsi; mov in+40(%rip),%rdi; mov in+48(%rip),%rbp; mov in+56(%rip),%r8\n"
    "  mov in+64(%rip),%r9; mov in+72(%rip),%r10; mov in+80(%rip),%r11; mov in+88(%rip),%r12\n"
    "  mov in+96(%rip),%r13; mov in+104(%rip),%r14; mov in+112(%rip),%r15\n"
    "  push in+120(%rip); popfq\n"
    "  call *site(%rip)\n"
    "  mov %rax,out(%rip); mov %rbx,out+8(%rip); mov %rcx,out+16(%rip); mov %rdx,out+24(%rip)\n"
    "  mov %rsi,out+32(%rip); mov %rdi,out+40(%rip); mov %rbp,out+48(%rip); mov %r8,out+56(%rip)\n"
    "  mov %r9,out+64(%rip); mov %r10,out+72(%rip); mov %r11,out+80(%rip); mov %r12,out+88(%rip)\n"
    "  mov %r13,out+96(%rip); mov %r14,out+104(%rip); mov %r15,out+112(%rip)\n"
    "  pushfq; pop out+120(%rip)\n"
    "  push $2; popfq\n"
    "  add $8, %rsp\n"
    "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
    // Three calls, from sites of two shapes, with any value in rsp; in.rax times.
    "call_with_stack:\n"
    "  push %rbx; push %rbp; push %r12\n"
    "  mov %rsp,kept_stack(%rip)\n"
    "  mov in(%rip),%r12\n"
    "  mov rsp_at_call(%rip),%rsp\n"
    "1: mov $" GETPPID ",%eax; syscall\n"
    "  mov %rax,%rbx\n"
    "  mov $" GETPID ",%eax; nop; syscall; cmp $-4095,%rax\n"
    "  mov %rax,%rbp\n"
    "  dec %r12; jnz 1b\n"
    "  mov %rsp,rsp_after(%rip)\n"
    "  mov kept_stack(%rip),%rsp\n"
    "  mov %rbx,out(%rip); mov %rbp,out+8(%rip)\n"
    "  pop %r12; pop %rbp; pop %rbx; ret\n");

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static long call_site(void (*where)(void), uint64_t number)
{
    uint64_t *all = (uint64_t *)&in;
    for (unsigned i = 0; i < sizeof in / 8; i++)
        all[i] = next_random();
    in.rax = number;
    in.flags = ALWAYS;
    site = where;
    call_with_registers();
    return out.rax;
}

static void expect_registers_kept(int but_r12)
{
    EXPECT_EQ(in.rbx, out.rbx);
    EXPECT_EQ(in.rdx, out.rdx);
    EXPECT_EQ(in.rsi, out.rsi);
    EXPECT_EQ(in.rdi, out.rdi);
    EXPECT_EQ(in.rbp, out.rbp);
    EXPECT_EQ(in.r8, out.r8);
    EXPECT_EQ(in.r9, out.r9);
    if (!but_r12)
        EXPECT_EQ(in.r12, out.r12);
    EXPECT_EQ(in.r13, out.r13);
    EXPECT_EQ(in.r14, out.r14);
    EXPECT_EQ(in.r15, out.r15);
}

// What getpid and getppid give; a vfork would change it, nothing here does.
static pid_t pid, ppid;

static void learn_pids(void)
{
    pid = getpid();
    ppid = getppid();
}

static void shapes(void)
{
    static const struct {
        void (*site)(void), (*after)(void);
        const char *name;
        int fixed;
    } all[] = {
#define SHAPE(name, fixed) {site_##name, site_##name##_after, #name, fixed}
        SHAPE(mov, 1), SHAPE(mov_endbr, 1), SHAPE(mov_rax, 1), SHAPE(mov_r10, 1), SHAPE(go, 0), SHAPE(glibc, 0),
        SHAPE(plain, 0), SHAPE(test, 1), SHAPE(nops, 1), SHAPE(rex, 1), SHAPE(jump_behind, 1), SHAPE(push_pop, 1),
    };
    for (int i = 0; i < HOT; i++) {
        for (unsigned j = 0; j < sizeof all / sizeof *all; j++) {
            long result = call_site(all[j].site, all[j].fixed ? next_random() : SYS_getpid);
            if (result != pid)
                fail("site %s, round %d: result=%ld, pid=%d", all[j].name, i, result, pid);
            if (out.rcx != (uint64_t)all[j].after)
                fail("site %s, round %d: rcx=0x%lx, after=%p", all[j].name, i, out.rcx, all[j].after);
            expect_registers_kept(0);
            EXPECT_EQ(all[j].site == site_mov_r10 ? in.rcx : in.r10, out.r10);
        }
    }
}

static void twins(void)
{
    for (int i = 0; i < HOT; i++) {
        EXPECT_EQ(pid, call_site(site_twins, 0));
        EXPECT_EQ(site_twins_second_after, out.rcx);
        EXPECT_EQ(pid, call_site(site_twins_after, 0));
        EXPECT_EQ(ppid, call_site(site_twins_second, SYS_getppid));
        EXPECT_EQ(pid, call_site(site_loop, 0));
        EXPECT_EQ(2, out.r12);
        expect_registers_kept(1);
    }
}

// Into the middle of what a patch may cover: to the syscall with another number, and to what follows it.
static void middle(void)
{
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < HOT; i++)
            EXPECT_EQ(pid, call_site(site_mov, 0));
        for (int i = 0; i < HOT; i++) {
            EXPECT_EQ(ppid, call_site(site_mov_call, SYS_getppid));
            EXPECT_EQ(site_mov_after, out.rcx);
            expect_registers_kept(0);
            EXPECT_EQ(-ENOSYS, call_site(site_mov_call, 9999));
            EXPECT_EQ(ppid, call_site(site_mov_rax_call, SYS_getppid));
            EXPECT_EQ(ppid, call_site(site_mov_endbr_call, SYS_getppid));
            EXPECT_EQ(ppid, call_site(site_test_call, SYS_getppid));
            EXPECT_EQ(ppid, call_site(site_rex_call, SYS_getppid));
        }
    }
    // To the cmp behind a hot syscall.
    for (int i = 0; i < HOT; i++) {
        EXPECT_EQ(pid, call_site(site_go, SYS_getpid));
        EXPECT_EQ(5, call_site(site_go_after, 5));
        EXPECT_EQ(in.rcx, out.rcx);
        EXPECT_EQ(in.r11, out.r11);
        EXPECT_EQ(CF, out.flags & (CF | PF | AF | ZF | SF | OF)); // 5 is below
    }
}

// The comparison that follows a call sees its result.
static void comparisons(void)
{
    for (int i = 0; i < HOT; i++) {
        long expected = (i & 1) ? -ENOSYS : pid;
        EXPECT_EQ(expected, call_site(site_go, (i & 1) ? 9999 : SYS_getpid));
        uint64_t flags;
        asm volatile("cmp $0xfffffffffffff001,%1; pushfq; pop %0" : "=r"(flags) : "r"(expected) : "cc");
        EXPECT_EQ(flags & (CF | PF | AF | ZF | SF | OF), out.flags & (CF | PF | AF | ZF | SF | OF));
        uint64_t *all = (uint64_t *)&in;
        for (unsigned j = 0; j < sizeof in / 8; j++)
            all[j] = next_random();
        in.rdi = -1;
        in.flags = ALWAYS;
        site = site_xor_cmp4096;
        call_with_registers();
        EXPECT_EQ(-EBADF, out.rax);
        asm volatile("cmp $-4096,%1; pushfq; pop %0" : "=r"(flags) : "r"((long)-EBADF) : "cc");
        EXPECT_EQ(flags & (CF | PF | AF | ZF | SF | OF), out.flags & (CF | PF | AF | ZF | SF | OF));
    }
}

static void page_boundaries(void)
{
    void (*movs[])(void) = {site_mov_page1, site_mov_page2, site_mov_page3, site_mov_page4, site_mov_page5, site_mov_page6};
    void (*cmps[])(void) = {site_cmp_page1, site_cmp_page2, site_cmp_page3, site_cmp_page4, site_cmp_page5, site_cmp_page6,
                            site_cmp_page7};
    for (int i = 0; i < HOT; i++) {
        for (int j = 0; j < 6; j++) {
            EXPECT_EQ(pid, call_site(movs[j], 0));
            EXPECT_EQ((char *)movs[j] + 7, out.rcx);
            expect_registers_kept(0);
        }
        for (int j = 0; j < 7; j++) {
            EXPECT_EQ(ppid, call_site(cmps[j], SYS_getppid));
            EXPECT_EQ((char *)cmps[j] + 2, out.rcx);
            expect_registers_kept(0);
        }
    }
}

static void numbers(void)
{
    static const uint64_t none[] = {-1,    0x7fffffff, 0x80000000, 0x80000027, 1000, 600, 9999,
                                    0x40000000 | SYS_getpid, 0x40000000 | 9999, 0xffffffff00000000 | 9999};
    for (int i = 0; i < HOT; i++) {
        for (unsigned j = 0; j < sizeof none / sizeof *none; j++) {
            long result = call_site(i & 1 ? site_plain : site_go, none[j]);
            if (result != -ENOSYS)
                fail("number 0x%lx: result=%ld", none[j], result);
            expect_registers_kept(0);
            EXPECT_EQ(in.r10, out.r10);
        }
        EXPECT_EQ(pid, call_site(site_plain, 0xdeadbeef00000000 | SYS_getpid));
        EXPECT_EQ(ppid, call_site(site_go, 0xffffffff00000000 | SYS_getppid));
    }
}

static void flags_of(const int *all, int count)
{
    void (*sites[])(void) = {site_mov, site_plain, site_mov_rax, site_jump_behind};
    for (int i = 0; i < 2 * HOT; i++) {
        uint64_t chosen = ALWAYS;
        for (int j = 0; j < count; j++)
            chosen |= (i <= count ? j == i : next_random() & 1) ? all[j] : 0;
        call_site(sites[0], 0);
        for (int j = 0; j < 4; j++) {
            in.rax = SYS_getpid;
            in.flags = chosen;
            site = sites[j];
            call_with_registers();
            EXPECT_EQ(pid, out.rax);
            EXPECT_EQ(chosen, out.r11);
            EXPECT_EQ(chosen, out.flags);
            expect_registers_kept(0);
        }
    }
}

static void flags(void) { flags_of((int[]){CF, PF, AF, ZF, SF, DF, OF, ID}, 8); }
static void flag_ac(void) { flags_of((int[]){AC, CF, DF}, 3); }
static void flag_nt(void) { flags_of((int[]){NT, CF, DF}, 3); }

// With the trap flag set, a trap follows each instruction but the one that follows a system call.
static volatile int traps;
static uint64_t trap_rips[64];

static void on_trap(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *c = context;
    if (traps < 64)
        trap_rips[traps] = c->uc_mcontext.gregs[REG_RIP];
    traps++;
}

void stepped(void), stepped_first(void), stepped_second(void), stepped_end(void);
asm("stepped: pushfq; orl $0x100,(%rsp); popfq\n" // the trap comes after the next instruction
    "stepped_first: mov $" GETPPID ",%eax\n"
    "syscall\n"
    "nop\n"
    "stepped_second: mov $" GETPID ",%eax\n"
    "syscall\n"
    "cmp $-4095,%rax\n"
    "nop\n"
    "pushfq; andl $~0x100,(%rsp); popfq\n"
    "stepped_end: ret\n");

static void single_step(void)
{
    // The instruction behind a syscall is not stepped: iret sets TF, and the trap follows the next instruction.
    uint64_t first = (uint64_t)stepped_first, second = (uint64_t)stepped_second;
    handle(SIGTRAP, on_trap, 0);
    for (int i = 0; i < HOT / 10; i++) {
        traps = 0;
        EXPECT_EQ(pid, call_site(stepped, 0));
        int expected = 0;
        EXPECT_EQ(first + 5, trap_rips[expected++]);
        if (trap_rips[expected] == first + 7)
            expected++; // reported right behind the syscall, too
        EXPECT_EQ(first + 8, trap_rips[expected++]);
        EXPECT_EQ(second + 5, trap_rips[expected++]);
        if (trap_rips[expected] == second + 7)
            expected++;
        EXPECT_EQ(second + 13, trap_rips[expected++]);
        EXPECT_EQ(second + 14, trap_rips[expected++]);
    }
}

static void stack_pointers(void)
{
    static unsigned char buffer[3 * 4096], pattern[3 * 4096];
    for (unsigned i = 0; i < sizeof buffer; i++)
        pattern[i] = next_random();
    static const uint64_t invalid[] = {0, 1, 7, 16, 4096, 0x8000000000000000, 0xdeadbeefcafebabe, -1, -8, 0xffff888000000000,
                                       0xffffffff81000000, 0x7fffffffffff, 0x7be000010800, 0x4500000000f8};
    for (unsigned i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        rsp_at_call = invalid[i];
        in.rax = HOT;
        call_with_stack();
        EXPECT_EQ(ppid, out.rax);
        EXPECT_EQ(pid, out.rbx);
        EXPECT_EQ(invalid[i], rsp_after);
    }
    // The red zone, and more of it: nothing near rsp is written.
    for (int i = 0; i < HOT; i++) {
        memcpy(buffer, pattern, sizeof buffer);
        rsp_at_call = (uint64_t)buffer + 4096 + (i < 32 ? (uint64_t)i : next_random() % 4096);
        in.rax = 3;
        call_with_stack();
        EXPECT_EQ(ppid, out.rax);
        EXPECT_EQ(rsp_at_call, rsp_after);
        EXPECT_EQ(0, memcmp(buffer, pattern, sizeof buffer));
    }
}

// --- Segments -------------------------------------------------------------------------------------------------------

#define SET_GS 0x1001
#define SET_FS 0x1002
#define GET_FS 0x1003
#define GET_GS 0x1004

static uint64_t rdgsbase(void)
{
    uint64_t base;
    asm volatile("rdgsbase %0" : "=r"(base));
    return base;
}

static void segment_bases_of(const uint64_t *bases, int count)
{
    if (!(getauxval(AT_HWCAP2) & 2))
        skip("no FSGSBASE");
    for (int i = 0; i < count; i++) {
        asm volatile("wrgsbase %0" ::"r"(bases[i]));
        for (int j = 0; j < HOT; j++) {
            EXPECT_EQ(pid, call_site(site_mov, 0));
            EXPECT_EQ(bases[i], rdgsbase());
        }
        sched_yield();
        usleep(10);
        EXPECT_EQ(bases[i], rdgsbase());
        uint64_t base = 1;
        EXPECT_EQ(0, syscall(SYS_arch_prctl, GET_GS, &base));
        EXPECT_EQ(bases[i], base);
        // No C between these: the thread's own data are at FS.
        uint64_t kept, fs, process, parent;
        asm volatile("rdfsbase %0; wrfsbase %4\n"
                     "mov $300,%%r12d\n"
                     "1: mov $" GETPID ",%%eax; syscall; mov %%rax,%2\n"
                     "mov $" GETPPID ",%%eax; nop; syscall; cmp $-4095,%%rax; mov %%rax,%3\n"
                     "dec %%r12d; jnz 1b\n"
                     "rdfsbase %1; wrfsbase %0\n"
                     : "=&r"(kept), "=&r"(fs), "=&r"(process), "=&r"(parent)
                     : "r"(bases[i])
                     : "rax", "rcx", "r11", "r12", "memory");
        EXPECT_EQ(bases[i], fs);
        EXPECT_EQ(pid, process);
        EXPECT_EQ(ppid, parent);
        EXPECT_EQ(bases[i], rdgsbase());
    }
}

static void segment_bases(void)
{
    segment_bases_of((uint64_t[]){0, 0x1234, 0x7ffffffff000, 0x7bff00000000}, 4);
    // By the kernel; a child inherits it.
    EXPECT_EQ(0, syscall(SYS_arch_prctl, SET_GS, 0x5678UL));
    EXPECT_EQ(0x5678, rdgsbase());
    pid_t child = fork();
    if (child == 0) {
        call_site(site_mov, 0);
        _exit(rdgsbase() == 0x5678 ? 3 : 4);
    }
    int status;
    waitpid(child, &status, 0);
    EXPECT_EQ(3, WEXITSTATUS(status));
    EXPECT_EQ(-1, syscall(SYS_arch_prctl, SET_GS, 0xffff888000000000));
    EXPECT_EQ(EPERM, errno);
    EXPECT_EQ(0x5678, rdgsbase());
    uint64_t fs, got;
    asm volatile("rdfsbase %0" : "=r"(fs));
    EXPECT_EQ(0, syscall(SYS_arch_prctl, GET_FS, &got));
    EXPECT_EQ(fs, got);
    EXPECT_EQ(0, syscall(SYS_arch_prctl, SET_FS, fs));
    // A selector stays, too.
    unsigned selector = 0x2b, after;
    asm volatile("mov %0,%%gs" ::"r"(selector));
    for (int j = 0; j < HOT; j++)
        EXPECT_EQ(pid, call_site(site_mov, 0));
    usleep(10);
    asm volatile("mov %%gs,%0" : "=r"(after));
    EXPECT_EQ(selector, after & 0xffff);
    EXPECT_EQ(0, rdgsbase());
}

// What Linux itself refuses to set, but the instruction does not.
static void segment_bases_in_upper_half(void)
{
    segment_bases_of((uint64_t[]){0xffff888000000000, 0xffffffff81000000, 0xffffffffffffffff}, 3);
}

// Those that mean something in a context process.
static void segment_bases_of_gate(void) { segment_bases_of((uint64_t[]){0x7c0000000000, 0x7be000010000, 0x7c0000001000}, 3); }

// --- Other ways into the kernel -------------------------------------------------------------------------------------

void site_int80(void), site_int80_after(void);
asm("site_int80: int $0x80\nsite_int80_after: ret\n");

static void int80(void)
{
    for (int i = 0; i < HOT; i++) {
        EXPECT_EQ(pid, call_site(site_int80, 20)); // i386's getpid
        expect_registers_kept(0);
        EXPECT_EQ(in.rcx, out.rcx);
        EXPECT_EQ(ALWAYS, out.flags);
        EXPECT_EQ(ppid, call_site(site_int80, 64)); // getppid
        EXPECT_EQ(-ENOSYS, call_site(site_int80, 5000));
        EXPECT_EQ(pid, call_site(site_mov, 0));
        // 39 is getpid for syscall and mkdir for int 0x80.
        call_site(site_int80, 20);
        in.rax = 39;
        in.rbx = 8;
        call_with_registers();
        EXPECT_EQ(-EFAULT, out.rax);
    }
    // Pointers have 32 bits.
    in.rax = 4;
    in.rbx = 1;
    in.rcx = (uint64_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    in.rdx = 1;
    EXPECT(in.rcx >> 32);
    call_with_registers();
    EXPECT_EQ(-EFAULT, out.rax);
    int *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    in.rax = 42; // pipe
    in.rbx = (uint64_t)low;
    call_with_registers();
    EXPECT_EQ(0, out.rax);
    EXPECT_EQ(3, write(low[1], "abc", 3));
    in.rax = 3; // read
    in.rbx = low[0];
    in.rcx = (uint64_t)(low + 2);
    in.rdx = 4;
    call_with_registers();
    EXPECT_EQ(3, out.rax);
    EXPECT_EQ('a', *(char *)(low + 2));
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *c = context;
    // Return to the caller of the vsyscall.
    uint64_t *rsp = (uint64_t *)c->uc_mcontext.gregs[REG_RSP];
    c->uc_mcontext.gregs[REG_RIP] = *rsp;
    c->uc_mcontext.gregs[REG_RSP] += 8;
    c->uc_mcontext.gregs[REG_RAX] = -77;
}

static void vsyscall(void)
{
    long (*gettimeofday_)(struct timeval *, void *) = (void *)0xffffffffff600000;
    time_t (*time_)(time_t *) = (void *)0xffffffffff600400;
    long (*getcpu_)(unsigned *, unsigned *, void *) = (void *)0xffffffffff600800;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int mapped = 0;
    while (maps && fgets(line, sizeof line, maps))
        mapped |= strstr(line, "[vsyscall]") != NULL;
    handle(SIGSEGV, on_fault, SA_NODEFER);
    if (!mapped) {
        EXPECT_EQ(-77, gettimeofday_(&(struct timeval){0, 0}, NULL));
        EXPECT_EQ(-77, getcpu_(NULL, NULL, NULL));
        return;
    }
    for (int i = 0; i < HOT / 3; i++) {
        struct timeval before, tv = {0, 0}, after;
        unsigned cpu = 99999;
        gettimeofday(&before, NULL);
        EXPECT_EQ(0, gettimeofday_(&tv, NULL));
        gettimeofday(&after, NULL);
        EXPECT(!timercmp(&tv, &before, <) && !timercmp(&after, &tv, <));
        time_t t = time_(NULL);
        EXPECT(t >= before.tv_sec - 1 && t <= after.tv_sec + 1); // it goes by the last timer tick
        EXPECT_EQ(0, getcpu_(&cpu, NULL, NULL));
        EXPECT(cpu < 4096);
        EXPECT_EQ(pid, call_site(site_mov, 0));
    }
    // Bad pointers and bad entries give SIGSEGV.
    EXPECT_EQ(-77, gettimeofday_((void *)8, NULL));
    EXPECT_EQ(-77, ((long (*)(void))0xffffffffff600010)());
    EXPECT_EQ(-77, ((long (*)(void))0xffffffffff600c00)());
}

static void vdso(void)
{
    EXPECT(getauxval(AT_SYSINFO_EHDR) != 0);
    for (int clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
        for (int i = 0; i < HOT; i++) {
            struct timespec a, b, c;
            syscall(SYS_clock_gettime, clock, &a);
            clock_gettime(clock, &b);
            syscall(SYS_clock_gettime, clock, &c);
            int64_t first = a.tv_sec * 1000000000 + a.tv_nsec, second = b.tv_sec * 1000000000 + b.tv_nsec,
                    third = c.tv_sec * 1000000000 + c.tv_nsec;
            if (first > second || second > third)
                fail("clock %d, round %d: call=%ld, vdso=%ld, call=%ld", clock, i, first, second, third);
        }
    }
}

// The bytes of the sites as the program itself sees them.
static void own_text(void)
{
    unsigned sum[3];
    for (int round = 0; round < 3; round++) {
        sum[round] = 0;
        for (volatile unsigned char *p = (unsigned char *)site_mov; p < (unsigned char *)site_before_ud2; p++)
            sum[round] = sum[round] * 31 + *p;
        for (int i = 0; i < 10 * HOT; i++)
            EXPECT_EQ(pid, call_site(i & 1 ? site_mov : site_go, SYS_getpid));
    }
    EXPECT_EQ(sum[0], sum[2]);
    EXPECT_EQ(sum[0], sum[1]);
}

#define WITH_PIDS(name) static void check_##name(void) { learn_pids(); name(); }
WITH_PIDS(shapes) WITH_PIDS(twins) WITH_PIDS(middle) WITH_PIDS(comparisons) WITH_PIDS(page_boundaries) WITH_PIDS(numbers)
WITH_PIDS(flags) WITH_PIDS(flag_ac) WITH_PIDS(flag_nt) WITH_PIDS(single_step) WITH_PIDS(stack_pointers) WITH_PIDS(segment_bases)
WITH_PIDS(segment_bases_in_upper_half) WITH_PIDS(segment_bases_of_gate) WITH_PIDS(int80)
WITH_PIDS(vsyscall) WITH_PIDS(vdso) WITH_PIDS(own_text)

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        {"shapes", check_shapes}, {"twins", check_twins}, {"middle", check_middle}, {"comparisons", check_comparisons},
        {"page-boundaries", check_page_boundaries}, {"numbers", check_numbers}, {"flags", check_flags}, {"flag-ac", check_flag_ac}, {"flag-nt", check_flag_nt},
        {"single-step", check_single_step}, {"stack-pointers", check_stack_pointers},
        {"segment-bases", check_segment_bases},
        {"segment-bases-in-upper-half", check_segment_bases_in_upper_half},
        {"segment-bases-of-gate", check_segment_bases_of_gate}, {"int80", check_int80}, {"vsyscall", check_vsyscall}, {"vdso", check_vdso},
        {"own-text", check_own_text},
    };
    (void)argc;
    return RUN_CHECKS(checks, argv);
}
