// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.linuxonlinux.host.HostCpu.Cpuid;
import org.linuxonlinux.vmm.irq.LocalApic;

/**
 * What CPUID tells the guest's kernel: the host's answers, cut to what this machine offers, as one
 * processor with one core and one thread under a KVM-like hypervisor.
 *
 * <p>Everything is allow-listed: a feature unknown to this class is hidden. Shown are unprivileged
 * instructions (they run on the host processor), and privileged features that the machine models.
 * User programs execute CPUID themselves and see the host's answers, so nothing may be hidden that
 * a program would then use behind the kernel's back, save where the kernel need not know.
 *
 * <p>Against speculative execution the guest is told that the processor has none of the known
 * weaknesses, and enhanced IBRS: its kernel runs at the host's user level, where the host's own
 * protection counts, and the guest's would only cost time (docs/machine.md).
 *
 * <p>Immutable; the host is asked once, at construction.
 */
public final class CpuidModel {
    /** XCR0 components the guest is not given: protection keys (9) and AMX (17, 18). */
    private static final long XCR0_HIDDEN = 1L << 9 | 1L << 17 | 1L << 18;

    /** First leaf of the hypervisor range. */
    public static final int KVM_CPUID_SIGNATURE = 0x4000_0000;

    private static final int KVM_CPUID_FEATURES = 0x4000_0001;
    private static final int KVM_CPUID_FREQUENCY = 0x4000_0010;

    /** kvmclock at its first and second set of MSRs, no port delays, clocks of all CPUs agree. */
    private static final int KVM_FEATURES = 1 | 1 << 1 | 1 << 3 | 1 << 24;

    private static final int EXTENDED = 0x8000_0000;

    /**
     * Lowest maximum leaf: a kernel that finds no leaf 0x15 measures the TSC against a timer that
     * does not exist.
     */
    private static final int MIN_BASIC_LEAF = 0x16;

    private static final int MAX_BASIC_LEAF = 0x1f;
    private static final int MIN_EXTENDED_LEAF = EXTENDED + 8;
    private static final int MAX_EXTENDED_LEAF = EXTENDED + 0x21;

    private static final int OSXSAVE = 1 << 27;
    private static final int CR4_OSXSAVE = 1 << 18;

    private static final int LEGACY_AREA_AND_HEADER_SIZE = 576;
    private static final int FIRST_EXTENDED_COMPONENT = 2;
    private static final int LAST_COMPONENT = 62;

    private static final Cpuid ZERO = new Cpuid(0, 0, 0, 0);

    private final Map<Long, Cpuid> leaves = new HashMap<>();
    private final List<String> missing = new ArrayList<>();
    private final int maxBasicLeaf;
    private final int maxExtendedLeaf;
    private final boolean amd;
    private final long supportedXcr0;

    /** By component: where it lies in the standard format, its size, whether it is aligned. */
    private final Map<Integer, XsaveComponent> xsaveComponents = new HashMap<>();

    private record XsaveComponent(int offsetBytes, int sizeBytes, boolean aligned) {}

    /**
     * Asks the host.
     *
     * @param host the host processor
     * @param tscKhz rate of the time-stamp counter
     */
    public CpuidModel(HostCpuid host, long tscKhz) {
        Cpuid vendor = host.cpuid(0, 0);
        amd = isAmd(vendor);
        maxBasicLeaf = clamp(vendor.eax(), MIN_BASIC_LEAF, MAX_BASIC_LEAF);
        Cpuid extended = host.cpuid(EXTENDED, 0);
        maxExtendedLeaf =
                amd
                        ? MAX_EXTENDED_LEAF
                        : clampUnsigned(extended.eax(), MIN_EXTENDED_LEAF, MAX_EXTENDED_LEAF);

        put(0, 0, new Cpuid(maxBasicLeaf, vendor.ebx(), vendor.ecx(), vendor.edx()));
        Cpuid features = features(host.cpuid(1, 0));
        put(1, 0, features);
        supportedXcr0 =
                CpuFeature.XSAVE.in(features.ecx()) && (host.cpuid(1, 0).ecx() & OSXSAVE) != 0
                        ? host.xcr0() & ~XCR0_HIDDEN
                        : 0;
        putCaches(host, vendor.eax());
        putPower();
        putStructuredFeatures(host, vendor.eax());
        putTopology();
        if (vendor.eax() >= 0xd && supportedXcr0 != 0) {
            putXsave(host);
        }
        putExtended(host, extended);
        putHypervisor(tscKhz);
        require(host);
    }

    private static boolean isAmd(Cpuid vendor) {
        // "AuthenticAMD" and "HygonGenuine"
        return vendor.ebx() == 0x6874_7541 || vendor.ebx() == 0x6f67_7948;
    }

    private static int clamp(int value, int low, int high) {
        return Math.max(low, Math.min(high, value));
    }

    private static int clampUnsigned(int value, int low, int high) {
        if (Integer.compareUnsigned(value, low) < 0) {
            return low;
        }
        return Integer.compareUnsigned(value, high) > 0 ? high : value;
    }

    private void put(int leaf, int subleaf, Cpuid value) {
        leaves.put(key(leaf, subleaf), value);
    }

    private static long key(int leaf, int subleaf) {
        return (long) leaf << 32 | Integer.toUnsignedLong(subleaf);
    }

    // ---- Leaves ------------------------------------------------------------------------------

    private static Cpuid features(Cpuid host) {
        int signature = host.eax();
        int brandAndCacheLine = host.ebx() & 0xffff;
        int oneProcessor = 1 << 16;
        return new Cpuid(
                signature,
                brandAndCacheLine | oneProcessor,
                CpuFeature.LEAF_1_ECX.cut(host.ecx()),
                CpuFeature.LEAF_1_EDX.cut(host.edx()));
    }

    /** Leaves 2 and 4: the host's caches, none of them shared. */
    private void putCaches(HostCpuid host, int hostMaxLeaf) {
        if (amd) {
            return;
        }
        put(2, 0, host.cpuid(2, 0));
        if (hostMaxLeaf >= 4) {
            putUnsharedCaches(host, 4);
        }
    }

    /** Subleaves until one has no cache; bits 31–14 of EAX count who shares, less one. */
    private void putUnsharedCaches(HostCpuid host, int leaf) {
        for (int subleaf = 0; subleaf < 8; subleaf++) {
            Cpuid cache = host.cpuid(leaf, subleaf);
            if ((cache.eax() & 0x1f) == 0) {
                return;
            }
            put(
                    leaf,
                    subleaf,
                    new Cpuid(cache.eax() & 0x3fff, cache.ebx(), cache.ecx(), cache.edx()));
        }
    }

    /** Leaf 6: the APIC timer runs always. */
    private void putPower() {
        put(6, 0, new Cpuid(1 << 2, 0, 0, 0));
    }

    private void putStructuredFeatures(HostCpuid host, int hostMaxLeaf) {
        if (hostMaxLeaf < 7) {
            return;
        }
        Cpuid first = host.cpuid(7, 0);
        int maxSubleaf = Math.min(1, first.eax());
        put(
                7,
                0,
                new Cpuid(
                        maxSubleaf,
                        CpuFeature.LEAF_7_EBX.cut(first.ebx()),
                        CpuFeature.LEAF_7_ECX.cut(first.ecx()),
                        CpuFeature.LEAF_7_EDX.cut(first.edx())));
        if (maxSubleaf == 1) {
            Cpuid second = host.cpuid(7, 1);
            put(
                    7,
                    1,
                    new Cpuid(
                            CpuFeature.LEAF_7_1_EAX.cut(second.eax()),
                            0,
                            0,
                            CpuFeature.LEAF_7_1_EDX.cut(second.edx())));
        }
    }

    /** Leaf 0xb: one thread in one core, x2APIC ID 0. Levels: 1 thread, 2 core. */
    private void putTopology() {
        put(0xb, 0, new Cpuid(0, 1, 1 << 8, 0));
        put(0xb, 1, new Cpuid(0, 1, 2 << 8 | 1, 0));
        put(0xb, 2, new Cpuid(0, 0, 2, 0));
    }

    /** Leaf 0xd for the components that are left and without XSAVES. */
    private void putXsave(HostCpuid host) {
        for (int i = FIRST_EXTENDED_COMPONENT; i <= LAST_COMPONENT; i++) {
            if ((supportedXcr0 >>> i & 1) != 0) {
                Cpuid component = host.cpuid(0xd, i);
                boolean aligned = (component.ecx() & 2) != 0;
                xsaveComponents.put(
                        i, new XsaveComponent(component.ebx(), component.eax(), aligned));
                put(0xd, i, new Cpuid(component.eax(), component.ebx(), component.ecx() & 2, 0));
            }
        }
        put(
                0xd,
                0,
                new Cpuid(
                        (int) supportedXcr0,
                        0,
                        standardSize(supportedXcr0),
                        (int) (supportedXcr0 >>> 32)));
        int instructions = CpuFeature.LEAF_D_1_EAX.cut(host.cpuid(0xd, 1).eax());
        put(0xd, 1, new Cpuid(instructions, 0, 0, 0));
    }

    private int standardSize(long xcr0) {
        int size = LEGACY_AREA_AND_HEADER_SIZE;
        for (Map.Entry<Integer, XsaveComponent> entry : xsaveComponents.entrySet()) {
            if ((xcr0 >>> entry.getKey() & 1) != 0) {
                XsaveComponent component = entry.getValue();
                size = Math.max(size, component.offsetBytes + component.sizeBytes);
            }
        }
        return size;
    }

    private int compactedSize(long xcr0) {
        int size = LEGACY_AREA_AND_HEADER_SIZE;
        for (int i = FIRST_EXTENDED_COMPONENT; i <= LAST_COMPONENT; i++) {
            XsaveComponent component = xsaveComponents.get(i);
            if (component != null && (xcr0 >>> i & 1) != 0) {
                int start = component.aligned ? (size + 63) & -64 : size;
                size = start + component.sizeBytes;
            }
        }
        return size;
    }

    private void putExtended(HostCpuid host, Cpuid extended) {
        int hostMax = extended.eax();
        put(
                EXTENDED,
                0,
                new Cpuid(maxExtendedLeaf, extended.ebx(), extended.ecx(), extended.edx()));
        Cpuid features = host.cpuid(EXTENDED + 1, 0);
        int ecx = CpuFeature.LEAF_80000001_ECX.cut(features.ecx());
        int edx = CpuFeature.LEAF_80000001_EDX.cut(features.edx());
        put(EXTENDED + 1, 0, new Cpuid(features.eax(), features.ebx(), ecx, edx));
        // 2–4 processor name; 5, 6 caches and TLBs.
        for (int leaf = EXTENDED + 2; leaf <= EXTENDED + 6; leaf++) {
            put(leaf, 0, host.cpuid(leaf, 0));
        }
        // The TSC runs at a constant rate in every power state.
        put(EXTENDED + 7, 0, new Cpuid(0, 0, 0, 1 << 8));
        putAddressSizes(host.cpuid(EXTENDED + 8, 0));
        if (amd) {
            putAmd(host, hostMax);
        }
    }

    /** Leaf 0x80000008: 48-bit virtual addresses whatever the host has; one core. */
    private void putAddressSizes(Cpuid host) {
        int physicalBits = host.eax() & 0xff;
        int virtualBits = 48;
        int ebx = amd ? CpuFeature.LEAF_80000008_EBX.cut(host.ebx()) : 0;
        put(EXTENDED + 8, 0, new Cpuid(virtualBits << 8 | physicalBits, ebx, 0, 0));
    }

    private void putAmd(HostCpuid host, int hostMax) {
        // 0x19 TLBs for 1 GB pages; 0x1a how wide the vector units are.
        for (int leaf : new int[] {EXTENDED + 0x19, EXTENDED + 0x1a}) {
            if (Integer.compareUnsigned(hostMax, leaf) >= 0) {
                put(leaf, 0, host.cpuid(leaf, 0));
            }
        }
        if (Integer.compareUnsigned(hostMax, EXTENDED + 0x1d) >= 0) {
            putUnsharedCaches(host, EXTENDED + 0x1d);
        }
        // 0x1e: APIC ID 0, core 0 with one thread, node 0 of one. All zero.
        int hostFeatures =
                Integer.compareUnsigned(hostMax, EXTENDED + 0x21) >= 0
                        ? host.cpuid(EXTENDED + 0x21, 0).eax()
                        : 0;
        put(
                EXTENDED + 0x21,
                0,
                new Cpuid(
                        CpuFeature.LEAF_80000021_EAX.cut(hostFeatures),
                        0,
                        CpuFeature.LEAF_80000021_ECX.cut(0),
                        0));
    }

    private void putHypervisor(long tscKhz) {
        // "KVMKVMKVM\0\0\0"
        put(KVM_CPUID_SIGNATURE, 0, new Cpuid(KVM_CPUID_FREQUENCY, 0x4b4d_564b, 0x564b_4d56, 0x4d));
        put(KVM_CPUID_FEATURES, 0, new Cpuid(KVM_FEATURES, 0, 0, 0));
        put(
                KVM_CPUID_FREQUENCY,
                0,
                new Cpuid((int) tscKhz, (int) LocalApic.TIMER_FREQUENCY_KHZ, 0, 0));
    }

    private void require(HostCpuid host) {
        if (supportedXcr0 == 0) {
            missing.add("XSAVE");
        }
        int structured = leaves.getOrDefault(key(7, 0), ZERO).ebx();
        if (!CpuFeature.BMI2.in(structured)) {
            missing.add("BMI2");
        }
        if (!CpuFeature.FSGSBASE.in(structured)) {
            missing.add("FSGSBASE");
        }
        int power = host.cpuid(EXTENDED + 7, 0).edx();
        if ((power >>> 8 & 1) == 0) {
            missing.add("invariant TSC");
        }
    }

    // ---- Questions ---------------------------------------------------------------------------

    /**
     * Executes CPUID for the guest. Leaves beyond the maximum give zeros, as on AMD.
     *
     * @param cr4 the guest's CR4, for OSXSAVE
     * @param xcr0 the guest's XCR0, for the size of the XSAVE area
     */
    public Cpuid query(int leaf, int subleaf, long cr4, long xcr0) {
        if (leaf == 0xb && Integer.compareUnsigned(subleaf, 2) > 0) {
            return new Cpuid(0, 0, subleaf & 0xff, 0);
        }
        boolean hasSubleaves = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
        boolean indexed = hasSubleaves || leaf == EXTENDED + 0x1d;
        Cpuid fixed = leaves.getOrDefault(key(leaf, indexed ? subleaf : 0), ZERO);
        if (leaf == 1) {
            int osxsave = (cr4 & CR4_OSXSAVE) != 0 ? OSXSAVE : 0;
            return new Cpuid(fixed.eax(), fixed.ebx(), fixed.ecx() | osxsave, fixed.edx());
        }
        if (leaf == 0xd && subleaf == 0 && supportedXcr0 != 0) {
            return new Cpuid(fixed.eax(), standardSize(xcr0), fixed.ecx(), fixed.edx());
        }
        if (leaf == 0xd && subleaf == 1 && CpuFeature.XSAVEC.in(fixed.eax())) {
            return new Cpuid(fixed.eax(), compactedSize(xcr0), 0, 0);
        }
        return fixed;
    }

    /** The bits the guest may set in XCR0; 0 without XSAVE. */
    public long supportedXcr0() {
        return supportedXcr0;
    }

    /** Whether the guest finds an AMD or Hygon processor. */
    public boolean isAmd() {
        return amd;
    }

    /** Width of guest-physical addresses. */
    public int physicalAddressBits() {
        return leaves.get(key(EXTENDED + 8, 0)).eax() & 0xff;
    }

    /** What this host's processor lacks to run guests at all; empty if it will do. */
    public List<String> missingHostFeatures() {
        return List.copyOf(missing);
    }
}
