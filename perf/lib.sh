# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the measuring scripts share. Sourced by them. Settings from the environment:
#   RUNS    how often each side is measured (default 5); sides take turns, medians are compared
#   CPUS    host CPUs that both sides are pinned to (default 0,1, or 0 where there is one)
#   KERNEL  kernel to boot (default: the default guest's)
#   MEMORY  a guest's memory (default 1G)
#   WORK    directory for what is built and logged (default perf/work)

set -euo pipefail
perf=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$perf")
RUNS=${RUNS:-5}
if [ -z "${CPUS:-}" ]; then
    if [ "$(nproc)" -gt 1 ]; then CPUS=0,1; else CPUS=0; fi
fi
MEMORY=${MEMORY:-1G}
WORK=${WORK:-$perf/work}
mkdir -p "$WORK"
lol=$root/lol

say() { echo "perf: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# need COMMAND PACKAGE: installs the package if the command is missing.
need() {
    command -v "$1" >/dev/null && return
    say "installing $2"
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo -n)
    "${sudo[@]}" apt-get -q -y install --no-install-recommends "$2" >"$WORK/apt.log" 2>&1 || die "cannot install $2: see $WORK/apt.log"
}

pinned() { taskset -c "$CPUS" "$@"; }

# median NUMBER...
median() {
    printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio A B [FORMAT]: A / B
ratio() { awk -v a="$1" -v b="$2" -v f="${3:-%.2f}" 'BEGIN { printf f, a / b }'; }

# The kernel that both sides boot; the default guest's is fetched if need be.
kernel() {
    if [ -z "${KERNEL:-}" ]; then
        local cache=${XDG_CACHE_HOME:-$HOME/.cache}/lol
        [ -e "$cache/kernels/cloud-amd64.release" ] || "$lol" inspect cloud-amd64 >/dev/null
        KERNEL=$cache/kernels/vmlinuz-$(cat "$cache/kernels/cloud-amd64.release")
    fi
    echo "$KERNEL"
}

# initramfs NAME SCRIPT [FILE...]: builds $WORK/NAME.cpio whose init runs the shell text SCRIPT and switches the machine off;
# FILEs go to /bin.
initramfs() {
    local name=$1 script=$2 tree
    shift 2
    need busybox busybox-static
    need cpio cpio
    tree=$WORK/$name.tree
    rm -rf "$tree"
    mkdir -p "$tree"/{bin,dev,proc,sys,tmp}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    [ $# -eq 0 ] || cp "$@" "$tree/bin/"
    cat >"$tree/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t tmpfs tmpfs /tmp
export PATH=/bin
$script
/bin/busybox poweroff -f
INIT
    chmod +x "$tree/init"
    (cd "$tree" && find . | sort | cpio --quiet -o -H newc -R 0:0) >"$WORK/$name.cpio"
    echo "$WORK/$name.cpio"
}

# The same kernel command line on both sides.
command_line="console=ttyS0 transparent_hugepage=always panic=-1 reboot=a noreplace-smp"

# run_lol INITRAMFS [OPTION...] / run_qemu INITRAMFS / run_uml INITRAMFS: boot, console on standard output.
run_lol() {
    local initrd=$1
    shift
    pinned "$lol" run -k "$(kernel)" -i "$initrd" -m "$MEMORY" --timeout 300 "$@" </dev/null
}

run_qemu() {
    pinned timeout 300 qemu-system-x86_64 -machine q35 -cpu qemu64 -accel tcg -m "$MEMORY" -nodefaults -no-reboot -display none \
        -serial stdio -kernel "$(kernel)" -initrd "$1" -append "$command_line" </dev/null
}

# User-Mode Linux is a kernel of its own, and has no processor's modes to emulate: guest processes are processes of the host.
run_uml() {
    pinned timeout 300 linux.uml "mem=$MEMORY" "initrd=$1" con=null con0=null,fd:1 transparent_hugepage=always panic=-1 </dev/null
}

# start_lol INITRAMFS [OPTION...]: boots in the background, for a guest that says "phase NAME" and then waits for a line. Afterwards,
# $launcher is the process to wait for, $in takes the guest's input, and await NAME waits for it to get there.
start_lol() {
    local initrd=$1
    shift
    coproc guest { exec taskset -c "$CPUS" "$lol" run -k "$(kernel)" -i "$initrd" -m "$MEMORY" --timeout 300 "$@" 2>&1; }
    # shellcheck disable=SC2034,SC2154 # used by those who source this; set by coproc
    out=${guest[0]} in=${guest[1]} launcher=$guest_PID
}

await() {
    local line
    while IFS= read -r -t 120 line <&"$out"; do
        [[ $line == "phase $1"* ]] && return
    done
    die "guest did not get to phase $1"
}

# processes PID: it and all below it.
processes() {
    local pid=$1 child
    echo "$pid"
    # shellcheck disable=SC2013 # words are what is wanted
    for child in $(cat /proc/"$pid"/task/*/children 2>/dev/null); do processes "$child"; done
}

# guest_program NAME: compiles perf/guest/NAME.c, static, to $WORK/NAME.
guest_program() {
    need gcc gcc
    gcc -O2 -static -Wall -Wextra -o "$WORK/$1" "$perf/guest/$1.c" -lm || die "cannot compile perf/guest/$1.c"
    echo "$WORK/$1"
}

# rows FILE KEY: the numbers of all lines "KEY NUMBER" in FILE.
rows() { awk -v key="$2" '$1 == key { print $2 + 0 }' "$1"; }

machine() {
    echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, $(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo) memory; host Linux $(uname -r | cut -d- -f1); Java $("$(command -v java)" -version 2>&1 | sed -n 's/.*version "\([^"]*\)".*/\1/p'); both sides pinned to CPUs $CPUS; medians of $RUNS runs, sides taking turns"
}
