// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

/**
 * The CPU state in which the 64-bit boot protocol enters a kernel (x86 boot protocol, "64-bit Boot
 * Protocol"): long mode, paging on with the identity map below 4 GB, interrupts off, CS = {@link
 * #BOOT_CS}, data segments = {@link #BOOT_DS}.
 *
 * @param entryRip physical (= virtual) address of {@code startup_64}
 * @param cr3 guest-physical address of the PML4
 * @param gdtBase guest-physical (= virtual) address of the GDT
 * @param gdtLimit limit of the GDT in bytes, inclusive
 * @param bootParamsGpa the zero page, for RSI
 * @param stackGpa initial RSP
 */
public record BootState(
        long entryRip, long cr3, long gdtBase, int gdtLimit, long bootParamsGpa, long stackGpa) {
    /** Code selector at entry ({@code __BOOT_CS}). */
    public static final int BOOT_CS = 0x10;

    /** Data selector at entry ({@code __BOOT_DS}). */
    public static final int BOOT_DS = 0x18;
}
