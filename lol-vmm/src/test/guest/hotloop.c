// SPDX-License-Identifier: Apache-2.0
// What the debuggers attach to: makes one call from one site again and again, 500 times a millisecond or a given number of
// times in all. Ends when /tmp/stop exists; exits with 0 if all results were right.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

long site(void);
asm(".globl site, site_call, site_after\n.type site,@function\n"
    "site: mov $110,%eax\nsite_call: syscall\nsite_after: ret\n.size site,.-site\n");

int main(int argc, char **argv)
{
    long parent = getppid(), calls = 0, wrong = 0;
    long limit = argc > 1 ? atol(argv[1]) : 0;
    while (limit ? calls < limit : access("/tmp/stop", F_OK)) {
        for (int i = 0; i < 500 && (!limit || calls < limit); i++, calls++)
            wrong += site() != parent;
        if (!limit)
            usleep(1000);
    }
    printf("hot loop ended: calls=%ld, wrong=%ld\n", calls, wrong);
    return wrong != 0;
}
