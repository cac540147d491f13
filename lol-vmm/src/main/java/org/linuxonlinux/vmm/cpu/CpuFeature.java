// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.List;

/**
 * The CPUID feature bits the guest may see, by register. What is not listed is hidden.
 *
 * <p>Hidden on purpose: SMEP, SMAP, UMIP, PKU, LA57, CET, PCID, INVPCID (not modelled yet); XSAVES,
 * MONITOR, VMX, SVM, SMX (privileged, not modelled); TSX, SGX, PT, RDT, AMX, LBR, performance
 * counters, IBS (no use or no way); machine checks; power and thermal control; anything on several
 * cores.
 *
 * @param bit position in its register
 * @param rule when the guest sees it
 */
record CpuFeature(int bit, Rule rule) {
    enum Rule {
        /** If the host has it: unprivileged, or modelled with the host's help. */
        HOST,
        /** Always: modelled in software, or a statement about this machine. */
        ALWAYS
    }

    static final CpuFeature XSAVE = host(26);
    static final CpuFeature FSGSBASE = host(0);
    static final CpuFeature BMI2 = host(8);
    static final CpuFeature XSAVEC = host(1);

    /** CPUID.1:ECX. */
    static final Register LEAF_1_ECX =
            new Register(
                    host(0), // SSE3
                    host(1), // PCLMULQDQ
                    host(9), // SSSE3
                    host(12), // FMA
                    host(13), // CMPXCHG16B
                    host(19), // SSE4.1
                    host(20), // SSE4.2
                    always(21), // x2APIC
                    host(22), // MOVBE
                    host(23), // POPCNT
                    always(24), // TSC-deadline timer
                    host(25), // AES
                    XSAVE,
                    host(28), // AVX
                    host(29), // F16C
                    host(30), // RDRAND
                    always(31)); // hypervisor

    /** CPUID.1:EDX. */
    static final Register LEAF_1_EDX =
            new Register(
                    host(0), // FPU
                    host(2), // DE
                    always(3), // PSE
                    host(4), // TSC
                    always(5), // MSR
                    always(6), // PAE
                    host(8), // CMPXCHG8B
                    always(9), // APIC
                    host(11), // SYSENTER
                    always(12), // MTRR
                    always(13), // PGE
                    host(15), // CMOV
                    always(16), // PAT
                    always(17), // PSE-36
                    host(19), // CLFLUSH
                    host(23), // MMX
                    host(24), // FXSR
                    host(25), // SSE
                    host(26), // SSE2
                    host(27)); // self-snoop

    /** CPUID.7.0:EBX. */
    static final Register LEAF_7_EBX =
            new Register(
                    FSGSBASE, always(1), // TSC_ADJUST
                    host(3), // BMI1
                    host(5), // AVX2
                    host(6), // x87 data pointer only on exceptions
                    BMI2, host(9), // ERMS
                    host(13), // no x87 CS and DS
                    host(16), // AVX512F
                    host(17), // AVX512DQ
                    host(18), // RDSEED
                    host(19), // ADX
                    host(21), // AVX512_IFMA
                    host(23), // CLFLUSHOPT
                    host(24), // CLWB
                    host(26), // AVX512PF
                    host(27), // AVX512ER
                    host(28), // AVX512CD
                    host(29), // SHA
                    host(30), // AVX512BW
                    host(31)); // AVX512VL

    /** CPUID.7.0:ECX. */
    static final Register LEAF_7_ECX =
            new Register(
                    host(1), // AVX512_VBMI
                    host(6), // AVX512_VBMI2
                    host(8), // GFNI
                    host(9), // VAES
                    host(10), // VPCLMULQDQ
                    host(11), // AVX512_VNNI
                    host(12), // AVX512_BITALG
                    host(14), // AVX512_VPOPCNTDQ
                    host(22), // RDPID
                    host(25), // CLDEMOTE
                    host(27), // MOVDIRI
                    host(28)); // MOVDIR64B

    /** CPUID.7.0:EDX. */
    static final Register LEAF_7_EDX =
            new Register(
                    host(2), // AVX512_4VNNIW
                    host(3), // AVX512_4FMAPS
                    host(4), // fast short rep mov
                    host(8), // AVX512_VP2INTERSECT
                    host(14), // SERIALIZE
                    host(23), // AVX512_FP16
                    always(26), // IBRS: the register SPEC_CTRL exists
                    always(29)); // ARCH_CAPABILITIES exists

    /** CPUID.7.1:EAX. */
    static final Register LEAF_7_1_EAX =
            new Register(
                    host(0), // SHA512
                    host(1), // SM3
                    host(2), // SM4
                    host(4), // AVX-VNNI
                    host(5), // AVX512_BF16
                    host(7), // CMPccXADD
                    host(10), // fast zero-length rep movsb
                    host(11), // fast short rep stosb
                    host(12), // fast short rep cmpsb, scasb
                    host(23)); // AVX-IFMA

    /** CPUID.7.1:EDX. */
    static final Register LEAF_7_1_EDX =
            new Register(
                    host(4), // AVX-VNNI-INT8
                    host(5), // AVX-NE-CONVERT
                    host(10), // AVX-VNNI-INT16
                    host(14)); // PREFETCHI

    /** CPUID.0xd.1:EAX. */
    static final Register LEAF_D_1_EAX =
            new Register(
                    host(0), // XSAVEOPT
                    XSAVEC, host(2)); // XGETBV with ECX = 1

    /** CPUID.0x80000001:ECX. */
    static final Register LEAF_80000001_ECX =
            new Register(
                    host(0), // LAHF in 64-bit mode
                    host(5), // LZCNT
                    host(6), // SSE4A
                    host(7), // misaligned SSE
                    host(8), // PREFETCHW
                    host(22)); // topology extensions

    /** CPUID.0x80000001:EDX; many bits repeat CPUID.1:EDX on AMD and are reserved on Intel. */
    static final Register LEAF_80000001_EDX =
            new Register(
                    host(0), // FPU
                    host(2), // DE
                    host(3), // PSE
                    host(4), // TSC
                    host(5), // MSR
                    host(6), // PAE
                    host(8), // CMPXCHG8B
                    host(9), // APIC
                    host(11), // SYSCALL
                    host(12), // MTRR
                    host(13), // PGE
                    host(15), // CMOV
                    host(16), // PAT
                    host(17), // PSE-36
                    host(20), // no-execute
                    host(22), // MMX extensions
                    host(23), // MMX
                    host(24), // FXSR
                    host(25), // fast FXSR
                    always(26), // 1 GB pages
                    host(27), // RDTSCP
                    always(29)); // long mode

    /** CPUID.0x80000008:EBX, AMD. */
    static final Register LEAF_80000008_EBX =
            new Register(
                    host(0), // CLZERO
                    host(2), // FXRSTOR and XRSTOR restore error pointers
                    always(14), // IBRS: the register SPEC_CTRL exists
                    always(26), // no speculative store bypass
                    always(29)); // no branch type confusion

    /** CPUID.0x80000021:EAX, AMD. */
    static final Register LEAF_80000021_EAX =
            new Register(
                    host(0), // data breakpoints do not nest
                    always(2), // LFENCE always serialises
                    host(6), // loading a null selector clears the base
                    always(29)); // no speculative return stack overflow

    /** CPUID.0x80000021:ECX, AMD. */
    static final Register LEAF_80000021_ECX =
            new Register(
                    always(1), // no transient scheduler attack on the store queue
                    always(2)); // nor on the L1 data cache

    private static CpuFeature host(int bit) {
        return new CpuFeature(bit, Rule.HOST);
    }

    private static CpuFeature always(int bit) {
        return new CpuFeature(bit, Rule.ALWAYS);
    }

    /** Whether a register has the bit set. */
    boolean in(int register) {
        return (register >>> bit & 1) != 0;
    }

    /** One CPUID output register: which of its bits the guest sees. */
    static final class Register {
        private final int hostMask;
        private final int always;

        Register(CpuFeature... features) {
            int host = 0;
            int fixed = 0;
            for (CpuFeature feature : List.of(features)) {
                if (feature.rule == Rule.HOST) {
                    host |= 1 << feature.bit;
                } else {
                    fixed |= 1 << feature.bit;
                }
            }
            hostMask = host;
            always = fixed;
        }

        /** What the guest sees, given what the host shows. */
        int cut(int hostValue) {
            return (hostValue & hostMask) | always;
        }
    }
}
