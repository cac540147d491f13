// SPDX-License-Identifier: Apache-2.0
//
// The price of system calls. Prints "KEY CYCLES" lines: cycles of the time-stamp counter per operation, the best of REPEATS loops.
//
//   getppid         a call that does next to nothing: the price of the way into the kernel and back
//   read-zero       read 1 byte of /dev/zero
//   write-null      write 1 byte to /dev/null
//   stat            stat of a file on tmpfs
//   open-close      open and close it: two calls
//   sigaction       install a signal handler
//   signal          send a signal to itself and handle it: two calls (kill, rt_sigreturn), and a handler
//   pipe64k         write 64 KB to a pipe and read them back: two calls
//   pread64k        64 KB from a file on tmpfs
//   clock-gettime   answered by the vDSO, without a call where the clock source permits
//
//   systemcalls [FILE]         measures; FILE is created on tmpfs and removed (default /tmp/systemcalls)
//   systemcalls phases COUNT   prints "phase begin", waits for a line, makes COUNT calls of getppid, prints "phase end", and waits again
//                              for a line, so that somebody outside can compare before and after
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { CHUNK = 64 << 10, COUNT = 20000, REPEATS = 3 };

static char buffer[CHUNK] __attribute__((aligned(4096)));
static const char *name = "/tmp/systemcalls";
static int file, zero, null, ends[2];
static volatile sig_atomic_t handled;

static void check(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void remove_file(void) {
    unlink(name);
}

static void getppids(long count) {
    while (count-- > 0) {
        syscall(SYS_getppid);
    }
}

static void reads(long count) {
    while (count-- > 0) {
        check(read(zero, buffer, 1) == 1, "read");
    }
}

static void writes(long count) {
    while (count-- > 0) {
        check(write(null, buffer, 1) == 1, "write");
    }
}

static void stats(long count) {
    struct stat status;
    while (count-- > 0) {
        check(stat(name, &status) == 0, "stat");
    }
}

static void opens(long count) {
    while (count-- > 0) {
        int opened = open(name, O_RDONLY);
        check(opened >= 0, "open");
        check(close(opened) == 0, "close");
    }
}

static void handle(int signal) {
    (void) signal;
    handled = handled + 1;
}

static void installs(long count) {
    struct sigaction action = {.sa_handler = handle};
    while (count-- > 0) {
        check(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    }
}

static void signals(long count) {
    pid_t self = getpid();
    handled = 0;
    for (long i = 0; i < count; i++) {
        check(kill(self, SIGUSR1) == 0, "kill");
    }
    check(handled == count, "signals handled");
}

static void pipes(long count) {
    while (count-- > 0) {
        check(write(ends[1], buffer, CHUNK) == CHUNK, "write to pipe");
        check(read(ends[0], buffer, CHUNK) == CHUNK, "read from pipe");
    }
}

static void preads(long count) {
    while (count-- > 0) {
        check(pread(file, buffer, CHUNK, 0) == CHUNK, "pread");
    }
}

static void clocks(long count) {
    struct timespec now;
    while (count-- > 0) {
        check(clock_gettime(CLOCK_MONOTONIC, &now) == 0, "clock_gettime");
    }
}

static void measure(const char *key, void (*work)(long)) {
    uint64_t best = UINT64_MAX;
    work(COUNT / 10);
    for (int i = 0; i < REPEATS; i++) {
        uint64_t start = __rdtsc();
        work(COUNT);
        uint64_t cycles = __rdtsc() - start;
        best = cycles < best ? cycles : best;
    }
    printf("%s %.1f\n", key, (double) best / COUNT);
    fflush(stdout);
}

static void phase(const char *which) {
    char line[16];
    printf("phase %s\n", which);
    fflush(stdout);
    check(fgets(line, sizeof line, stdin) != NULL, "a line on standard input");
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "phases") == 0) {
        phase("begin");
        getppids(atol(argv[2]));
        phase("end");
        return 0;
    }
    name = argc > 1 ? argv[1] : name;
    file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file >= 0, name);
    atexit(remove_file);
    memset(buffer, 'x', CHUNK);
    check(write(file, buffer, CHUNK) == CHUNK, "write");
    zero = open("/dev/zero", O_RDONLY);
    check(zero >= 0, "/dev/zero");
    null = open("/dev/null", O_WRONLY);
    check(null >= 0, "/dev/null");
    // A pipe that were smaller than 64 KB would fail instead of blocking for ever.
    check(pipe2(ends, O_NONBLOCK) == 0, "pipe");
    measure("getppid", getppids);
    measure("read-zero", reads);
    measure("write-null", writes);
    measure("stat", stats);
    measure("open-close", opens);
    measure("sigaction", installs);
    measure("signal", signals);
    measure("pipe64k", pipes);
    measure("pread64k", preads);
    measure("clock-gettime", clocks);
    return 0;
}
