// SPDX-License-Identifier: Apache-2.0
//
// Work of the kernel on behalf of one process. Prints "KEY CYCLES" lines: cycles of the time-stamp counter per operation.
//
//   pread64k     64 KB from a file on tmpfs, a call each
//   preadv64k    the same, 64 of them in one call, so that the price of the call hardly counts
//   pipe512      write 512 bytes to a pipe and read them back
//   fault        first touch of an anonymous page
//   forkexit     fork, exit, wait
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

enum { CHUNK = 64 << 10, CHUNKS = 64, PAGE = 4096, REPEATS = 5 };

static char buffer[CHUNK];
static int file, ends[2];

static void check(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void preads(long count) {
    while (count-- > 0) {
        check(pread(file, buffer, CHUNK, 0) == CHUNK, "pread");
    }
}

static void preadvs(long count) {
    struct iovec parts[CHUNKS];
    for (int i = 0; i < CHUNKS; i++) {
        parts[i] = (struct iovec) {buffer, CHUNK};
    }
    for (; count > 0; count -= CHUNKS) {
        check(preadv(file, parts, CHUNKS, 0) == (ssize_t) CHUNK * CHUNKS, "preadv");
    }
}

static void pipes(long count) {
    while (count-- > 0) {
        check(write(ends[1], buffer, 512) == 512, "write");
        check(read(ends[0], buffer, 512) == 512, "read");
    }
}

static void faults(long count) {
    char *pages = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(pages != MAP_FAILED, "mmap");
    madvise(pages, count * PAGE, MADV_NOHUGEPAGE);
    for (long i = 0; i < count; i++) {
        pages[i * PAGE] = 1;
    }
    munmap(pages, count * PAGE);
}

static void forks(long count) {
    while (count-- > 0) {
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            _exit(0);
        }
        check(waitpid(child, NULL, 0) == child, "waitpid");
    }
}

static void measure(const char *key, void (*work)(long), long count) {
    uint64_t best = UINT64_MAX;
    work(count / 10 + CHUNKS);
    for (int i = 0; i < REPEATS; i++) {
        uint64_t start = __rdtsc();
        work(count);
        uint64_t cycles = __rdtsc() - start;
        best = cycles < best ? cycles : best;
    }
    printf("%s %.1f\n", key, (double) best / count);
    fflush(stdout);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "/tmp/kernelwork";
    file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file >= 0, name);
    unlink(name);
    memset(buffer, 'x', CHUNK);
    for (int i = 0; i < CHUNKS; i++) {
        check(write(file, buffer, CHUNK) == CHUNK, "write");
    }
    check(pipe(ends) == 0, "pipe");
    measure("pread64k", preads, 10000);
    measure("preadv64k", preadvs, 100 * CHUNKS);
    measure("pipe512", pipes, 10000);
    measure("fault", faults, 4096);
    measure("forkexit", forks, 200);
    return 0;
}
