// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.linuxonlinux.host.HostCpu;

/**
 * What CPUID says to the guest's kernel: the host's answer, reduced to what a kernel in ring 3 can
 * have, plus what the monitor adds (x2APIC, TSC-deadline timer, KVM's clock).
 *
 * <p>Every feature word is a list of the bits let through, so that a bit a future CPU invents stays
 * hidden. Programs in the guest do not get here: their CPUID is the host's own, and the kernel must
 * not know less of the user-visible state than they do ({@link ExtendedState}).
 *
 * <p>Of speculation flaws the guest is told that it has none it would have to work around at a
 * price: its "kernel mode" is the host's user mode and the host's mitigations protect the host.
 *
 * <p>Source: Intel SDM vol. 2A CPUID; AMD APM vol. 3 appendix E; Linux v6.1
 * Documentation/virt/kvm/x86/cpuid.rst. vCPU thread only.
 */
public final class CpuidModel {
    private static final int MAX_BASIC_LEAF = 0x16;
    private static final int EXTENDED = 0x8000_0000;
    private static final int MAX_EXTENDED_LEAF = 0x8000_0021;
    private static final int HYPERVISOR = 0x4000_0000;
    private static final int MAX_HYPERVISOR_LEAF = 0x4000_0010;
    private static final int LEAF_CLASS = 0xffff_0000;

    private static final long CR4_OSXSAVE = 1 << 18;

    // ---- Leaf 1. Left out of ECX: DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2, CNXT-ID, SDBG,
    // xTPR, PDCM, PCID, DCA. Of EDX: VME, MTRR, PSN, DS, ACPI, HTT, TM, PBE.

    /** SSE3, PCLMULQDQ, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, RDRAND. */
    private static final int LEAF1_ECX = bits(0, 1, 9, 13, 19, 20, 22, 23, 25, 30);

    private static final int FMA = bits(12);
    private static final int X2APIC = bits(21);
    private static final int TSC_DEADLINE = bits(24);
    private static final int XSAVE = bits(26);
    private static final int OSXSAVE = bits(27);
    private static final int AVX = bits(28);
    private static final int F16C = bits(29);
    private static final int IS_GUEST = bits(31);
    private static final int LEAF1_ECX_AVX = FMA | AVX | F16C;

    /**
     * FPU, DE, PSE, TSC, MSR, PAE, CX8, PGE, CMOV, PAT, PSE36, MMX, FXSR: those that AMD repeats in
     * 0x80000001.
     */
    private static final int LEAF1_EDX_COMMON = bits(0, 2, 3, 4, 5, 6, 8, 13, 15, 16, 17, 23, 24);

    private static final int APIC = bits(9);

    /** MCE, MCA: without them, Linux complains. There are no banks ({@link MsrModel}). */
    private static final int MACHINE_CHECK = bits(7, 14);

    /** SEP, CLFLUSH, SSE, SSE2, self-snoop. */
    private static final int LEAF1_EDX = LEAF1_EDX_COMMON | bits(11, 19, 25, 26, 27);

    private static final int CLFLUSH_SIZE = 0xff00;
    private static final int ONE_LOGICAL_PROCESSOR = 1 << 16;

    // ---- Leaf 6.

    /** The APIC timer runs in all sleep states. */
    private static final int ARAT = bits(2);

    // ---- Leaf 7. Left out of EBX: SGX, HLE, SMEP, INVPCID, RTM, PQM, MPX, PQE, SMAP, PT. Of ECX:
    // UMIP, PKU, OSPKE, WAITPKG, CET, TME, LA57, KL, bus lock, MOVDIR64B, ENQCMD, SGX_LC, PKS. Of
    // EDX: SRBDS_CTRL, TSX, SERIALIZE, PCONFIG, LBR, IBT, AMX and all speculation controls.

    private static final int LEAF7_MAX_SUBLEAF = 1;
    private static final int TSC_ADJUST = bits(1);
    private static final int AVX2 = bits(5);

    /** FSGSBASE, BMI1, x87 details, BMI2, ERMS, RDSEED, ADX, CLFLUSHOPT, CLWB, SHA. */
    private static final int LEAF7_EBX = bits(0, 3, 6, 8, 9, 13, 18, 19, 23, 24, 29);

    /** F, DQ, IFMA, PF, ER, CD, BW, VL. */
    private static final int LEAF7_EBX_AVX512 = bits(16, 17, 21, 26, 27, 28, 30, 31);

    /** PREFETCHWT1, GFNI, RDPID, CLDEMOTE, MOVDIRI. */
    private static final int LEAF7_ECX = bits(0, 8, 22, 25, 27);

    /** VAES, VPCLMULQDQ. */
    private static final int LEAF7_ECX_AVX = bits(9, 10);

    /** VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ. */
    private static final int LEAF7_ECX_AVX512 = bits(1, 6, 11, 12, 14);

    /** FSRM. */
    private static final int LEAF7_EDX = bits(4);

    /** 4VNNIW, 4FMAPS, VP2INTERSECT, FP16. */
    private static final int LEAF7_EDX_AVX512 = bits(2, 3, 8, 23);

    private static final int ARCH_CAPABILITIES = bits(29);

    /** FZRM, FSRS, FSRC. */
    private static final int LEAF7_1_EAX = bits(10, 11, 12);

    /** SHA512, SM3, SM4, VNNI, IFMA. */
    private static final int LEAF7_1_EAX_AVX = bits(0, 1, 2, 4, 23);

    /** BF16. */
    private static final int LEAF7_1_EAX_AVX512 = bits(5);

    /** VNNI-INT8, NE-CONVERT, VNNI-INT16. */
    private static final int LEAF7_1_EDX_AVX = bits(4, 5, 10);

    // ---- Extended leaves. Left out of 0x80000001 ECX: CMP_LEGACY, SVM, EXTAPIC, CR8 by LOCK,
    // OSVW,
    // IBS, SKINIT, WDT, LWP, TCE, NODEID, perf counters, DBEXT, PTSC, MWAITX. Of EDX: FFXSR.

    /** LAHF, ABM, SSE4A, misaligned SSE, PREFETCHW, TBM, TOPOEXT. */
    private static final int EXTENDED_ECX = bits(0, 5, 6, 7, 8, 21, 22);

    /** XOP, FMA4. */
    private static final int EXTENDED_ECX_AVX = bits(11, 16);

    /** MMXEXT, 1-GB pages, RDTSCP, 3DNow! and its extension. */
    private static final int EXTENDED_EDX = bits(22, 26, 27, 30, 31);

    /** SYSCALL, NX, long mode: there, or the host could not run this. */
    private static final int EXTENDED_EDX_ALWAYS = bits(11, 20, 29);

    private static final int INVARIANT_TSC = bits(8);

    /** 0x80000008 EBX: CLZERO, XSAVE of error pointers. */
    private static final int ADDRESS_EBX = bits(0, 2);

    /** 0x80000008 EBX: no speculative store bypass, no branch type confusion. AMD only. */
    private static final int ADDRESS_EBX_IMMUNE = bits(26, 29);

    private static final int PHYSICAL_BITS = 0xff;
    private static final int LINEAR_BITS_48 = 48 << 8;

    /**
     * 0x80000021 EAX: LFENCE serialises, null selectors clear the base, automatic IBRS (so that
     * Linux compiles no retpolines), no SRSO.
     */
    private static final int EXTENDED2_EAX = bits(2, 6, 8, 29);

    /** 0x80000021 ECX: neither form of transient scheduler attack. */
    private static final int EXTENDED2_ECX = bits(1, 2);

    private static final int CACHE_SHARING = 0x03ff_c000;
    private static final int CACHE_CORES = 0xfc00_0000;
    private static final int CACHE_TYPE = 0x1f;

    private static final int LEVEL_SMT = 1 << 8;
    private static final int LEVEL_CORE = 2 << 8;

    // ---- KVM's leaves.

    /** NOP_IO_DELAY, CLOCKSOURCE2, PV_EOI, CLOCKSOURCE_STABLE. */
    private static final int KVM_FEATURES = bits(1, 3, 6, 24);

    /** "KVMK", "VMKV", "M". */
    private static final int[] KVM_SIGNATURE = {0x4b4d_564b, 0x564b_4d56, 0x4d};

    private static final int VENDOR_AUTHENTIC_AMD = 0x6874_7541;
    private static final int VENDOR_HYGON_GENUINE = 0x6f67_7948;

    /** The clock that the local APIC's timer counts, too. */
    private static final int CRYSTAL_HZ = 1_000_000_000;

    private static final int BUS_MHZ = 1000;

    private static final long KHZ_PER_GHZ = 1_000_000;
    private static final long KHZ_PER_MHZ = 1_000;

    /** Largest numerator that Linux can multiply with a crystal's kHz in 32 bits. */
    private static final long MAX_NUMERATOR = 0xffff_ffffL / KHZ_PER_GHZ;

    /** Arbitrary bound for TSCs below 1 GHz. */
    private static final int MAX_DENOMINATOR = 4096;

    private final HostCpuid host;
    private final int tscKhz;
    private final int hostMaxBasicLeaf;
    private final int hostMaxExtendedLeaf;
    private final boolean amd;
    private final ExtendedState xstate;
    private final int tscNumerator;
    private final int tscDenominator;
    private LongSupplier cr4 = () -> CR4_OSXSAVE;
    private BooleanSupplier apicEnabled = () -> true;

    /**
     * Looks at the host.
     *
     * @param host the CPU that will run the guest; stays open as long as this model
     * @param tscKhz rate of the guest's TSC
     */
    public CpuidModel(HostCpu host, long tscKhz) {
        this(HostCpuid.of(host), tscKhz);
    }

    CpuidModel(HostCpuid host, long tscKhz) {
        this.host = host;
        this.tscKhz = Math.toIntExact(tscKhz);
        HostCpu.Cpuid first = host.cpuid(0, 0);
        this.hostMaxBasicLeaf = first.eax();
        this.amd = first.ebx() == VENDOR_AUTHENTIC_AMD || first.ebx() == VENDOR_HYGON_GENUINE;
        this.hostMaxExtendedLeaf = host.cpuid(EXTENDED, 0).eax();
        this.xstate = new ExtendedState(host);
        this.tscDenominator = bestDenominator(tscKhz);
        this.tscNumerator = (int) ratio(tscKhz, tscDenominator);
    }

    /** Of the fraction that, times 1 GHz, comes closest to the rate of the TSC. */
    private static int bestDenominator(long tscKhz) {
        int best = 1;
        for (int i = 2; i <= MAX_DENOMINATOR && ratio(tscKhz, i) <= MAX_NUMERATOR; i++) {
            if (error(tscKhz, i) < error(tscKhz, best)) {
                best = i;
            }
        }
        return best;
    }

    private static long ratio(long tscKhz, int denominator) {
        return Math.round((double) tscKhz * denominator / KHZ_PER_GHZ);
    }

    private static double error(long tscKhz, int denominator) {
        return Math.abs((double) ratio(tscKhz, denominator) / denominator * KHZ_PER_GHZ - tscKhz);
    }

    private static int bits(int... numbers) {
        int mask = 0;
        for (int number : numbers) {
            mask |= 1 << number;
        }
        return mask;
    }

    /** Names where CR4 is read, for OSXSAVE. Without, OSXSAVE is on as it is on the host. */
    public void connectCr4(LongSupplier supplier) {
        cr4 = supplier;
    }

    /** Names who knows whether IA32_APIC_BASE enables the local APIC. Without, it is enabled. */
    public void connectApic(BooleanSupplier supplier) {
        apicEnabled = supplier;
    }

    /** CPUID shows a local APIC only while it is enabled (Intel SDM vol. 3A §11.4.3). */
    private int apicBit() {
        return apicEnabled.getAsBoolean() ? APIC : 0;
    }

    /** Whether the CPU follows AMD's manuals where the two differ. */
    public boolean isAmd() {
        return amd;
    }

    /** XSAVE state components. */
    ExtendedState extendedState() {
        return xstate;
    }

    /**
     * Executes CPUID.
     *
     * @param leaf EAX
     * @param subleaf ECX
     * @param eaxEbxEcxEdx receives the four registers
     */
    public void query(int leaf, int subleaf, int[] eaxEbxEcxEdx) {
        java.util.Arrays.fill(eaxEbxEcxEdx, 0);
        switch (leaf & LEAF_CLASS) {
            case 0 -> basic(leaf, subleaf, eaxEbxEcxEdx);
            case HYPERVISOR -> hypervisor(leaf, eaxEbxEcxEdx);
            case EXTENDED -> extended(leaf, subleaf, eaxEbxEcxEdx);
            default -> {}
        }
    }

    private static void set(int[] out, int eax, int ebx, int ecx, int edx) {
        out[0] = eax;
        out[1] = ebx;
        out[2] = ecx;
        out[3] = edx;
    }

    private static void set(int[] out, HostCpu.Cpuid real) {
        set(out, real.eax(), real.ebx(), real.ecx(), real.edx());
    }

    /** The host's answer; zeros beyond its last leaf, where Intel CPUs repeat another. */
    private HostCpu.Cpuid real(int leaf, int subleaf) {
        int max = leaf < 0 ? hostMaxExtendedLeaf : hostMaxBasicLeaf;
        return Integer.compareUnsigned(leaf, max) > 0
                ? new HostCpu.Cpuid(0, 0, 0, 0)
                : host.cpuid(leaf, subleaf);
    }

    /** A mask, if the state it needs can be saved. */
    private int given(long components, int mask) {
        return xstate.has(components) ? mask : 0;
    }

    private int givenAvx(int mask) {
        return given(ExtendedState.AVX, mask);
    }

    private int givenAvx512(int mask) {
        return given(ExtendedState.AVX512, mask);
    }

    // ---- Basic leaves ------------------------------------------------------------------------

    private void basic(int leaf, int subleaf, int[] out) {
        HostCpu.Cpuid real = real(leaf, subleaf);
        switch (leaf) {
            case 0 -> set(out, MAX_BASIC_LEAF, real.ebx(), real.ecx(), real.edx());
            case 1 -> featureWords(real, out);
            case 2 -> set(out, real);
            case 4 ->
                    set(
                            out,
                            unshared(real.eax() & ~CACHE_CORES),
                            real.ebx(),
                            real.ecx(),
                            real.edx());
            case 6 -> set(out, ARAT, 0, 0, 0);
            case 7 -> structuredFeatures(subleaf, real, out);
            case 0xb -> topology(subleaf, out);
            case 0xd -> xstate.query(subleaf, out);
            case 0x15 -> set(out, tscDenominator, tscNumerator, CRYSTAL_HZ, 0);
            case 0x16 -> set(out, megahertz(), megahertz(), BUS_MHZ, 0);
            default -> {}
        }
    }

    private int megahertz() {
        return (int) Math.round((double) tscKhz / KHZ_PER_MHZ);
    }

    /** A cache's EAX without the threads that share it. */
    private static int unshared(int eax) {
        return (eax & CACHE_TYPE) == 0 ? 0 : eax & ~CACHE_SHARING;
    }

    private void featureWords(HostCpu.Cpuid real, int[] out) {
        int ecx = real.ecx() & (LEAF1_ECX | givenAvx(LEAF1_ECX_AVX));
        ecx |= X2APIC | TSC_DEADLINE | IS_GUEST;
        if (xstate.mask() != 0) {
            ecx |= XSAVE | ((cr4.getAsLong() & CR4_OSXSAVE) != 0 ? OSXSAVE : 0);
        }
        set(
                out,
                real.eax(),
                (real.ebx() & CLFLUSH_SIZE) | ONE_LOGICAL_PROCESSOR,
                ecx,
                (real.edx() & LEAF1_EDX) | apicBit() | MACHINE_CHECK);
    }

    private void structuredFeatures(int subleaf, HostCpu.Cpuid real, int[] out) {
        if (subleaf == 0) {
            int ebx = LEAF7_EBX | givenAvx(AVX2) | givenAvx512(LEAF7_EBX_AVX512);
            int ecx = LEAF7_ECX | givenAvx(LEAF7_ECX_AVX) | givenAvx512(LEAF7_ECX_AVX512);
            int edx = LEAF7_EDX | givenAvx512(LEAF7_EDX_AVX512);
            set(
                    out,
                    Math.min(real.eax(), LEAF7_MAX_SUBLEAF),
                    (real.ebx() & ebx) | TSC_ADJUST,
                    real.ecx() & ecx,
                    (real.edx() & edx) | (amd ? 0 : ARCH_CAPABILITIES));
        } else if (subleaf == 1 && real(7, 0).eax() >= 1) {
            int eax = LEAF7_1_EAX | givenAvx(LEAF7_1_EAX_AVX) | givenAvx512(LEAF7_1_EAX_AVX512);
            set(out, real.eax() & eax, 0, 0, real.edx() & givenAvx(LEAF7_1_EDX_AVX));
        }
    }

    /** One thread in one core, x2APIC ID 0. */
    private static void topology(int subleaf, int[] out) {
        switch (subleaf) {
            case 0 -> set(out, 0, 1, LEVEL_SMT, 0);
            case 1 -> set(out, 0, 1, LEVEL_CORE | subleaf, 0);
            default -> set(out, 0, 0, subleaf & 0xff, 0);
        }
    }

    // ---- Hypervisor leaves -------------------------------------------------------------------

    private void hypervisor(int leaf, int[] out) {
        switch (leaf) {
            case HYPERVISOR ->
                    set(
                            out,
                            MAX_HYPERVISOR_LEAF,
                            KVM_SIGNATURE[0],
                            KVM_SIGNATURE[1],
                            KVM_SIGNATURE[2]);
            case HYPERVISOR + 1 -> set(out, KVM_FEATURES, 0, 0, 0);
            case MAX_HYPERVISOR_LEAF -> set(out, tscKhz, 0, 0, 0);
            default -> {}
        }
    }

    // ---- Extended leaves ---------------------------------------------------------------------

    private void extended(int leaf, int subleaf, int[] out) {
        HostCpu.Cpuid real = real(leaf, subleaf);
        switch (leaf) {
            case EXTENDED -> {
                int max = amd ? MAX_EXTENDED_LEAF : Math.min(real.eax(), MAX_EXTENDED_LEAF);
                set(out, max, real.ebx(), real.ecx(), real.edx());
            }
            case 0x8000_0001 -> extendedFeatures(real, out);
            case 0x8000_0002, 0x8000_0003, 0x8000_0004 -> set(out, real);
            case 0x8000_0005, 0x8000_0006, 0x8000_0019, 0x8000_001a -> set(out, real);
            case 0x8000_0007 -> set(out, 0, 0, 0, INVARIANT_TSC);
            case 0x8000_0008 ->
                    set(
                            out,
                            (real.eax() & PHYSICAL_BITS) | LINEAR_BITS_48,
                            (real.ebx() & ADDRESS_EBX) | (amd ? ADDRESS_EBX_IMMUNE : 0),
                            0,
                            0);
            case 0x8000_001d -> set(out, unshared(real.eax()), real.ebx(), real.ecx(), real.edx());
            case 0x8000_0021 -> {
                if (amd) {
                    set(out, EXTENDED2_EAX, 0, EXTENDED2_ECX, 0);
                }
            }
            default -> {}
        }
    }

    private void extendedFeatures(HostCpu.Cpuid real, int[] out) {
        int ecx = real.ecx() & (EXTENDED_ECX | givenAvx(EXTENDED_ECX_AVX));
        int edx = real.edx() & (EXTENDED_EDX | (amd ? LEAF1_EDX_COMMON : 0));
        edx |= EXTENDED_EDX_ALWAYS | (amd ? apicBit() | MACHINE_CHECK : 0);
        set(out, real.eax(), real.ebx(), ecx, edx);
    }
}
