// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

/**
 * The three base registers that are reachable as MSRs but live in the vCPU page, where translated
 * code changes them too. Whoever implements it also tells the transport of a new GS base.
 */
public interface BaseRegisters {
    /** IA32_FS_BASE. */
    long fsBase();

    /** IA32_GS_BASE: the active one. */
    long gsBase();

    /** IA32_KERNEL_GS_BASE: the one SWAPGS will bring. */
    long kernelGsBase();

    /** Writes IA32_FS_BASE; canonical. */
    void setFsBase(long gva);

    /** Writes IA32_GS_BASE; canonical. */
    void setGsBase(long gva);

    /** Writes IA32_KERNEL_GS_BASE; canonical. */
    void setKernelGsBase(long gva);
}
