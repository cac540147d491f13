#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the dollars are gdb's
# gdb inside the guest, on a program whose call site has been used long before it attaches. For a guest built by PackageGuest
# from bash and gdb-minimal with the program hotloop. Prints "ok NAME" or "FAILED NAME", exits with the number of failures.
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

# gdb: the original bytes, a breakpoint at the site, steps across the pair.
start_loop
cat > /tmp/commands << 'END'
set pagination off
set confirm off
x/3i site
x/8xb site
break *(char *)site
continue
delete
echo at-break\n
p (long)$pc - (long)site
stepi
echo after-mov\n
p (long)$pc - (long)site
p $rax
stepi
echo after-syscall\n
p (long)$pc - (long)site
p $rax
p (long)$rcx - (long)site
stepi
break *(char *)site_call
continue
echo at-call\n
p (long)$pc - (long)site
p $rax
set $rax = 39
stepi
p $rax
set $rax = 4711
detach
END
for round in 1 2; do
    sed -e "s/^set \$rax = 4711/set \$rax = $$/" /tmp/commands > /tmp/commands.$round
    timeout 60 gdb -nx -batch -p $loop -x /tmp/commands.$round > /tmp/gdb 2>&1
    tr '\n' '~' < /tmp/gdb > /tmp/gdb.line
    has /tmp/gdb '<site>:.*mov .*0x6e,%eax' '<site\+5>:.*syscall' '<site\+7>:.*ret' \
        '0xb8.0x6e.0x00.0x00.0x00.0x0f.0x05.0xc3' &&
        has /tmp/gdb.line 'at-break~\$1 = 0~' 'after-mov~\$2 = 5~\$3 = 110~' "after-syscall~\\\$4 = 7~\\\$5 = $$~\\\$6 = 7~" \
            'at-call~\$7 = 5~\$8 = 110~' "~\\\$9 = $loop~"
    result $? "gdb-attach-$round" /tmp/gdb
    sleep 0.2
done
end_loop gdb-detached

# A program started by gdb, hot, then stopped.
rm -f /tmp/stop
cat > /tmp/commands << 'END'
set pagination off
set confirm off
set startup-with-shell off
set disable-randomization off
break *(char *)site_call
run 400 > /dev/null
ignore 1 300
continue
info breakpoints
x/i $pc
stepi
p (long)$pc - (long)site
delete
continue
END
timeout 100 gdb -nx -batch -x /tmp/commands ./hotloop > /tmp/gdb 2>&1
has /tmp/gdb 'already hit 302 times' '=> 0x[0-9a-f]+ <site\+5>:.*syscall' '\$1 = 7' 'calls=400, wrong=0|exited normally'
result $? gdb-run /tmp/gdb
exit $failures
