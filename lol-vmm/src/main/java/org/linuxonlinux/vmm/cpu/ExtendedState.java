// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import org.linuxonlinux.host.HostCpu;

/**
 * The XSAVE state components the guest may know of, and CPUID leaf 0xD for them (Intel SDM vol. 1
 * §13.2, vol. 2A CPUID).
 *
 * <p>Programs in the guest execute CPUID, XGETBV and XSAVE on the host CPU itself, so the guest
 * kernel must be shown, and must enable, everything the host has enabled; or it would not switch
 * state that programs use. Left out are protection keys and AMX: the guest kernel switches neither.
 * Supervisor state (XSAVES) cannot be had in ring 3.
 */
final class ExtendedState {
    static final long X87 = 1;
    static final long SSE = 1 << 1;
    static final long AVX = 1 << 2;

    /** The mask registers and the two halves of the wide registers. */
    static final long AVX512 = 7 << 5;

    private static final long PKRU = 1 << 9;
    private static final long AMX = 3 << 17;

    /** Bounds registers; Linux has given them up. */
    private static final long MPX = 3 << 3;

    /** FXSAVE image and XSAVE header; the rest follows them. */
    private static final int LEGACY_AND_HEADER_BYTES = 512 + 64;

    private static final int FIRST_EXTENDED_COMPONENT = 2;
    private static final int COMPONENT_COUNT = 63;
    private static final int LEAF = 0xd;

    /** Subleaf 1 EAX: XSAVEOPT, XSAVEC with compaction, XGETBV with index 1. */
    private static final int INSTRUCTIONS = 1 | 1 << 1 | 1 << 2;

    private static final int IS_SUPERVISOR = 1;
    private static final int IS_ALIGNED = 1 << 1;
    private static final int ALIGNMENT = 64;

    private final HostCpuid host;
    private final long mask;
    private final int standardBytes;
    private final int compactedBytes;

    ExtendedState(HostCpuid host) {
        this.host = host;
        this.mask = host.xcr0() & ~(PKRU | AMX | MPX);
        int standard = LEGACY_AND_HEADER_BYTES;
        int compacted = LEGACY_AND_HEADER_BYTES;
        for (int i = FIRST_EXTENDED_COMPONENT; i < COMPONENT_COUNT; i++) {
            if ((mask >>> i & 1) != 0) {
                HostCpu.Cpuid component = host.cpuid(LEAF, i);
                int sizeBytes = component.eax();
                standard = Math.max(standard, component.ebx() + sizeBytes);
                if ((component.ecx() & IS_ALIGNED) != 0) {
                    compacted = (compacted + ALIGNMENT - 1) & -ALIGNMENT;
                }
                compacted += sizeBytes;
            }
        }
        this.standardBytes = standard;
        this.compactedBytes = compacted;
    }

    /** Bits of XCR0 the guest may set; 0 without XSAVE. */
    long mask() {
        return mask;
    }

    /** Whether all of these components are there. */
    boolean has(long components) {
        return (mask & components) == components;
    }

    /** Whether XSETBV takes a value for XCR0 (Intel SDM vol. 1 §13.3). */
    boolean isValidXcr0(long value) {
        boolean legal = (value & X87) != 0 && (value & ~mask) == 0;
        boolean avxLegal = (value & AVX) == 0 || (value & SSE) != 0;
        boolean avx512Legal =
                (value & AVX512) == 0 || ((value & AVX512) == AVX512 && (value & AVX) != 0);
        return legal && avxLegal && avx512Legal;
    }

    /**
     * Leaf 0xD. The sizes "for what is enabled" are those for everything, because the host's XCR0
     * is what XSAVE obeys.
     */
    void query(int subleaf, int[] out) {
        if (mask == 0) {
            return;
        }
        if (subleaf == 0) {
            set(out, (int) mask, standardBytes, standardBytes, (int) (mask >>> 32));
        } else if (subleaf == 1) {
            set(out, host.cpuid(LEAF, 1).eax() & INSTRUCTIONS, compactedBytes, 0, 0);
        } else if (subleaf > 1 && subleaf < COMPONENT_COUNT && (mask >>> subleaf & 1) != 0) {
            HostCpu.Cpuid real = host.cpuid(LEAF, subleaf);
            set(out, real.eax(), real.ebx(), real.ecx() & ~IS_SUPERVISOR, 0);
        }
    }

    private static void set(int[] out, int eax, int ebx, int ecx, int edx) {
        out[0] = eax;
        out[1] = ebx;
        out[2] = ecx;
        out[3] = edx;
    }
}
