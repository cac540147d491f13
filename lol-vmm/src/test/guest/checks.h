// SPDX-License-Identifier: Apache-2.0
// What the self-checking guest programs share: a table of checks, each run in a child of its own, so that one that crashes
// or hangs does not hide the others. Prints "ok NAME", "skipped NAME: reason" or "FAILED NAME: ..." for each check and
// "ended: failures=N" at last. With names as arguments only these checks are run, with -NAME these are left out.
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK_SECONDS 60
#define EXIT_FAILED 1
#define EXIT_SKIPPED 77

// Often enough that a mechanism that changes a site at its first, second or hundredth call has done so.
#define HOT 300

struct check {
    const char *name;
    void (*run)(void);
};

static const char *current;

__attribute__((unused, noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED %s: ", current);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    _exit(EXIT_FAILED);
}

__attribute__((unused, noreturn)) static void skip(const char *reason)
{
    printf("skipped %s: %s\n", current, reason);
    fflush(stdout);
    _exit(EXIT_SKIPPED);
}

#define EXPECT(condition)                                                                                                      \
    do {                                                                                                                       \
        if (!(condition))                                                                                                      \
            fail("line %d: not true: %s, errno=%d", __LINE__, #condition, errno);                                              \
    } while (0)

#define EXPECT_EQ(expected, actual)                                                                                            \
    do {                                                                                                                       \
        unsigned long e_ = (unsigned long)(expected), a_ = (unsigned long)(actual);                                            \
        if (e_ != a_)                                                                                                          \
            fail("line %d: %s: expected=0x%lx, actual=0x%lx", __LINE__, #actual, e_, a_);                                      \
    } while (0)

__attribute__((unused)) static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

__attribute__((unused)) static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, NULL))
        fail("sigaction %d: errno=%d", signal, errno);
}

static int run_check(const struct check *check)
{
    int status = -1;
    double end = now() + CHECK_SECONDS;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        current = check->name;
        check->run();
        _exit(0);
    }
    while (waitpid(child, &status, WNOHANG) != child) {
        if (now() > end) {
            printf("FAILED %s: longer than %d s\n", check->name, CHECK_SECONDS);
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return 1;
        }
        usleep(1000);
    }
    if (status == 0)
        printf("ok %s\n", check->name);
    else if (WIFSIGNALED(status))
        printf("FAILED %s: died of signal %d\n", check->name, WTERMSIG(status));
    return status != 0 && status != EXIT_SKIPPED << 8;
}

static int run_checks(const struct check *checks, int count, char **names)
{
    int failures = 0;
    for (int i = 0; i < count; i++) {
        int wanted = *names == NULL || **names == '-';
        for (char **name = names; *name; name++)
            if (!strcmp(*name + (**name == '-'), checks[i].name))
                wanted = **name != '-';
        if (wanted)
            failures += run_check(&checks[i]);
    }
    printf("ended: failures=%d\n", failures);
    fflush(stdout);
    return failures != 0;
}

#define RUN_CHECKS(checks, argv) run_checks(checks, sizeof(checks) / sizeof *(checks), (argv) + 1)
