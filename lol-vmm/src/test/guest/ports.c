// SPDX-License-Identifier: Apache-2.0
// A program that reaches I/O ports by ioperm and iopl, and takes SIGSEGV elsewhere. Exits with the number of failures.
#include <signal.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>

#define POST_CODE 0x80
#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_D 0x0d
#define RTC_VALID 0x80

static int failures;

static void check(const char *name, int right)
{
    printf("%s %s\n", right ? "ok" : "FAILED", name);
    fflush(stdout);
    failures += !right;
}

// Whether a child that writes to the port is killed by SIGSEGV.
static int is_denied(unsigned short port)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        outb(0x55, port);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

int main(void)
{
    check("denied without permission", is_denied(POST_CODE));
    check("ioperm", ioperm(POST_CODE, 1, 1) == 0);
    outb(0x55, POST_CODE);
    check("written with permission", 1);
    check("neighbour denied", is_denied(POST_CODE + 1));
    check("other port of the clock denied", ioperm(RTC_DATA, 1, 1) == 0 && is_denied(RTC_INDEX));
    check("ioperm of two", ioperm(RTC_INDEX, 2, 1) == 0);
    outb(RTC_STATUS_D, RTC_INDEX);
    check("read with permission", inb(RTC_DATA) == RTC_VALID);
    check("inherited by a child", !is_denied(POST_CODE));
    check("permission given back", ioperm(POST_CODE, 1, 0) == 0 && is_denied(POST_CODE));
    check("iopl", iopl(3) == 0);
    outb(0x55, POST_CODE + 1);
    check("iopl gives all", !is_denied(POST_CODE));
    check("iopl given back", iopl(0) == 0 && is_denied(POST_CODE + 1));
    return failures;
}
