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
    private static final int CLOCK_CODE = 192;
    private static final int CODE_BYTES = 320;

    /** In: rdi = leaf, rsi = subleaf, rdx = where eax, ebx, ecx, edx are stored. */
    static final String CPUID =
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
    static final String RDTSC =
            """
            0f ae e8        | lfence
            0f 31           | rdtsc
            48 c1 e2 20     | shl rdx, 32
            48 09 d0        | or rax, rdx
            c3              | ret
            """;

    /** In: rdi = index. Out: rax = value. Needs CPUID.1:ECX.OSXSAVE. */
    static final String XGETBV =
            """
            89 f9           | mov ecx, edi
            0f 01 d0        | xgetbv
            48 c1 e2 20     | shl rdx, 32
            48 09 d0        | or rax, rdx
            c3              | ret
            """;

    /**
     * In: rdi = where counter, counter, seconds, nanoseconds are stored, rsi = clock. Out: rax =
     * result of clock_gettime, which runs between the two reads of the counter.
     */
    static final String CLOCK =
            """
            49 89 f8        | mov r8, rdi
            0f ae e8        | lfence
            0f 31           | rdtsc
            48 c1 e2 20     | shl rdx, 32
            48 09 d0        | or rax, rdx
            49 89 00        | mov [r8], rax
            89 f7           | mov edi, esi
            49 8d 70 10     | lea rsi, [r8+16]
            b8 e4 00 00 00  | mov eax, 228
            0f 05           | syscall
            49 89 c1        | mov r9, rax
            0f ae e8        | lfence
            0f 31           | rdtsc
            48 c1 e2 20     | shl rdx, 32
            48 09 d0        | or rax, rdx
            49 89 40 08     | mov [r8+8], rax
            4c 89 c8        | mov rax, r9
            c3              | ret
            """;

    /**
     * Tries per clock sample; a sample that the host interrupted is much wider than the others, and
     * eight in a row are not all hit. Arbitrary.
     */
    private static final int CLOCK_TRIES = 8;

    private final NativeCode code;

    /** Prepares the machine code. */
    public HostCpu() {
        byte[] bytes = new byte[CODE_BYTES];
        java.util.Arrays.fill(bytes, (byte) 0xcc);
        place(bytes, CPUID_CODE, CPUID);
        place(bytes, RDTSC_CODE, RDTSC);
        place(bytes, XGETBV_CODE, XGETBV);
        place(bytes, CLOCK_CODE, CLOCK);
        code = NativeCode.of(bytes);
    }

    private static void place(byte[] bytes, int offset, String listing) {
        byte[] part = CodeListing.assemble(listing);
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

    /**
     * A host clock and the time-stamp counter at the same moment.
     *
     * @param ticks counter
     * @param nanos clock
     * @param uncertaintyTicks the clock was read within this many ticks of {@code ticks}
     */
    public record ClockSample(long ticks, long nanos, long uncertaintyTicks) {}

    /** Reads a host clock ({@code CLOCK_*}) and the counter together; the best of several tries. */
    public ClockSample sampleClock(int clock) {
        long hva = NativeRoutines.memory().allocateMemory(32, true);
        try {
            ClockSample best = null;
            for (int i = 0; i < CLOCK_TRIES; i++) {
                HostCalls.throwIfError(
                        "clock_gettime", code.callAt(CLOCK_CODE, hva, clock, 0), "clock", clock);
                long before = NativeRoutines.memory().getLong(hva);
                long half = (NativeRoutines.memory().getLong(hva + 8) - before + 1) >> 1;
                if (best == null || half < best.uncertaintyTicks()) {
                    long nanos =
                            NativeRoutines.memory().getLong(hva + 16) * 1_000_000_000L
                                    + NativeRoutines.memory().getLong(hva + 24);
                    best = new ClockSample(before + half, nanos, half);
                }
            }
            return best;
        } finally {
            NativeRoutines.memory().freeMemory(hva);
        }
    }

    @Override
    public void close() {
        code.close();
    }
}
