#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The files of programs stay as they are while the programs make calls by the thousand. For a guest built by PackageGuest from
# bash, python3, perl-base, fzf and gosu (both in Go) with the program hashes. Prints "ok NAME" or "FAILED NAME", exits with
# the number of failures.
cd /script.d || exit 1
failures=0
check() {
    if [ "$2" = "$3" ]; then
        echo "ok $1"
    else
        echo "FAILED $1: expected '$2', got '$3'"
        failures=$((failures + 1))
    fi
}
find /script.d /usr/bin /usr/sbin /usr/lib -xdev -type f > /tmp/list
all_sums() { xargs sha256sum < /tmp/list | sha256sum; }
load() {
    python3 -c '
import os
for i in range(4000):
    os.getppid(); os.stat("/"); os.getuid()
r, w = os.pipe()
for i in range(1000):
    os.write(w, b"x"); os.read(r, 1)
print("python", i)'
    perl -e '$n += getppid() > 0 for 1 .. 4000; print "perl $n\n"'
    bash -c 'for ((i = 0; i < 500; i++)); do echo x > /dev/null; done; echo "bash $i"'
    seq 1 20000 | fzf -f "'1999" | sort -n | tail -n 1
    gosu root:root id -u
}
expected=$(./hashes < /tmp/list)
sums=$(all_sums)
echo "files: $(wc -l < /tmp/list), $expected"
for round in 1 2 3; do
    check "load-$round" "$(printf 'python 999\nperl 4000\nbash 500\n19999\n0')" "$(load 2>&1)"
done
load > /tmp/load &
check hashes-during-load "$expected" "$(./hashes < /tmp/list)"
wait $!
check sums "$sums" "$(all_sums)"
check hashes "$expected" "$(./hashes < /tmp/list)"
cp /usr/bin/python3.11 /tmp/python
cmp /usr/bin/python3.11 /tmp/python
check copy-runs 42 "$(/tmp/python -c 'print(6 * 7)')"
exit $failures
