// SPDX-License-Identifier: Apache-2.0
/**
 * From a kernel file to a guest that can be started: reading bzImage and ELF vmlinux ({@link
 * org.linuxonlinux.vmm.boot.KernelImage}), and placing kernel, initrd, command line and boot tables
 * in guest RAM ({@link org.linuxonlinux.vmm.boot.Loader}).
 *
 * <p>Runs on the start-up thread, before any vCPU exists. Knows nothing of vCPUs or of translation.
 * Specification: Linux Documentation/arch/x86/boot.rst and zero-page.rst, System V ABI chapter 4
 * (ELF-64).
 */
package org.linuxonlinux.vmm.boot;
