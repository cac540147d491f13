// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import org.linuxonlinux.memory.GuestMemory;

/**
 * Every guest-physical address the monitor chooses, in one place.
 *
 * <pre>
 *   0x0000_0000  ┌────────────────────────────┐
 *                │ low RAM                    │  BIOS data area, unused
 *   0x0000_6000  │ boot GDT                   │  4 descriptors
 *   0x0000_7000  │ zero page (boot_params)    │  1 page
 *   0x0000_8000  │ boot stack, growing down   │  1 page, top at 0x9000
 *   0x0000_9000  │ boot page tables           │  PML4, PDPT, 4 page directories
 *   0x0002_0000  │ kernel command line        │  up to 64 KB
 *   0x0009_fc00  ├────────────────────────────┤
 *                │ MP table (reserved), VGA   │
 *   0x000e_0000  │ ACPI tables (reserved)     │  RSDP first
 *   0x0010_0000  ├────────────────────────────┤
 *                │ RAM: kernel at its p_paddr │  usually 16 MB up
 *                │ ...                        │
 *                │ initrd, as high as allowed │
 *   0xc000_0000  ├────────────────────────────┤  at most; sooner if the guest has less RAM
 *                │ PCI memory window          │
 *   0xe000_0000  │ PCI ECAM, 256 buses        │
 *   0xf000_0000  │ unused                     │
 *   0xfec0_0000  │ I/O APIC                   │
 *   0xfee0_0000  │ local APIC                 │
 * 0x1_0000_0000  ├────────────────────────────┤
 *                │ the rest of RAM            │
 *                └────────────────────────────┘
 * </pre>
 *
 * The places below 1 MB are free for a boot loader by the x86 boot protocol ("Memory layout");
 * their exact addresses are arbitrary. The APIC addresses are the architectural ones (Intel SDM
 * vol. 3A §11.4.1, 82093AA I/O APIC data sheet §3.0).
 */
public final class GuestLayout {
    /** log2 of the page size. */
    public static final int PAGE_SHIFT = 12;

    /** Page size in bytes. */
    public static final int PAGE_SIZE = 1 << PAGE_SHIFT;

    /** Boot GDT. */
    public static final long BOOT_GDT_GPA = 0x6000;

    /** The zero page, {@code struct boot_params} of the x86 boot protocol; 1 page. */
    public static final long BOOT_PARAMS_GPA = BOOT_GDT_GPA + PAGE_SIZE;

    /** Size of {@code struct boot_params} in bytes. */
    public static final int BOOT_PARAMS_SIZE = PAGE_SIZE;

    /** Lowest byte of the stack the kernel is entered with. */
    public static final long BOOT_STACK_GPA = BOOT_PARAMS_GPA + BOOT_PARAMS_SIZE;

    /** Initial RSP: one past the highest byte of the boot stack. */
    public static final long BOOT_STACK_TOP_GPA = BOOT_STACK_GPA + PAGE_SIZE;

    /** First of {@link #BOOT_PAGE_TABLE_COUNT} page-table pages; the PML4, i.e. the initial CR3. */
    public static final long BOOT_PAGE_TABLES_GPA = BOOT_STACK_TOP_GPA;

    /** PML4, PDPT and one page directory per GB of the identity map. */
    public static final int BOOT_PAGE_TABLE_COUNT = 2 + 4;

    /** Kernel command line, NUL-terminated. */
    public static final long COMMAND_LINE_GPA = 0x2_0000;

    /**
     * Room for the command line including its NUL, in bytes; far above Linux' own limit of 2048.
     */
    public static final int COMMAND_LINE_ROOM = 0x1_0000;

    /**
     * End of usable RAM below 1 MB: the last kilobyte of base memory, a PC's extended BIOS data
     * area, where the MP table lies.
     */
    public static final long EBDA_GPA = 0x9_fc00;

    /** End of the extended BIOS data area, start of the VGA window. */
    public static final long VGA_GPA = 0xa_0000;

    /**
     * ACPI tables; the RSDP is the first. Inside the range that Linux searches for it, should it
     * not read boot_params.
     */
    public static final long ACPI_TABLES_GPA = 0xe_0000;

    /** Start of RAM above the legacy area. */
    public static final long HIGH_MEMORY_GPA = 0x10_0000;

    /** Room for ACPI tables in bytes. */
    public static final int ACPI_TABLES_ROOM = (int) (HIGH_MEMORY_GPA - ACPI_TABLES_GPA);

    /**
     * Start of the hole in RAM that holds devices; RAM beyond it continues at {@link
     * #PCI_HOLE_END_GPA}.
     */
    public static final long PCI_HOLE_GPA = GuestMemory.HOLE_START_GPA;

    /** End of the device hole. */
    public static final long PCI_HOLE_END_GPA = GuestMemory.HOLE_END_GPA;

    /** Size of the device hole in bytes. */
    public static final long PCI_HOLE_SIZE = PCI_HOLE_END_GPA - PCI_HOLE_GPA;

    /** Window for 32-bit PCI BARs. */
    public static final long PCI_MMIO_GPA = PCI_HOLE_GPA;

    /** PCI enhanced configuration space (PCI Express base 6.0 §7.2.2): 1 MB per bus, 256 buses. */
    public static final long PCI_ECAM_GPA = 0xe000_0000L;

    /** Size of the PCI BAR window in bytes. */
    public static final long PCI_MMIO_SIZE = PCI_ECAM_GPA - PCI_MMIO_GPA;

    /** Number of PCI buses the ECAM window covers. */
    public static final int PCI_BUS_COUNT = 256;

    /** Size of the ECAM window in bytes. */
    public static final long PCI_ECAM_SIZE = (long) PCI_BUS_COUNT << 20;

    /** I/O APIC registers. */
    public static final long IO_APIC_GPA = 0xfec0_0000L;

    /** Local APIC registers in xAPIC mode, and the target of MSI writes. */
    public static final long LOCAL_APIC_GPA = 0xfee0_0000L;

    static {
        if (BOOT_PAGE_TABLES_GPA + (long) BOOT_PAGE_TABLE_COUNT * PAGE_SIZE > COMMAND_LINE_GPA
                || COMMAND_LINE_GPA + COMMAND_LINE_ROOM > EBDA_GPA
                || PCI_ECAM_GPA + PCI_ECAM_SIZE > IO_APIC_GPA) {
            throw new AssertionError("guest-physical layout overlaps");
        }
    }

    private GuestLayout() {}

    /** Bytes of RAM below the device hole for a guest with {@code ramSizeBytes} of RAM. */
    public static long lowRamSize(long ramSizeBytes) {
        return Math.min(ramSizeBytes, PCI_HOLE_GPA);
    }

    /**
     * Bytes of RAM above 4 GB for a guest with {@code ramSizeBytes} of RAM; 0 when all of it fits
     * below the hole.
     */
    public static long highRamSize(long ramSizeBytes) {
        return ramSizeBytes - lowRamSize(ramSizeBytes);
    }
}
