// SPDX-License-Identifier: Apache-2.0
// A 32-bit program without a C library: int 0x80 and the vDSO's way into the kernel, registers and results. Exits with the
// number of failures.
#define HOT 300

static int call(int number, int a, int b, int c)
{
    int result;
    asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static unsigned length(const char *text)
{
    unsigned n = 0;
    while (text[n])
        n++;
    return n;
}

static void say(const char *text) { call(4, 1, (int)text, length(text)); }

static int failures;

static void expect(const char *name, int right)
{
    say(right ? "ok " : "FAILED ");
    say(name);
    say("\n");
    failures += !right;
}

static int registers_kept(void)
{
    for (int i = 0; i < HOT; i++) {
        int a = 20, b = 2 + i, c = 3, d = 4, si = 5, di = 6;
        asm volatile("push %%ebp; mov $0x12345678,%%ebp; int $0x80; cmp $0x12345678,%%ebp; pop %%ebp; je 1f; xor %%eax,%%eax; 1:"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(si), "+D"(di)::"memory", "cc");
        if (a != call(20, 0, 0, 0) || b != 2 + i || c != 3 || d != 4 || si != 5 || di != 6)
            return 0;
    }
    return 1;
}

static int pipes(void)
{
    int fds[2];
    char text[4];
    for (int i = 0; i < HOT / 10; i++) {
        if (call(42, (int)fds, 0, 0) || call(4, fds[1], (int)"abc", 3) != 3 || call(3, fds[0], (int)text, 4) != 3 || text[2] != 'c')
            return 0;
        call(6, fds[0], 0, 0);
        call(6, fds[1], 0, 0);
    }
    return 1;
}

static int child_status(void)
{
    for (int i = 0; i < 10; i++) {
        int status = 0, child = call(2, 0, 0, 0);
        if (child == 0)
            call(1, 40 + i, 0, 0);
        if (call(7, child, (int)&status, 0) != child || status != (40 + i) << 8)
            return 0;
    }
    return 1;
}

// AT_SYSINFO: __kernel_vsyscall, by sysenter or syscall where the processor has them.
static int by_vdso(int *stack)
{
    int *auxiliary = stack + 1 + stack[0] + 1;
    while (*auxiliary)
        auxiliary++;
    for (auxiliary++; auxiliary[0]; auxiliary += 2) {
        if (auxiliary[0] != 32)
            continue;
        for (int i = 0; i < HOT; i++) {
            int result = 20, b = 7, c = 8, d = 9;
            asm volatile("call *%4" : "+a"(result), "+b"(b), "+c"(c), "+d"(d) : "r"(auxiliary[1]) : "memory");
            if (result != call(20, 0, 0, 0) || b != 7 || c != 8 || d != 9)
                return 0;
        }
        return 1;
    }
    return 0;
}

__attribute__((used)) static int run(int *stack)
{
    expect("compat-registers", registers_kept());
    expect("compat-pipes", pipes());
    expect("compat-children", child_status());
    expect("compat-number", call(9999, 0, 0, 0) == -38);
    expect("compat-vdso", by_vdso(stack));
    say(failures ? "ended: failures=some\n" : "ended: failures=0\n");
    return failures;
}

asm(".globl _start\n_start: mov %esp,%eax; and $-16,%esp; sub $12,%esp; push %eax; call run; mov %eax,%ebx; mov $1,%eax; int $0x80\n");
