#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs in a guest built by PackageGuest from python3, bash and perl-base: real programs that fork, thread, signal and pipe.
# Prints "ok NAME" or "FAILED NAME" for each, exits with the number of failures. The expected values are the same on any Linux.
# shellcheck disable=SC2016,SC2317
failures=0
check() {
    local name=$1 expected=$2 actual
    actual=$("${@:3}" 2>&1)
    if [ "$actual" = "$expected" ]; then
        echo "ok $name"
    else
        echo "FAILED $name: expected '$expected', got '$actual'"
        failures=$((failures + 1))
    fi
}

python_hashes() {
    python3 -c '
import hashlib
data = bytes(range(256)) * 4096
for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
    print(hashlib.new(name, data).hexdigest()[:16])
'
}
python_threads() {
    python3 -c '
import threading
total, lock = 0, threading.Lock()
def work():
    global total
    for _ in range(5000):
        with lock:
            total += 1
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(total)
'
}
python_forks() {
    python3 -c '
import os
status = 0
for i in range(40):
    pid = os.fork()
    if pid == 0:
        os._exit(i)
    status += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(status)
'
}
python_signals() {
    python3 -c '
import os, signal, time
seen = []
for s in (signal.SIGUSR1, signal.SIGALRM, signal.SIGSEGV):
    signal.signal(s, lambda n, frame: seen.append(n))
os.kill(os.getpid(), signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
while seen.count(signal.SIGALRM) < 3:
    time.sleep(0.01)
signal.setitimer(signal.ITIMER_REAL, 0)
pid = os.fork()
if pid == 0:
    signal.pause()
os.kill(pid, signal.SIGTERM)
print(seen[0] == signal.SIGUSR1, os.waitpid(pid, 0)[1])
'
}
python_memory() {
    python3 -c '
import mmap, os
shared = mmap.mmap(-1, 1 << 20)
private = bytearray(b"p" * (1 << 20))
pid = os.fork()
if pid == 0:
    shared[5:9] = b"seen"
    private[0:4] = b"none"
    os._exit(0)
os.waitpid(pid, 0)
print(shared[5:9].decode(), private[0:4].decode())
'
}
python_subprocess() {
    python3 -c '
import subprocess
print(subprocess.run(["bash", "-c", "read x; echo $((x * 2)); exit 3"], input=b"21", stdout=subprocess.PIPE))
'
}
python_floats() {
    python3 -c '
import math
print(sum(math.sqrt(i) / (i + 0.1) for i in range(100000)).hex())
'
}
bash_pipeline() {
    seq 1 20000 | sed 's/$/ x/' | sort -rn | head -n 3 | awk '{ s += $1 } END { print s }'
}
bash_jobs() {
    local i sum=0 children=()
    for i in 1 2 3 4 5; do
        (exit "$i") &
        children+=($!)
    done
    for i in "${children[@]}"; do
        wait "$i"
        sum=$((sum + $?))
    done
    echo "$sum"
}
bash_trap() {
    bash -c 'trap "echo caught" USR1; kill -USR1 $$; kill -KILL $$'
    echo $?
}
bash_files() {
    local d
    d=$(mktemp -d)
    head -c 3000000 /dev/zero | tr '\0' 'q' > "$d/a"
    cp "$d/a" "$d/b"
    ln -s a "$d/c"
    cmp "$d/b" "$d/c" && wc -c < "$d/c"
    rm -r "$d"
}
perl_program() {
    perl -e '
        my %h; $h{$_ % 97} .= chr(65 + $_ % 26) for 1 .. 50000;
        my $s = join "", map { $h{$_} } sort { $a <=> $b } keys %h;
        (my $t = $s) =~ s/([A-M]+)/length $1/ge;
        pipe(my $r, my $w); my $pid = fork;
        if (!$pid) { close $r; print $w length $t; exit 7 }
        close $w; my $n = <$r>; waitpid $pid, 0;
        print length($s), " $n ", $? >> 8;'
}

check python-hashes "c35cc7d8d91728a0
ecfc8e86fdd83811
fbbab289f7f94b25
ac1d097b4ea6f6ad
d968751128cfec87
988b9f48e713f594" python_hashes
check python-threads 40000 python_threads
check python-forks 780 python_forks
check python-signals "True 15" python_signals
check python-memory "seen pppp" python_memory
check python-subprocess "CompletedProcess(args=['bash', '-c', 'read x; echo \$((x * 2)); exit 3'], returncode=3, stdout=b'42\\n')" python_subprocess
check python-floats 0x1.3b5f687797c26p+9 python_floats
check bash-pipeline 59997 bash_pipeline
check bash-jobs 15 bash_jobs
check bash-trap "caught
137" bash_trap
check bash-files 3000000 bash_files
check perl "50000 38470 7" perl_program
exit $failures
