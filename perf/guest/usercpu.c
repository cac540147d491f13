// SPDX-License-Identifier: Apache-2.0
//
// CPU-bound user code: integer, floating point, memory. Prints "KEY CYCLES" lines, in cycles of the time-stamp counter, which
// ticks alike in a guest and outside. Each part takes some 300 ms, or the noise of timer
// ticks would be what is measured; the best of five, of which the first two still allocate memory.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

enum { WORDS = 1 << 20, SORTS = 3, REPEATS = 5 };

static uint32_t memory[WORDS];

static uint64_t integers(void) {
    uint64_t x = 88172645463325252ull, sum = 0;
    for (long i = 0; i < 200000000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sum += x;
    }
    return sum;
}

static uint64_t floats(void) {
    double x = 0.5, sum = 0;
    for (long i = 0; i < 150000000; i++) {
        x = 3.9 * x * (1 - x);
        sum += sqrt(x);
    }
    return (uint64_t) sum;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
    return (x > y) - (x < y);
}

static uint64_t sorting(void) {
    uint32_t x = 2463534242u;
    uint64_t sum = 0;
    for (int round = 0; round < SORTS; round++) {
        for (long i = 0; i < WORDS; i++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            memory[i] = x;
        }
        qsort(memory, WORDS, sizeof memory[0], compare);
        sum += memory[WORDS / 2];
    }
    return sum;
}

static void measure(const char *key, uint64_t (*work)(void)) {
    uint64_t best = UINT64_MAX, result = 0;
    for (int i = 0; i < REPEATS; i++) {
        uint64_t start = __rdtsc();
        result = work();
        uint64_t cycles = __rdtsc() - start;
        best = cycles < best ? cycles : best;
    }
    printf("%s %llu result=%llu\n", key, (unsigned long long) best, (unsigned long long) result);
}

int main(void) {
    measure("integer", integers);
    measure("float", floats);
    measure("sort", sorting);
    return 0;
}
