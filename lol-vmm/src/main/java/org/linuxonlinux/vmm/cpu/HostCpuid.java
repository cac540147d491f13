// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import org.linuxonlinux.host.HostCpu;

/** The host processor's answers, or a test's. */
public interface HostCpuid {
    /** CPUID. */
    HostCpu.Cpuid cpuid(int leaf, int subleaf);

    /** XCR0; only asked if the host has OSXSAVE. */
    long xcr0();

    /** The processor this runs on. */
    static HostCpuid of(HostCpu cpu) {
        return new HostCpuid() {
            @Override
            public HostCpu.Cpuid cpuid(int leaf, int subleaf) {
                return cpu.cpuid(leaf, subleaf);
            }

            @Override
            public long xcr0() {
                return cpu.xgetbv(0);
            }
        };
    }
}
