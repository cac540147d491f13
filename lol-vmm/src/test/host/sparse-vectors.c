// SPDX-License-Identifier: Apache-2.0
// Does this host keep the vector registers of a program whose YMM halves (bits 128-255) are in their initial state while the upper
// halves of its ZMM registers are in use? Two processes take turns on one CPU. Each loads registers that are all in use, then such
// sparse ones, lets the other run, and looks. Ends with 0: kept; 1: not; 2: no AVX-512 here.
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1000000, AVX = 2, OPMASK = 5, ZMM_HI256 = 6, HI16_ZMM = 7, AREA = 4096, HEADER = 512 };
static uint8_t dense[AREA] __attribute__((aligned(64)));
static uint8_t sparse[AREA] __attribute__((aligned(64)));
static uint8_t seen[AREA] __attribute__((aligned(64)));
static const uint64_t all = 0xe7;

static void fill(uint8_t *area, uint64_t used)
{
    memset(area, 0, AREA);
    *(uint16_t *)area = 0x37f;         // FCW
    *(uint32_t *)(area + 24) = 0x1f80; // MXCSR
    *(uint64_t *)(area + HEADER) = used;
    for (int component = AVX; component <= HI16_ZMM; component++) {
        unsigned size, offset, c, d;
        if (!(all >> component & 1))
            continue;
        __cpuid_count(0xd, component, size, offset, c, d);
        for (unsigned i = 0; i < size; i += 8)
            *(uint64_t *)(area + offset + i) = (uint64_t)random() << 32 | random();
    }
}

static void load(const uint8_t *area)
{
    asm volatile("xrstor64 (%0)" ::"r"(area), "a"(all), "d"(0) : "memory");
}

static int lost(void)
{
    int count = 0;
    unsigned size, offset, c, d;
    __cpuid_count(0xd, AVX, size, offset, c, d);
    fill(dense, all);
    fill(sparse, all & ~(1u << AVX));
    for (int i = 0; i < ROUNDS; i++) {
        memset(seen + HEADER, 0, 64);
        load(dense);
        sched_yield();
        load(sparse);
        sched_yield();
        sched_yield();
        asm volatile("xsave64 (%0)" ::"r"(seen), "a"(all), "d"(0) : "memory");
        asm volatile("vzeroupper");
        int zero = 1;
        for (unsigned j = 0; j < size && seen[HEADER] >> AVX & 1; j++)
            zero &= !seen[offset + j];
        count += !zero;
    }
    return count;
}

int main(void)
{
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(0, &cpu);
    sched_setaffinity(0, sizeof cpu, &cpu);
    if (!__builtin_cpu_supports("avx512f"))
        return 2;
    pid_t other = fork();
    int count = lost(), status = 0;
    printf("wrong: %d of %d\n", count, ROUNDS);
    if (other == 0)
        _exit(count != 0);
    waitpid(other, &status, 0);
    return count != 0 || WEXITSTATUS(status) != 0;
}
