// SPDX-License-Identifier: Apache-2.0
// Hashes the files named on standard input through read(), a private mapping and a shared one; prints one sum. Exits with
// the number of files that differ between the three.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t hash(const unsigned char *bytes, long size)
{
    uint64_t sum = 14695981039346656037u, word;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        sum = (sum ^ word) * 1099511628211u;
        sum ^= sum >> 29;
    }
    while (size-- > 0)
        sum = (sum ^ *bytes++) * 1099511628211u;
    return sum;
}

int main(void)
{
    char path[4096];
    uint64_t all = 0;
    int differing = 0;
    while (fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = 0;
        struct stat status;
        int file = open(path, O_RDONLY);
        if (file < 0 || fstat(file, &status))
            return 101;
        if (status.st_size > 0) {
            unsigned char *buffer = malloc(status.st_size);
            if (read(file, buffer, status.st_size) != status.st_size)
                return 102;
            uint64_t by_read = hash(buffer, status.st_size);
            free(buffer);
            for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
                void *mapped = mmap(NULL, status.st_size, PROT_READ | (flags == MAP_PRIVATE ? PROT_EXEC : 0), flags, file, 0);
                if (mapped == MAP_FAILED)
                    return 103;
                if (hash(mapped, status.st_size) != by_read) {
                    printf("differs by mapping %d: %s\n", flags, path);
                    differing++;
                }
                munmap(mapped, status.st_size);
            }
            all = all * 31 + by_read;
        }
        close(file);
    }
    printf("hash=%016lx\n", all);
    return differing > 100 ? 100 : differing;
}
