// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.NativeMemory;

/** A seccomp filter of four instructions, for tests of refusals. */
final class SeccompFilter {
    private static final int PR_SET_SECCOMP = 22;
    private static final int SECCOMP_MODE_FILTER = 2;
    private static final int SECCOMP_RET_ERRNO = 0x0005_0000;
    private static final int SECCOMP_RET_ALLOW = 0x7fff_0000;
    private static final int LOAD_WORD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int RETURN = 0x06;

    private SeccompFilter() {}

    /** Makes one system call fail for the rest of the calling thread's life. */
    static void refuse(int number, int errno) {
        try (NativeMemory memory = NativeMemory.allocate(64)) {
            memory.putShort(0, (short) 4);
            memory.putLong(8, memory.hva() + 16);
            put(memory, 16, LOAD_WORD, 0); // seccomp_data.nr
            put(memory, 24, JUMP_IF_EQUAL | 1 << 24, number);
            put(memory, 32, RETURN, SECCOMP_RET_ERRNO | errno);
            put(memory, 40, RETURN, SECCOMP_RET_ALLOW);
            HostCalls.prctl(HostAbi.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            HostCalls.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, memory.hva(), 0, 0);
        }
    }

    /** {@code code} in bits 0 to 15, jump-if-true in 16 to 23, jump-if-false in 24 to 31. */
    private static void put(NativeMemory memory, int offset, int codeAndJumps, int k) {
        memory.putInt(offset, codeAndJumps);
        memory.putInt(offset + 4, k);
    }
}
