// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

/**
 * The MSRs whose values live with the vCPU's registers, since generated code uses them: segment
 * bases. Guest values. vCPU thread.
 */
public interface BaseRegisters {
    /** IA32_FS_BASE. */
    long fsBase();

    /** Sets IA32_FS_BASE; canonical. */
    void setFsBase(long gva);

    /** IA32_GS_BASE, the active one. */
    long gsBase();

    /** Sets IA32_GS_BASE; canonical. */
    void setGsBase(long gva);

    /** IA32_KERNEL_GS_BASE, the one SWAPGS brings. */
    long kernelGsBase();

    /** Sets IA32_KERNEL_GS_BASE; canonical. */
    void setKernelGsBase(long gva);
}
