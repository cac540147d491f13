// SPDX-License-Identifier: Apache-2.0
//
// Work that makes, changes or switches between address spaces. Prints "KEY CYCLES" lines: cycles of the time-stamp counter per
// operation, the median of up to BATCHES batches after one that warms up.
//
//   ctx2p0k        switch between 2 processes with 0 KB of data each, as lmbench's lat_ctx does it: a token goes round through two
//                  pipes; what the same calls cost within one process is subtracted; per switch. Where system calls are dear, it
//                  is a small difference of large numbers
//   pipe-latency   1 byte to another process and back, through two pipes
//   unix-latency   the same, through a stream socketpair
//   tcp-latency    the same, through TCP over the loopback interface, which is brought up if it is down
//   forkexit       fork, exit, wait
//   forkexec       fork, exec of this program, which exits at once, wait
//   forksh         fork, exec of SHELL -c true, wait
//   fault-order    first touch of a 4 KB page of a fresh anonymous private mapping, in order; mmap and munmap are not counted
//   fault-random   the same, in random order
//   mmapfile       mmap of a 64 KB file on tmpfs that is in memory, a read of each of its 16 pages, munmap
//   createunlink   create an empty file on tmpfs, close and unlink it
//
//   addressspaces [FILE [SHELL]]         measures all; FILE is created on tmpfs and removed (default /tmp/addressspaces); SHELL is a
//                                        busybox (default /bin/busybox), so that both sides of a comparison run the same program
//   addressspaces curve COUNT [FILE]     measures ctx2p0k, forkexit and fault-order beside COUNT other live processes that sleep,
//                                        each of which has touched 64 pages
//   addressspaces exit                   exits at once
//
// All processes of a measurement run on the first CPU that the program may run on: a guest may have one only, and with two, a
// round trip would measure how idle CPUs wake up.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

// At the pace of a native machine, BATCHES batches of a row take 0.1 to 0.7 s. A slow guest stops after ROW_SECONDS, though not
// before MINIMUM_BATCHES.
enum { BATCHES = 15, MINIMUM_BATCHES = 3, ROW_SECONDS = 2 };
enum { PAGE = 4096, FAULT_PAGES = 4096, FILE_PAGES = 16, SLEEPER_PAGES = 64 };

static const char *name = "/tmp/addressspaces", *shell = "/bin/busybox";
static char self[PATH_MAX];
static int file;
static int order[FAULT_PAGES];
// The process at the other end: what is written to `to`, it writes to `from`.
static pid_t peer;
static int to, from;
// Two pipes that no other process uses.
static int alone[2][2];

static void check(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void remove_file(void) {
    unlink(name);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void stay_on_first_cpu(void) {
    cpu_set_t cpus;
    int cpu = 0;
    check(sched_getaffinity(0, sizeof cpus, &cpus) == 0, "sched_getaffinity");
    while (!CPU_ISSET(cpu, &cpus)) {
        cpu++;
    }
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    check(sched_setaffinity(0, sizeof cpus, &cpus) == 0, "sched_setaffinity");
}

// fork of a process that does not outlive its parent.
static pid_t fork_bound(void) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
    }
    return child;
}

// Starts a peer that reads from `peer_from` and writes to `peer_to`; this process keeps the other ends.
static void start_peer(int peer_from, int peer_to, int own_from, int own_to) {
    peer = fork_bound();
    if (peer == 0) {
        char bytes[16];
        for (;;) {
            ssize_t length = read(peer_from, bytes, sizeof bytes);
            check(length > 0 && write(peer_to, bytes, length) == length, "peer");
        }
    }
    close(peer_from);
    if (peer_to != peer_from) {
        close(peer_to);
    }
    from = own_from;
    to = own_to;
}

static void start_peer_on_pipes(void) {
    int there[2], back[2];
    check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    start_peer(there[0], back[1], back[0], there[1]);
}

static void start_peer_on_socketpair(void) {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    start_peer(ends[1], ends[1], ends[0], ends[0]);
}

static void bring_loopback_up(int any_socket) {
    struct ifreq request = {.ifr_name = "lo"};
    check(ioctl(any_socket, SIOCGIFFLAGS, &request) == 0, "SIOCGIFFLAGS lo");
    if (!(request.ifr_flags & IFF_UP)) {
        request.ifr_flags |= IFF_UP;
        check(ioctl(any_socket, SIOCSIFFLAGS, &request) == 0, "SIOCSIFFLAGS lo");
    }
}

static void start_peer_on_tcp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), connecting = socket(AF_INET, SOCK_STREAM, 0), accepted, on = 1;
    check(listener >= 0 && connecting >= 0, "socket");
    bring_loopback_up(listener);
    check(bind(listener, (struct sockaddr *) &address, length) == 0, "bind");
    check(listen(listener, 1) == 0, "listen");
    check(getsockname(listener, (struct sockaddr *) &address, &length) == 0, "getsockname");
    check(connect(connecting, (struct sockaddr *) &address, length) == 0, "connect");
    accepted = accept(listener, NULL, NULL);
    check(accepted >= 0, "accept");
    close(listener);
    check(setsockopt(connecting, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
    check(setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
    start_peer(accepted, accepted, connecting, connecting);
}

static void stop_peer(void) {
    check(kill(peer, SIGKILL) == 0 && waitpid(peer, NULL, 0) == peer, "end of peer");
    close(from);
    if (to != from) {
        close(to);
    }
}

// The batches: each does its work `count` times, and returns the cycles per operation.

static void pass(int write_end, int read_end, int length) {
    int token = 0;
    check(write(write_end, &token, length) == length, "write");
    check(read(read_end, &token, length) == length, "read");
}

static double round_trips_of(int length, long count) {
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        pass(to, from, length);
    }
    return (double) (__rdtsc() - start) / count;
}

static double round_trips(long count) {
    return round_trips_of(1, count);
}

static double switches(long count) {
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        pass(alone[0][1], alone[0][0], sizeof(int));
        pass(alone[1][1], alone[1][0], sizeof(int));
    }
    double work = (double) (__rdtsc() - start) / count;
    return (round_trips_of(sizeof(int), count) - work) / 2;
}

// Forks a child that executes `program` with `arguments`, or exits where there is none, and waits for it.
static double forks_of(const char *program, char *const *arguments, long count) {
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        int status;
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            if (program != NULL) {
                execv(program, arguments);
                perror(program);
                _exit(1);
            }
            _exit(0);
        }
        check(waitpid(child, &status, 0) == child && status == 0, "child");
    }
    return (double) (__rdtsc() - start) / count;
}

static double forks(long count) {
    return forks_of(NULL, NULL, count);
}

static double execs(long count) {
    return forks_of(self, (char *[]) {self, "exit", NULL}, count);
}

static double shells(long count) {
    return forks_of(shell, (char *[]) {"sh", "-c", "true", NULL}, count);
}

static char *fresh_pages(long count) {
    char *pages = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(pages != MAP_FAILED, "mmap");
    madvise(pages, count * PAGE, MADV_NOHUGEPAGE); // refused by a kernel without huge pages: as well
    return pages;
}

static double faults(long count) {
    volatile char *pages = fresh_pages(count);
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        pages[i * PAGE] = 1;
    }
    uint64_t cycles = __rdtsc() - start;
    munmap((void *) pages, count * PAGE);
    return (double) cycles / count;
}

static double random_faults(long count) {
    volatile char *pages = fresh_pages(FAULT_PAGES);
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        pages[(long) order[i] * PAGE] = 1;
    }
    uint64_t cycles = __rdtsc() - start;
    munmap((void *) pages, FAULT_PAGES * PAGE);
    return (double) cycles / count;
}

static double file_maps(long count) {
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        volatile char *pages = mmap(NULL, FILE_PAGES * PAGE, PROT_READ, MAP_SHARED, file, 0);
        check(pages != MAP_FAILED, "mmap of file");
        for (int page = 0; page < FILE_PAGES; page++) {
            (void) pages[page * PAGE];
        }
        munmap((void *) pages, FILE_PAGES * PAGE);
    }
    return (double) (__rdtsc() - start) / count;
}

static double creates(long count) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s-empty", name);
    uint64_t start = __rdtsc();
    for (long i = 0; i < count; i++) {
        int created = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        check(created >= 0, path);
        close(created);
        check(unlink(path) == 0, path);
    }
    return (double) (__rdtsc() - start) / count;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static void measure(const char *key, double (*batch)(long), long count) {
    double cycles[BATCHES];
    int done = 0;
    batch(count);
    double end = seconds() + ROW_SECONDS;
    while (done < BATCHES && (done < MINIMUM_BATCHES || seconds() < end)) {
        cycles[done++] = batch(count);
    }
    qsort(cycles, done, sizeof cycles[0], compare);
    printf("%s %.1f\n", key, done % 2 ? cycles[done / 2] : (cycles[done / 2 - 1] + cycles[done / 2]) / 2);
    fflush(stdout);
}

// Starts `count` processes that touch some memory and sleep. They are children of another one, to which they are bound, so that
// their number does not make this process's waiting slower; that one leads their process group.
static pid_t start_sleepers(long count) {
    int ready[2];
    char byte = 0;
    check(pipe(ready) == 0, "pipe");
    pid_t keeper = fork_bound();
    if (keeper == 0) {
        check(setpgid(0, 0) == 0, "setpgid");
        for (long i = 0; i < count; i++) {
            if (fork_bound() == 0) {
                char *pages = fresh_pages(SLEEPER_PAGES);
                for (int page = 0; page < SLEEPER_PAGES; page++) {
                    pages[page * PAGE] = 1;
                }
                check(write(ready[1], &byte, 1) == 1, "write");
                for (;;) {
                    pause();
                }
            }
        }
        check(write(ready[1], &byte, 1) == 1, "write");
        for (;;) {
            pause();
        }
    }
    close(ready[1]);
    for (long i = 0; i <= count; i++) {
        check(read(ready[0], &byte, 1) == 1, "sleeper");
    }
    close(ready[0]);
    return keeper;
}

static void stop_sleepers(pid_t keeper) {
    check(kill(-keeper, SIGKILL) == 0 && waitpid(keeper, NULL, 0) == keeper, "end of sleepers");
}

static void measure_switches(void) {
    start_peer_on_pipes();
    measure("ctx2p0k", switches, 2000);
    stop_peer();
}

static void measure_beside(long sleepers) {
    pid_t keeper = start_sleepers(sleepers);
    measure_switches();
    measure("forkexit", forks, 100);
    measure("fault-order", faults, FAULT_PAGES);
    stop_sleepers(keeper);
}

static void open_file(void) {
    char page[PAGE];
    file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file >= 0, name);
    atexit(remove_file);
    memset(page, 'x', PAGE);
    for (int i = 0; i < FILE_PAGES; i++) {
        check(write(file, page, PAGE) == PAGE, "write");
    }
}

static void shuffle(void) {
    uint32_t x = 2463534242u;
    for (int i = 0; i < FAULT_PAGES; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        int other = x % (i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

static void measure_all(void) {
    open_file();
    shuffle();
    measure_switches();
    start_peer_on_pipes();
    measure("pipe-latency", round_trips, 2000);
    stop_peer();
    start_peer_on_socketpair();
    measure("unix-latency", round_trips, 2000);
    stop_peer();
    start_peer_on_tcp();
    measure("tcp-latency", round_trips, 1000);
    stop_peer();
    measure("forkexit", forks, 100);
    measure("forkexec", execs, 50);
    measure("forksh", shells, 50);
    measure("fault-order", faults, FAULT_PAGES);
    measure("fault-random", random_faults, FAULT_PAGES);
    measure("mmapfile", file_maps, 1000);
    measure("createunlink", creates, 1000);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "exit") == 0) {
        return 0;
    }
    stay_on_first_cpu();
    check(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "/proc/self/exe");
    check(pipe(alone[0]) == 0 && pipe(alone[1]) == 0, "pipe");
    if (argc >= 3 && strcmp(argv[1], "curve") == 0) {
        measure_beside(atol(argv[2]));
        return 0;
    }
    name = argc > 1 ? argv[1] : name;
    shell = argc > 2 ? argv[2] : shell;
    measure_all();
    return 0;
}
