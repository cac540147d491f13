// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import org.linuxonlinux.host.HostCpu;

/** What {@link CpuidModel} asks the host CPU. */
interface HostCpuid {
    /** Executes CPUID. */
    HostCpu.Cpuid cpuid(int leaf, int subleaf);

    /** XCR0, or 0 if the host has not enabled XSAVE. */
    long xcr0();

    /** The CPU that runs the monitor. */
    static HostCpuid of(HostCpu cpu) {
        return new HostCpuid() {
            @Override
            public HostCpu.Cpuid cpuid(int leaf, int subleaf) {
                return cpu.cpuid(leaf, subleaf);
            }

            @Override
            public long xcr0() {
                boolean osxsave = (cpu.cpuid(1, 0).ecx() >>> 27 & 1) != 0;
                return osxsave ? cpu.xgetbv(0) : 0;
            }
        };
    }
}
