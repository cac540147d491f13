#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mixed load of fork, exec, pipe and signal for a guest built by PackageGuest from python3, bash and perl-base. Runs for the
# seconds of the kernel parameter lol.seconds= (300 without it); prints a line every 30 seconds and "soak ended" at the end;
# exits with the number of wrong results, at most 100.
# shellcheck disable=SC2016
seconds=300
for word in $(< /proc/cmdline); do
    case $word in lol.seconds=*) seconds=${word#*=} ;; esac
done
rounds=0
failures=0
expect() {
    if [ "$1" != "$2" ]; then
        echo "FAILED in round $rounds: expected '$1', got '$2'"
        failures=$((failures + 1))
    fi
}
d=$(mktemp -d)
echo "soak started"
SECONDS=0
reported=0
while [ $SECONDS -lt "$seconds" ]; do
    rounds=$((rounds + 1))
    # exec, pipes between four processes
    expect 500500 "$(seq 1 1000 | sort -r | cat | awk '{ s += $1 } END { print s }')"
    # forks without exec
    for i in 1 2 3 4; do (exit "$i") & done
    wait
    # data through a pipe and the page cache
    head -c 1000000 /dev/zero | tr '\0' "$((rounds % 10))" > "$d/a"
    expect 1000000 "$(tr -d -c "$((rounds % 10))" < "$d/a" | wc -c)"
    rm "$d/a"
    # a signal to a sleeper, one that is handled and one that kills
    sleep 1000 &
    kill -TERM $!
    wait $! 2> /dev/null
    expect 143 $?
    expect handled "$(bash -c 'trap "echo handled; exit" USR1; kill -USR1 $$; sleep 9')"
    expect 30 "$(perl -e 'my $n = 0; $SIG{USR1} = sub { $n++ }; for (1 .. 30) { kill USR1 => $$ } print $n')"
    # threads, copy-on-write
    if [ $((rounds % 4)) = 0 ]; then
        expect "4000 0" "$(python3 -c '
import os, threading
n, lock = 0, threading.Lock()
def work():
    global n
    for _ in range(1000):
        with lock: n += 1
ts = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]
buffer = bytearray(1 << 20)
pid = os.fork()
if pid == 0:
    for i in range(0, len(buffer), 4096): buffer[i] = 1
    os._exit(0 if sum(buffer) == 256 else 1)
print(n, os.waitpid(pid, 0)[1] + sum(buffer))')"
    fi
    if [ $SECONDS -ge $((reported + 30)) ]; then
        reported=$SECONDS
        read -r _ free _ < <(grep MemFree /proc/meminfo)
        echo "soak: seconds=$SECONDS rounds=$rounds failures=$failures freeKilobytes=$free"
    fi
done
rm -r "$d"
echo "soak ended: seconds=$SECONDS rounds=$rounds failures=$failures"
exit $((failures > 100 ? 100 : failures))
