#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# strace inside the guest, on new programs and on one whose call site has been used long before it attaches. For a guest built
# by PackageGuest from bash and strace with the program hotloop. Prints "ok NAME" or "FAILED NAME", exits with the number of
# failures.
cd /script.d || exit 1
failures=0
result() {
    if [ "$1" = 0 ]; then
        echo "ok $2"
    else
        failures=$((failures + 1))
        echo "FAILED $2:"
        sed 's/^/    /' "$3" | tail -n 40
    fi
}
start_loop() {
    rm -f /tmp/stop
    ./hotloop > /tmp/loop 2>&1 &
    loop=$!
    sleep 0.4
}
end_loop() {
    touch /tmp/stop
    wait $loop
    result $? "$1" /tmp/loop
}
has() {
    local file=$1 pattern
    shift
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$file" || { echo "missing: $pattern" >> "$file"; return 1; }
    done
}

# A new program under strace: every call is shown, once.
strace -f -o /tmp/new -e trace=getppid,exit_group ./hotloop 700 > /tmp/loop
test "$(grep -Ec "getppid\(\) += [0-9]+\$" /tmp/new)" = 701 && has /tmp/new 'exit_group\(0\)' && has /tmp/loop 'calls=700, wrong=0'
result $? strace-new /tmp/new
strace -f -o /tmp/shell bash -c './hotloop 20; exit 3' > /tmp/loop
test $? = 3 && has /tmp/shell 'execve\("./hotloop"' 'getppid\(\) += [0-9]+' '\+\+\+ exited with 3'
result $? strace-children /tmp/shell

# One that has been running; then without strace; then under it again.
start_loop
for round in 1 2; do
    strace -p $loop -e trace=getppid -o /tmp/attached 2> /tmp/messages &
    tracer=$!
    sleep 0.6
    kill -INT $tracer
    wait $tracer
    test "$(grep -c "getppid() *= $$\$" /tmp/attached)" -gt 20
    result $? "strace-attach-$round" /tmp/attached
    sleep 0.2
done
end_loop strace-detached

exit $failures
