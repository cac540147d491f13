// SPDX-License-Identifier: Apache-2.0
// A 32-bit program without a C library: int 0x80 and the vDSO's way into the kernel, registers and results, memory, signals
// and thread-local segments. Exits with the number of failures.
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

static int *map_pages(int count)
{
    // mmap2: private, anonymous, readable and writable.
    int result, *arguments[] = {0};
    asm volatile("push %%ebp; xor %%ebp,%%ebp; int $0x80; pop %%ebp"
                 : "=a"(result)
                 : "a"(192), "b"(arguments[0]), "c"(count * 4096), "d"(3), "S"(0x22), "D"(-1)
                 : "memory");
    return (int *)result;
}

// Pages read first, pages written first, pages shared with a child and written by both.
static int memory(void)
{
    enum { PAGES = 64, WORDS = 1024 };
    int *words = map_pages(PAGES), sum = 0, status = 0;
    for (int i = 0; i < PAGES; i += 2)
        sum += words[i * WORDS];
    for (int i = 0; i < PAGES; i++)
        words[i * WORDS] = i;
    int child = call(2, 0, 0, 0);
    for (int i = 0; i < PAGES; i++)
        words[i * WORDS] += child ? 1 : 2;
    for (int i = 0; i < PAGES; i++)
        if (words[i * WORDS] != i + (child ? 1 : 2))
            sum++;
    if (!child)
        call(1, sum, 0, 0);
    return call(7, child, (int)&status, 0) == child && status == 0 && sum == 0;
}

static volatile int signals;

static void on_signal(int number) { signals += number; }

asm(".globl restore\nrestore: mov $173,%eax; int $0x80\n");
extern void restore(void);

struct action {
    void (*handler)(int);
    unsigned flags;
    void (*restorer)(void);
    unsigned mask[2];
};

static int set_action(int number, void (*handler)(int))
{
    struct action action = {handler, 0x04000004, restore, {0, 0}};
    int result;
    asm volatile("int $0x80" : "=a"(result) : "a"(174), "b"(number), "c"(&action), "d"(0), "S"(8) : "memory");
    return result;
}

static int handled(void)
{
    if (set_action(10, on_signal))
        return 0;
    for (int i = 0; i < 20; i++)
        call(37, call(20, 0, 0, 0), 10, 0);
    return signals == 200;
}

struct description {
    int entry, base, limit, flags;
};

static int thread_word(void)
{
    int word;
    asm volatile("mov %%gs:0,%0" : "=r"(word));
    return word;
}

static int load_gs(int entry)
{
    int selector = entry * 8 + 3, read;
    asm volatile("mov %1,%%gs; xor %0,%0; mov %%gs,%0" : "=&r"(read) : "r"(selector));
    return read == selector;
}

// set_thread_area, the segment in use, its base changed with the selector loaded and without, another in a child.
static int thread_areas(void)
{
    static int one = 11, two = 22, three = 33;
    struct description d = {-1, (int)&one, 0xfffff, 0x51};
    if (call(243, (int)&d, 0, 0) || !load_gs(d.entry) || thread_word() != 11)
        return 0;
    d.base = (int)&two;
    if (call(243, (int)&d, 0, 0) || thread_word() != 22)
        return 0;
    asm volatile("mov %0,%%gs" ::"r"(0));
    d.base = (int)&three;
    if (call(243, (int)&d, 0, 0) || !load_gs(d.entry) || thread_word() != 33)
        return 0;
    int status = 0, child = call(2, 0, 0, 0);
    d.base = child ? (int)&one : (int)&two;
    int wrong = call(243, (int)&d, 0, 0) != 0, wanted = child ? 11 : 22;
    for (int i = 0; i < HOT; i++) {
        wrong += thread_word() != wanted;
        call(158, 0, 0, 0);
    }
    if (!child)
        call(1, wrong != 0, 0, 0);
    return call(7, child, (int)&status, 0) == child && status == 0 && !wrong;
}

__attribute__((used)) static int run(int *stack)
{
    expect("compat-registers", registers_kept());
    expect("compat-pipes", pipes());
    expect("compat-children", child_status());
    expect("compat-number", call(9999, 0, 0, 0) == -38);
    expect("compat-vdso", by_vdso(stack));
    expect("compat-memory", memory());
    expect("compat-signals", handled());
    expect("compat-thread-areas", thread_areas());
    say(failures ? "ended: failures=some\n" : "ended: failures=0\n");
    return failures;
}

asm(".globl _start\n_start: mov %esp,%eax; and $-16,%esp; sub $12,%esp; push %eax; call run; mov %eax,%ebx; mov $1,%eax; int $0x80\n");
