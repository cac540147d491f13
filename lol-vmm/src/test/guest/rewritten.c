// SPDX-License-Identifier: Apache-2.0
// Code that changes after its system calls have been made often: the next call must be that of the new code, whichever way
// the program has been changed. Needs a libsite-a.so and a libsite-b.so beside it for the check of dlopen, and /tmp.
#define _GNU_SOURCE
#include "checks.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PAGE 4096
#define WRITE_ROUNDS 40

typedef long (*stub)(void);

static pid_t pid, ppid;
static char directory[4096];

// The forms of a stub: the number is chosen, the result checked.
enum form { MOV, CMP, VALUE, PLAIN, FORMS };

static int emit(unsigned char *code, enum form form, int number)
{
    static const unsigned char go[] = {0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0xc3};
    unsigned char *p = code;
    *p++ = 0xb8; // mov $number,%eax
    memcpy(p, &number, 4);
    p += 4;
    switch (form) {
    case MOV:
        memcpy(p, "\x0f\x05\xc3", 3);
        return 8;
    case CMP:
        *p++ = 0x90;
        memcpy(p, go, sizeof go);
        return 6 + sizeof go;
    case VALUE: // no call at all
        memcpy(p, "\xc3\x0f\x0b", 3);
        return 8;
    default:
        memcpy(p, "\x66\x90\x0f\x05\xc3", 5);
        return 10;
    }
}

static long expected(enum form form, int number)
{
    return form == VALUE ? number : number == SYS_getpid ? getpid() : number == SYS_getppid ? getppid() : getpgrp();
}

static int number_of(int round)
{
    static const int numbers[] = {SYS_getpid, SYS_getppid, SYS_getpgrp};
    return numbers[round % 3];
}

// Writes one form after another by write and runs each often by run.
static void rewrite(unsigned char *run, void (*write_)(void *argument, const unsigned char *code, int length), void *argument)
{
    for (int round = 0; round < WRITE_ROUNDS; round++) {
        unsigned char code[32];
        enum form form = round * 7 / 3 % FORMS;
        int number = number_of(round);
        write_(argument, code, emit(code, form, number));
        for (int i = 0; i < (round % 8 ? 20 : HOT); i++) {
            long result = ((stub)run)();
            if (result != expected(form, number))
                fail("round %d, form %d, call %d: result=%ld, expected=%ld", round, form, i, result, expected(form, number));
        }
    }
}

static void by_store(void *to, const unsigned char *code, int length)
{
    for (volatile unsigned char *p = to; length > 0; length--)
        *p++ = *code++;
}

static void same_mapping(void)
{
    for (int flags = MAP_PRIVATE; flags >= MAP_SHARED; flags--) {
        unsigned char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, flags | MAP_ANONYMOUS, -1, 0);
        rewrite(page + 64, by_store, page + 64);
        rewrite(page + PAGE - 6, by_store, page + PAGE - 6); // across the boundary
    }
}

// One byte of a hot pair: its number. And its syscall into other instructions.
static void single_bytes(void)
{
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(page, MOV, SYS_getpid);
    for (int round = 0; round < 20; round++) {
        page[1] = SYS_getpid;
        for (int i = 0; i < HOT / 10; i++)
            EXPECT_EQ(pid, ((stub)page)());
        page[1] = SYS_getppid;
        for (int i = 0; i < HOT / 10; i++)
            EXPECT_EQ(ppid, ((stub)page)());
        page[5] = 0x66, page[6] = 0x90;
        EXPECT_EQ(SYS_getppid, ((stub)page)());
        page[5] = 0x0f, page[6] = 0x05;
        EXPECT_EQ(ppid, ((stub)page)());
        // Data beside the code, as in a page that has both.
        (*(volatile int *)(page + 512))++;
        EXPECT_EQ(ppid, ((stub)page)());
        EXPECT_EQ(round + 1, *(volatile int *)(page + 512));
    }
}

static void second_mapping(void)
{
    int file = memfd_create("code", 0);
    EXPECT_EQ(0, ftruncate(file, PAGE));
    unsigned char *run = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    unsigned char *write_ = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    rewrite(run + 16, by_store, write_ + 16);
    // By another process that has no such site.
    for (int round = 0; round < 10; round++) {
        int number = number_of(round);
        pid_t child = fork();
        if (child == 0) {
            emit(write_ + 16, MOV, number);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        for (int i = 0; i < HOT / 10; i++)
            EXPECT_EQ(expected(MOV, number), ((stub)(run + 16))());
    }
    // Both: run through the writable one, too.
    unsigned char *both = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, file, 0);
    rewrite(run + 16, by_store, both + 16);
    rewrite(both + 16, by_store, write_ + 16);
}

static void by_write_call(void *file, const unsigned char *code, int length)
{
    EXPECT_EQ(length, pwrite(*(int *)file, code, length, 16));
}

static void file_write(void)
{
    int file = memfd_create("code", 0);
    EXPECT_EQ(0, ftruncate(file, PAGE));
    rewrite((unsigned char *)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0) + 16, by_write_call, &file);
    rewrite((unsigned char *)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) + 16, by_write_call, &file);
}

static unsigned char *memory_target;

static void by_proc_mem(void *unused, const unsigned char *code, int length)
{
    (void)unused;
    int file = open("/proc/self/mem", O_RDWR);
    EXPECT_EQ(length, pwrite(file, code, length, (long)memory_target));
    unsigned char back[32];
    EXPECT_EQ(length, pread(file, back, length, (long)memory_target));
    EXPECT_EQ(0, memcmp(back, code, length));
    close(file);
}

static void proc_mem(void)
{
    memory_target = (unsigned char *)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 16;
    rewrite(memory_target, by_proc_mem, NULL);
}

static void by_vm_writev(void *to, const unsigned char *code, int length)
{
    struct iovec local = {(void *)code, length}, remote = {to, length};
    EXPECT_EQ(length, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
}

static void vm_writev(void)
{
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rewrite(page + 16, by_vm_writev, page + 16);
    // A read() into the code.
    int fds[2];
    EXPECT_EQ(0, pipe(fds));
    for (int round = 0; round < 10; round++) {
        unsigned char code[32];
        int length = emit(code, MOV, number_of(round));
        EXPECT_EQ(length, write(fds[1], code, length));
        EXPECT_EQ(length, read(fds[0], page + 16, length));
        for (int i = 0; i < HOT / 10; i++)
            EXPECT_EQ(expected(MOV, number_of(round)), ((stub)(page + 16))());
    }
}

// A tracer pokes into a child that goes on.
static void pokes(void)
{
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile long *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    emit(page, MOV, SYS_getpid);
    emit(page + 8, VALUE, 0);
    EXPECT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_EXEC));
    pid_t child = fork();
    if (child == 0) {
        while (!shared[1])
            shared[0]++, shared[2] = ((stub)page)();
        _exit(7);
    }
    int status;
    for (int round = 0; round < 15; round++) {
        for (long before = shared[0]; shared[0] < before + HOT / 4;)
            usleep(100);
        EXPECT_EQ(0, ptrace(PTRACE_ATTACH, child, 0, 0));
        EXPECT_EQ(child, waitpid(child, &status, 0));
        unsigned char code[16];
        memset(code, 0xcc, sizeof code);
        enum form form = round % 3 == 2 ? VALUE : MOV;
        int number = round % 2 ? SYS_getpid : SYS_getppid;
        emit(code, form, number);
        if (form == VALUE)
            memcpy(code + 6, "\x05\xc3", 2); // a child that is stopped behind the syscall finds its ret
        EXPECT_EQ(0, ptrace(PTRACE_POKETEXT, child, page, *(long *)code));
        EXPECT_EQ(*(long *)code, ptrace(PTRACE_PEEKTEXT, child, page, 0));
        EXPECT_EQ(0, ptrace(PTRACE_DETACH, child, 0, 0));
        for (long before = shared[0]; shared[0] < before + HOT / 4;)
            usleep(100);
        EXPECT_EQ(form == VALUE ? number : number == SYS_getpid ? child : getpid(), shared[2]);
    }
    shared[1] = 1;
    EXPECT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(7 << 8, status);
}

static void by_flip(void *to, const unsigned char *code, int length)
{
    void *page = (void *)((uint64_t)to & -PAGE);
    EXPECT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
    memcpy(to, code, length);
    EXPECT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_EXEC));
}

static void protection_flips(void)
{
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rewrite(page + 128, by_flip, page + 128);
}

static void by_remap(void *to, const unsigned char *code, int length)
{
    void *page = (void *)((uint64_t)to & -PAGE);
    int file = memfd_create("code", 0);
    EXPECT_EQ(length, pwrite(file, code, length, 128));
    EXPECT_EQ(0, ftruncate(file, PAGE));
    EXPECT_EQ(0, munmap(page, PAGE));
    EXPECT_EQ(page, mmap(page, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0));
    close(file);
}

static void by_mremap(void *to, const unsigned char *code, int length)
{
    void *page = (void *)((uint64_t)to & -PAGE);
    unsigned char *fresh = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(fresh + 128, code, length);
    EXPECT_EQ(page, mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page));
}

static void by_discard(void *to, const unsigned char *code, int length)
{
    void *page = (void *)((uint64_t)to & -PAGE);
    EXPECT_EQ(0, madvise(page, PAGE, MADV_DONTNEED));
    EXPECT_EQ(0, *(volatile unsigned char *)to);
    memcpy(to, code, length);
}

static void remapping(void)
{
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rewrite(page + 128, by_remap, page + 128);
    rewrite(page + 128, by_mremap, page + 128);
    rewrite(page + 128, by_discard, page + 128);
    // The old code at its new address.
    unsigned char *place = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(page + 128, MOV, SYS_getpid);
    for (int i = 0; i < HOT; i++)
        EXPECT_EQ(pid, ((stub)(page + 128))());
    EXPECT_EQ(place, mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place));
    for (int i = 0; i < HOT; i++)
        EXPECT_EQ(pid, ((stub)(place + 128))());
    EXPECT_EQ(page, mmap(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    emit(page + 128, CMP, SYS_getppid);
    for (int i = 0; i < HOT; i++)
        EXPECT_EQ(ppid, ((stub)(page + 128))());
}

// After a fork, parent and child write into what they share until then.
static void copy_on_write(void)
{
    unsigned char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 20; round++) {
        emit(page, MOV, SYS_getpid);
        for (int i = 0; i < HOT / 3; i++)
            EXPECT_EQ(pid, ((stub)page)());
        pid_t child = fork();
        if (child == 0) {
            for (int i = 0; i < 20; i++)
                EXPECT_EQ(getpid(), ((stub)page)());
            page[1] = SYS_getppid;
            for (int i = 0; i < 20; i++)
                EXPECT_EQ(pid, ((stub)page)());
            _exit(0);
        }
        if (round % 2)
            page[1] = SYS_getpgrp;
        for (int i = 0; i < 20; i++)
            EXPECT_EQ(round % 2 ? getpgrp() : pid, ((stub)page)());
        int status;
        EXPECT_EQ(child, waitpid(child, &status, 0));
        EXPECT_EQ(0, status);
        EXPECT_EQ(round % 2 ? getpgrp() : pid, ((stub)page)());
    }
}

static void copy(const char *from, const char *to, int flags)
{
    static char buffer[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | flags, 0755);
    EXPECT(in >= 0 && out >= 0);
    for (long n; (n = read(in, buffer, sizeof buffer)) > 0;)
        EXPECT_EQ(n, write(out, buffer, n));
    close(in);
    close(out);
}

// Compares two files through read() and through a mapping.
static void expect_same(const char *a, const char *b)
{
    int file[2] = {open(a, O_RDONLY), open(b, O_RDONLY)};
    struct stat status[2];
    EXPECT_EQ(0, fstat(file[0], &status[0]));
    EXPECT_EQ(0, fstat(file[1], &status[1]));
    EXPECT_EQ(status[0].st_size, status[1].st_size);
    long size = status[0].st_size;
    char *bytes[2];
    for (int i = 0; i < 2; i++) {
        bytes[i] = malloc(size);
        EXPECT_EQ(size, read(file[i], bytes[i], size));
        char *mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, file[i], 0);
        EXPECT_EQ(0, memcmp(mapped, bytes[i], size));
        munmap(mapped, size);
        close(file[i]);
    }
    EXPECT_EQ(0, memcmp(bytes[0], bytes[1], size));
    free(bytes[0]);
    free(bytes[1]);
}

// A program that is run hot, patched in its file, and run again.
static void executed_file(void)
{
    char path[] = "/tmp/rewritten-XXXXXX";
    EXPECT(mkdtemp(path) && !chdir(path));
    copy("/proc/self/exe", "program", 0);
    for (int round = 0; round < 6; round++) {
        for (int run = 0; run < 3; run++) {
            pid_t child = vfork();
            if (child == 0) {
                execl("./program", "program", "--answer", NULL);
                _exit(99);
            }
            int status;
            EXPECT_EQ(child, waitpid(child, &status, 0));
            EXPECT_EQ((round & 1 ? 2 : 1) << 8, status);
        }
        copy("program", "copy", O_TRUNC);
        expect_same("program", "copy");
        // The marker before the site finds it in the file: the number follows.
        int file = open("program", O_RDWR);
        static char bytes[4 << 20];
        long size = read(file, bytes, sizeof bytes);
        EXPECT(size > 0 && size < (long)sizeof bytes);
        char *at = memmem(bytes, size, "\x48\x8d\x05\x0d\xf0\xad\x0b\xb8", 8);
        EXPECT(at);
        char number = round & 1 ? SYS_getpid : SYS_getppid;
        EXPECT_EQ(1, pwrite(file, &number, 1, at + 8 - bytes));
        close(file);
    }
    unlink("program");
    unlink("copy");
    EXPECT_EQ(0, chdir("/"));
    rmdir(path);
}

long answer(void);
asm(".globl answer\nanswer: lea 0x0badf00d(%rip),%rax; mov $39,%eax; syscall; ret\n");

// Exit status 1: answer() gives the process's own id, 2: its parent's.
static int give_answer(void)
{
    long first = answer();
    for (int i = 0; i < HOT; i++)
        if (answer() != first)
            return 3;
    return first == getpid() ? 1 : first == getppid() ? 2 : 4;
}

static void libraries(void)
{
    char a[4200], b[4200], library[] = "/tmp/libsite-XXXXXX";
    snprintf(a, sizeof a, "%s/libsite-a.so", directory);
    snprintf(b, sizeof b, "%s/libsite-b.so", directory);
    if (access(a, R_OK))
        skip("no libraries");
    close(mkstemp(library));
    void *last = NULL;
    int same = 0;
    for (int round = 0; round < 12; round++) {
        unlink(library);
        copy(round & 1 ? b : a, library, O_TRUNC);
        void *handle = dlopen(library, RTLD_NOW);
        if (!handle)
            fail("dlopen: %s", dlerror());
        stub site = (stub)dlsym(handle, "site");
        same += (void *)site == last;
        last = (void *)site;
        for (int i = 0; i < HOT / 2; i++)
            EXPECT_EQ(round & 1 ? ppid : pid, site());
        expect_same(library, round & 1 ? b : a);
        EXPECT_EQ(0, dlclose(handle));
    }
    unlink(library);
    EXPECT(same > 0);
}

#define WITH_PIDS(name) static void check_##name(void) { pid = getpid(), ppid = getppid(); name(); }
WITH_PIDS(same_mapping) WITH_PIDS(single_bytes) WITH_PIDS(second_mapping) WITH_PIDS(file_write) WITH_PIDS(proc_mem)
WITH_PIDS(vm_writev) WITH_PIDS(pokes) WITH_PIDS(protection_flips) WITH_PIDS(remapping) WITH_PIDS(copy_on_write)
WITH_PIDS(executed_file) WITH_PIDS(libraries)

int main(int argc, char **argv)
{
    static const struct check checks[] = {
        {"same-mapping", check_same_mapping}, {"single-bytes", check_single_bytes}, {"second-mapping", check_second_mapping},
        {"file-write", check_file_write}, {"proc-mem", check_proc_mem}, {"vm-writev", check_vm_writev}, {"pokes", check_pokes},
        {"protection-flips", check_protection_flips}, {"remapping", check_remapping}, {"copy-on-write", check_copy_on_write},
        {"executed-file", check_executed_file}, {"libraries", check_libraries},
    };
    if (argc == 2 && !strcmp(argv[1], "--answer"))
        return give_answer();
    if (readlink("/proc/self/exe", directory, sizeof directory - 1) > 0)
        *strrchr(directory, '/') = 0;
    return RUN_CHECKS(checks, argv);
}
