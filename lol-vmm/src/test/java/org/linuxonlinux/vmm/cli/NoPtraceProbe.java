// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.NativeMemory;

/** Runs {@code lol} where ptrace(2) and seccomp(2) fail with EPERM. */
final class NoPtraceProbe {
    // Linux include/uapi/linux/{prctl,seccomp,bpf_common}.h
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final int PR_SET_SECCOMP = 22;
    private static final int SECCOMP_MODE_FILTER = 2;
    private static final int SECCOMP_RET_ALLOW = 0x7fff_0000;
    private static final int SECCOMP_RET_ERRNO = 0x0005_0000;
    private static final int EPERM = 1;
    private static final int BPF_LD_W_ABS = 0x20;
    private static final int BPF_JEQ_K = 0x15;
    private static final int BPF_RET_K = 0x06;
    private static final int INSTRUCTION_BYTES = 8;

    private NoPtraceProbe() {}

    /**
     * Forbids both to the main thread and to the processes it starts, then goes on as {@code lol}.
     */
    public static void main(String[] args) {
        int[][] filter = {
            {BPF_LD_W_ABS, 0, 0, 0}, // seccomp_data.nr
            {BPF_JEQ_K, 1, 0, HostAbi.SYS_ptrace},
            {BPF_JEQ_K, 0, 1, HostAbi.SYS_seccomp},
            {BPF_RET_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
            {BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW},
        };
        try (NativeMemory program = NativeMemory.allocate(16);
                NativeMemory code =
                        NativeMemory.allocate((long) filter.length * INSTRUCTION_BYTES)) {
            for (int i = 0; i < filter.length; i++) {
                int at = i * INSTRUCTION_BYTES;
                code.putShort(at, (short) filter[i][0]);
                code.putByte(at + 2, (byte) filter[i][1]);
                code.putByte(at + 3, (byte) filter[i][2]);
                code.putInt(at + 4, filter[i][3]);
            }
            program.putShort(0, (short) filter.length);
            program.putLong(8, code.hva());
            HostCalls.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            HostCalls.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program.hva(), 0, 0);
        }
        Main.main(args);
    }
}
