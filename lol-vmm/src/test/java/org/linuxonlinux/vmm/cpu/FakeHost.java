// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.HashMap;
import java.util.Map;
import org.linuxonlinux.host.HostCpu;

/** A host CPU made of a table. */
final class FakeHost implements HostCpuid {
    static final int ALL = -1;

    private static final int VENDOR_LEAF = 0;
    private static final int EXTENDED = 0x8000_0000;
    private static final int AVX_BYTES = 256;

    private final Map<Long, HostCpu.Cpuid> leaves = new HashMap<>();
    private long xcr0;

    /** An Intel CPU with every feature bit set and all state up to AMX enabled. */
    static FakeHost intelWithEverything() {
        FakeHost host = new FakeHost();
        host.put(VENDOR_LEAF, 0, 0x24, 0x756e_6547, 0x6c65_746e, 0x4965_6e69);
        host.put(1, 0, 0x000c_06f2, 0x2a40_0800, ALL, ALL);
        host.put(4, 0, 0xfc1f_c121, 0x02c0_003f, 0x3f, 0);
        host.put(4, 1, 0, 0, 0, 0);
        host.put(6, 0, ALL, ALL, ALL, ALL);
        host.put(7, 0, 2, ALL, ALL, ALL);
        host.put(7, 1, ALL, ALL, ALL, ALL);
        host.put(7, 2, ALL, ALL, ALL, ALL);
        host.put(0xa, 0, ALL, ALL, ALL, ALL);
        host.put(0xd, 1, ALL, 0, 0, 0);
        host.put(0x14, 0, ALL, ALL, ALL, ALL);
        host.extended(0x8000_0008);
        host.component(2, AVX_BYTES, 576, 0);
        host.component(5, 64, 1088, 0);
        host.component(6, 512, 1152, 0);
        host.component(7, 1024, 1664, 0);
        host.component(9, 8, 2688, 0);
        host.component(17, 64, 2752, 2);
        host.component(18, 8192, 2816, 6);
        host.xcr0 = 0x6_02e7;
        return host;
    }

    /** An AMD CPU with every feature bit set. */
    static FakeHost amdWithEverything() {
        FakeHost host = intelWithEverything();
        host.put(VENDOR_LEAF, 0, 0x10, 0x6874_7541, 0x444d_4163, 0x6974_6e65);
        host.extended(0x8000_0028);
        host.put(0x8000_001d, 0, 0x0000_4121, 0x01c0_003f, 0x3f, 0);
        host.put(0x8000_001e, 0, ALL, ALL, ALL, ALL);
        host.put(0x8000_001f, 0, ALL, ALL, ALL, ALL);
        host.put(0x8000_0021, 0, ALL, ALL, ALL, ALL);
        host.xcr0 = 0x2e7;
        return host;
    }

    /** A CPU that has nothing. */
    static FakeHost amdWithNothing() {
        FakeHost host = new FakeHost();
        host.put(VENDOR_LEAF, 0, 1, 0x6874_7541, 0x444d_4163, 0x6974_6e65);
        host.put(EXTENDED, 0, 0x8000_0001, 0, 0, 0);
        return host;
    }

    private void extended(int max) {
        put(EXTENDED, 0, max, 0, 0, 0);
        put(0x8000_0001, 0, 0, 0, ALL, ALL);
        put(0x8000_0007, 0, ALL, ALL, ALL, ALL);
        put(0x8000_0008, 0, 0x0034_3934, ALL, ALL, ALL);
    }

    private void component(int number, int sizeBytes, int offsetBytes, int flags) {
        put(0xd, number, sizeBytes, offsetBytes, flags, 0);
    }

    FakeHost put(int leaf, int subleaf, int eax, int ebx, int ecx, int edx) {
        leaves.put(key(leaf, subleaf), new HostCpu.Cpuid(eax, ebx, ecx, edx));
        return this;
    }

    FakeHost withXcr0(long value) {
        xcr0 = value;
        return this;
    }

    private static long key(int leaf, int subleaf) {
        return (long) leaf << 32 | Integer.toUnsignedLong(subleaf);
    }

    @Override
    public HostCpu.Cpuid cpuid(int leaf, int subleaf) {
        return leaves.getOrDefault(key(leaf, subleaf), new HostCpu.Cpuid(0, 0, 0, 0));
    }

    @Override
    public long xcr0() {
        return xcr0;
    }
}
