// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * Questions to the CPU that runs this process: CPUID, time-stamp counter, XCR0.
 *
 * <p>Every call executes the instruction on the calling thread. Thread-safe.
 */
public final class HostCpu implements AutoCloseable {
    private static final int CPUID_CODE = 0;
    private static final int RDTSC_CODE = 64;
    private static final int XGETBV_CODE = 128;
    private static final int CODE_BYTES = 192;

    /** In: rdi = leaf, rsi = subleaf, rdx = where eax, ebx, ecx, edx are stored. */
    private static final String CPUID =
            """
            53              | push rbx
            49 89 d0        | mov r8, rdx
            89 f8           | mov eax, edi
            89 f1           | mov ecx, esi
            0f a2           | cpuid
            41 89 00        | mov [r8], eax
            41 89 58 04     | mov [r8+4], ebx
            41 89 48 08     | mov [r8+8], ecx
            41 89 50 0c     | mov [r8+12], edx
            5b              | pop rbx
            c3              | ret
            """;

    /** Out: rax = counter, read after every earlier instruction has completed. */
    private static final String RDTSC =
            """
            0f ae e8        | lfence
            0f 31           | rdtsc
            48 c1 e2 20     | shl rdx, 32
            48 09 d0        | or rax, rdx
            c3              | ret
            """;

    /** In: rdi = index. Out: rax = value. Needs CPUID.1:ECX.OSXSAVE. */
    private static final String XGETBV =
            """
            89 f9           | mov ecx, edi
            0f 01 d0        | xgetbv
            48 c1 e2 20     | shl rdx, 32
            48 09 d0        | or rax, rdx
            c3              | ret
            """;

    private final NativeCode code;

    /** Prepares the machine code. */
    public HostCpu() {
        byte[] bytes = new byte[CODE_BYTES];
        java.util.Arrays.fill(bytes, (byte) 0xcc);
        place(bytes, CPUID_CODE, CPUID);
        place(bytes, RDTSC_CODE, RDTSC);
        place(bytes, XGETBV_CODE, XGETBV);
        code = NativeCode.of(bytes);
    }

    private static void place(byte[] bytes, int offset, String listing) {
        byte[] part = NativeRoutines.assemble(listing);
        System.arraycopy(part, 0, bytes, offset, part.length);
    }

    /**
     * The four registers CPUID returns.
     *
     * @param eax EAX
     * @param ebx EBX
     * @param ecx ECX
     * @param edx EDX
     */
    public record Cpuid(int eax, int ebx, int ecx, int edx) {}

    /** Executes CPUID. */
    public Cpuid cpuid(int leaf, int subleaf) {
        long hva = NativeRoutines.memory().allocateMemory(16, true);
        try {
            code.callAt(CPUID_CODE, leaf, subleaf, hva);
            return new Cpuid(
                    NativeRoutines.memory().getInt(hva),
                    NativeRoutines.memory().getInt(hva + 4),
                    NativeRoutines.memory().getInt(hva + 8),
                    NativeRoutines.memory().getInt(hva + 12));
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    /** The time-stamp counter. */
    public long rdtsc() {
        return code.callAt(RDTSC_CODE, 0, 0, 0);
    }

    /** An extended control register; 0 is XCR0. Needs CPUID.1:ECX.OSXSAVE. */
    public long xgetbv(int index) {
        return code.callAt(XGETBV_CODE, index, 0, 0);
    }

    @Override
    public void close() {
        code.close();
    }
}
