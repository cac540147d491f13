// SPDX-License-Identifier: Apache-2.0
/*
 * degraded HOW[,HOW...] PROGRAM ARGUMENT...
 *
 * Runs a program on a host that lacks something: a seccomp filter makes host calls fail as they
 * would there. The filter is inherited by everything the program starts.
 *
 *   no-sud      no syscall user dispatch (before Linux 5.11)
 *   no-seccomp  no seccomp (CONFIG_SECCOMP off)
 *   no-ptrace   ptrace forbidden (kernel.yama.ptrace_scope=3)
 *   docker      roughly Docker's default profile
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX 400
#define SET_USER_DISPATCH 59

static struct sock_filter filter[MAX];
static unsigned short length;

static void put(unsigned short code, unsigned char jt, unsigned char jf, unsigned int k)
{
    if (length == MAX) {
        fprintf(stderr, "degraded: filter too long\n");
        exit(125);
    }
    filter[length++] = (struct sock_filter){code, jt, jf, k};
}

static void load(unsigned int offset)
{
    put(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void fail(int error)
{
    put(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error);
}

/* Call number NR fails. */
static void deny(unsigned int nr, int error)
{
    load(offsetof(struct seccomp_data, nr));
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr);
    fail(error);
}

/* Call number NR fails if the low half of an argument has this value. */
static void deny_value(unsigned int nr, int argument, unsigned int value, int error)
{
    load(offsetof(struct seccomp_data, nr));
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, nr);
    load(offsetof(struct seccomp_data, args) + 8 * argument);
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
    fail(error);
}

/* Call number NR fails if the low half of an argument has one of these bits. */
static void deny_bits(unsigned int nr, int argument, unsigned int bits, int error)
{
    load(offsetof(struct seccomp_data, nr));
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, nr);
    load(offsetof(struct seccomp_data, args) + 8 * argument);
    put(BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    fail(error);
}

static void docker(void)
{
    static const int denied[] = {
        SYS_acct, SYS_add_key, SYS_bpf, SYS_clock_adjtime, SYS_clock_settime, SYS_delete_module,
        SYS_fanotify_init, SYS_finit_module, SYS_fsconfig, SYS_fsmount, SYS_fsopen, SYS_get_mempolicy,
        SYS_init_module, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup, SYS_ioperm,
        SYS_iopl, SYS_kcmp, SYS_kexec_file_load, SYS_kexec_load, SYS_keyctl, SYS_lookup_dcookie,
        SYS_mbind, SYS_mount, SYS_move_mount, SYS_move_pages, SYS_open_by_handle_at, SYS_open_tree,
        SYS_perf_event_open, SYS_pivot_root, SYS_quotactl, SYS_reboot, SYS_request_key,
        SYS_set_mempolicy, SYS_setns, SYS_settimeofday, SYS_swapoff, SYS_swapon, SYS_syslog,
        SYS_umount2, SYS_unshare, SYS_userfaultfd, SYS_vhangup};
    const unsigned int namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC
        | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
        deny(denied[i], EPERM);
    deny_bits(SYS_clone, 0, namespaces, EPERM);
    deny(SYS_clone3, ENOSYS);
    /* The default personality, Linux 32-bit, their variants with UNAME26, and the query. */
    load(offsetof(struct seccomp_data, nr));
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 7, SYS_personality);
    load(offsetof(struct seccomp_data, args));
    put(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 0);
    put(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 0x8);
    put(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 0x20000);
    put(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 0x20008);
    put(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0xffffffff);
    fail(EPERM);
}

static void add(const char *how)
{
    if (!strcmp(how, "no-sud")) {
        deny_value(SYS_prctl, 0, SET_USER_DISPATCH, EINVAL);
    } else if (!strcmp(how, "no-seccomp")) {
        deny(SYS_seccomp, ENOSYS);
        deny_value(SYS_prctl, 0, PR_SET_SECCOMP, EINVAL);
        deny_value(SYS_prctl, 0, PR_GET_SECCOMP, EINVAL);
    } else if (!strcmp(how, "no-ptrace")) {
        deny(SYS_ptrace, EPERM);
    } else if (!strcmp(how, "docker")) {
        docker();
    } else {
        fprintf(stderr, "degraded: unknown: %s\n", how);
        exit(125);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: degraded HOW[,HOW...] PROGRAM ARGUMENT...\n");
        return 125;
    }
    load(offsetof(struct seccomp_data, arch));
    put(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
    fail(ENOSYS);
    for (char *how = strtok(argv[1], ","); how; how = strtok(NULL, ","))
        add(how);
    put(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("degraded: seccomp");
        return 125;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
