// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import static org.linuxonlinux.vmm.GuestLayout.ACPI_TABLES_GPA;
import static org.linuxonlinux.vmm.GuestLayout.BOOT_GDT_GPA;
import static org.linuxonlinux.vmm.GuestLayout.BOOT_PAGE_TABLES_GPA;
import static org.linuxonlinux.vmm.GuestLayout.BOOT_PAGE_TABLE_COUNT;
import static org.linuxonlinux.vmm.GuestLayout.BOOT_PARAMS_GPA;
import static org.linuxonlinux.vmm.GuestLayout.BOOT_PARAMS_SIZE;
import static org.linuxonlinux.vmm.GuestLayout.BOOT_STACK_TOP_GPA;
import static org.linuxonlinux.vmm.GuestLayout.COMMAND_LINE_GPA;
import static org.linuxonlinux.vmm.GuestLayout.COMMAND_LINE_ROOM;
import static org.linuxonlinux.vmm.GuestLayout.EBDA_GPA;
import static org.linuxonlinux.vmm.GuestLayout.HIGH_MEMORY_GPA;
import static org.linuxonlinux.vmm.GuestLayout.PAGE_SIZE;
import static org.linuxonlinux.vmm.GuestLayout.PCI_ECAM_GPA;
import static org.linuxonlinux.vmm.GuestLayout.PCI_ECAM_SIZE;
import static org.linuxonlinux.vmm.GuestLayout.PCI_HOLE_END_GPA;
import static org.linuxonlinux.vmm.GuestLayout.VGA_GPA;
import static org.linuxonlinux.vmm.GuestLayout.highRamSize;
import static org.linuxonlinux.vmm.GuestLayout.lowRamSize;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.UserException;

/**
 * Places a kernel, its initrd and its command line in guest RAM, with the tables the 64-bit boot
 * protocol asks for: zero page, GDT and identity-mapping page tables (Linux
 * Documentation/arch/x86/boot.rst, zero-page.rst). Expects RAM to be zero.
 */
public final class Loader {
    /**
     * Command line given to every kernel, before what the user appends. {@code reboot=a}: with
     * hardware-reduced ACPI Linux would otherwise ask EFI, which is not there, and then a BIOS in
     * real mode (Linux v6.1 arch/x86/kernel/reboot.c, reboot_init). {@code noreplace-smp}: with one
     * processor Linux would take the lock prefix from 8,600 instructions, each through an address
     * space of its own (text_poke), which took a third of the boot.
     */
    public static final String DEFAULT_COMMAND_LINE =
            "console=ttyS0 transparent_hugepage=always panic=-1 reboot=a noreplace-smp";

    // Offsets in struct boot_params (zero-page.rst) outside the setup header.
    static final int ACPI_RSDP_ADDR_OFFSET = 0x070;
    static final int EXT_RAMDISK_IMAGE_OFFSET = 0x0c0;
    static final int EXT_RAMDISK_SIZE_OFFSET = 0x0c4;
    static final int E820_ENTRIES_OFFSET = 0x1e8;
    static final int E820_TABLE_OFFSET = 0x2d0;

    /** {@code type_of_loader}: a boot loader without an assigned number. */
    static final int LOADER_UNDEFINED = 0xff;

    /**
     * {@code loadflags} bit: the protected-mode code is at 1 MB or above. KASLR_FLAG stays clear:
     * nothing was relocated.
     */
    static final int LOADED_HIGH = 0x01;

    /** {@code cmdline_size} of kernels that do not say: COMMAND_LINE_SIZE of x86 less the NUL. */
    private static final int DEFAULT_COMMAND_LINE_LIMIT = 2047;

    /** {@code initrd_addr_max} of every kernel since protocol 2.03. */
    private static final long DEFAULT_INITRD_MAX_GPA = 0x7fff_ffffL;

    private static final long GDT_CODE64 = 0x00af_9b00_0000_ffffL;
    private static final long GDT_DATA = 0x00cf_9300_0000_ffffL;
    private static final int GDT_ENTRY_COUNT = 4;

    private static final long PTE_PRESENT = 1;
    private static final long PTE_WRITE = 2;
    private static final long PTE_PAGE_SIZE = 0x80;
    private static final int PTES_PER_TABLE = 512;
    private static final long LARGE_PAGE_SIZE = 2L << 20;

    private final GuestRam ram;
    private final long ramSizeBytes;

    /** A loader into zeroed RAM. */
    public Loader(GuestMemory memory) {
        this(
                (gpa, source) -> memory.slice(gpa, source.remaining()).put(source),
                memory.sizeBytes());
    }

    /**
     * A loader into zeroed RAM.
     *
     * @param ram where to write
     * @param ramSizeBytes all of RAM; laid out by {@link org.linuxonlinux.vmm.GuestLayout}
     */
    Loader(GuestRam ram, long ramSizeBytes) {
        this.ram = ram;
        this.ramSizeBytes = ramSizeBytes;
    }

    /**
     * Loads everything.
     *
     * @param kernel the kernel
     * @param initrd the initrd's bytes; empty for none
     * @param commandLine the complete kernel command line
     * @return how to enter the kernel
     * @throws UserException if something does not fit
     */
    public BootState load(KernelImage kernel, ByteBuffer initrd, String commandLine) {
        byte[] commandLineBytes = commandLineBytes(kernel, commandLine);
        checkKernelFits(kernel);
        long initrdGpa = initrd.hasRemaining() ? initrdGpa(kernel, initrd.remaining()) : 0;
        int initrdSize = initrd.remaining();
        for (ElfFile.Segment s : kernel.elf().segments()) {
            if (s.type() == ElfFile.PT_LOAD && s.fileSizeBytes() > 0) {
                ram.write(s.gpa(), kernel.elf().bytes(s));
            }
        }
        if (initrdSize > 0) {
            ram.write(initrdGpa, initrd.duplicate());
        }
        ram.write(COMMAND_LINE_GPA, ByteBuffer.wrap(commandLineBytes));
        ram.write(BOOT_PARAMS_GPA, bootParams(kernel, initrdGpa, initrdSize));
        ram.write(BOOT_GDT_GPA, gdt());
        ram.write(BOOT_PAGE_TABLES_GPA, pageTables());
        return new BootState(
                kernel.entryGpa(),
                BOOT_PAGE_TABLES_GPA,
                BOOT_GDT_GPA,
                GDT_ENTRY_COUNT * Long.BYTES - 1,
                BOOT_PARAMS_GPA,
                BOOT_STACK_TOP_GPA);
    }

    private static byte[] commandLineBytes(KernelImage kernel, String commandLine) {
        byte[] text = commandLine.getBytes(StandardCharsets.UTF_8);
        int limit =
                kernel.setupHeader().isPresent()
                        ? kernel.setupHeader().get().commandLineLimit()
                        : DEFAULT_COMMAND_LINE_LIMIT;
        limit = Math.min(limit, COMMAND_LINE_ROOM - 1);
        if (text.length > limit) {
            throw new UserException(
                    UserException.BAD_INPUT,
                    "kernel command line too long: sizeBytes=" + text.length + ", limit=" + limit);
        }
        byte[] terminated = new byte[text.length + 1];
        System.arraycopy(text, 0, terminated, 0, text.length);
        return terminated;
    }

    private void checkKernelFits(KernelImage kernel) {
        if (kernel.startGpa() < HIGH_MEMORY_GPA) {
            throw new UserException(
                    UserException.BAD_INPUT,
                    "cannot use kernel: file="
                            + kernel.file()
                            + ": physical address 0x"
                            + Long.toHexString(kernel.startGpa())
                            + " is below 1 MB");
        }
        if (kernel.endGpa() > lowRamSize(ramSizeBytes)) {
            throw new UserException(
                    UserException.BAD_INPUT,
                    "memory too small: size="
                            + Mebibytes.of(ramSizeBytes)
                            + ", the kernel needs "
                            + Mebibytes.of(kernel.endGpa())
                            + " before it has started");
        }
    }

    /** As high as RAM and the kernel's own limit allow, page-aligned, above the kernel. */
    private long initrdGpa(KernelImage kernel, int sizeBytes) {
        long max =
                kernel.setupHeader().isPresent()
                        ? kernel.setupHeader().get().initrdMaxGpa()
                        : DEFAULT_INITRD_MAX_GPA;
        long end = Math.min(lowRamSize(ramSizeBytes), max + 1);
        long gpa = (end - sizeBytes) & -PAGE_SIZE;
        if (gpa < kernel.endGpa()) {
            throw new UserException(
                    UserException.BAD_INPUT,
                    "initrd larger than RAM: initrd="
                            + Mebibytes.of(sizeBytes)
                            + ", memory="
                            + Mebibytes.of(ramSizeBytes)
                            + ", free beside the kernel="
                            + Mebibytes.of(Math.max(0, end - kernel.endGpa())));
        }
        return gpa;
    }

    private ByteBuffer bootParams(KernelImage kernel, long initrdGpa, int initrdSize) {
        ByteBuffer p = ByteBuffer.allocate(BOOT_PARAMS_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        if (kernel.setupHeader().isPresent()) {
            p.put(
                    SetupHeader.HDR_OFFSET,
                    kernel.setupHeader().get().bytes(),
                    0,
                    kernel.setupHeader().get().bytes().remaining());
        } else {
            p.putShort(SetupHeader.BOOT_FLAG_OFFSET, (short) SetupHeader.BOOT_FLAG);
            p.putInt(SetupHeader.HEADER_MAGIC_OFFSET, SetupHeader.HEADER_MAGIC);
            p.putShort(SetupHeader.VERSION_OFFSET, (short) SetupHeader.VERSION_2_12);
            p.putShort(SetupHeader.XLOADFLAGS_OFFSET, (short) SetupHeader.XLF_KERNEL_64);
            p.putInt(SetupHeader.INITRD_ADDR_MAX_OFFSET, (int) DEFAULT_INITRD_MAX_GPA);
            p.putInt(SetupHeader.KERNEL_ALIGNMENT_OFFSET, (int) LARGE_PAGE_SIZE);
            p.putInt(SetupHeader.CMDLINE_SIZE_OFFSET, DEFAULT_COMMAND_LINE_LIMIT);
        }
        p.put(SetupHeader.TYPE_OF_LOADER_OFFSET, (byte) LOADER_UNDEFINED);
        p.put(SetupHeader.LOADFLAGS_OFFSET, (byte) LOADED_HIGH);
        p.putInt(SetupHeader.CODE32_START_OFFSET, (int) kernel.startGpa());
        p.putInt(SetupHeader.RAMDISK_IMAGE_OFFSET, (int) initrdGpa);
        p.putInt(EXT_RAMDISK_IMAGE_OFFSET, (int) (initrdGpa >>> 32));
        p.putInt(SetupHeader.RAMDISK_SIZE_OFFSET, initrdSize);
        p.putInt(EXT_RAMDISK_SIZE_OFFSET, 0);
        p.putInt(SetupHeader.CMD_LINE_PTR_OFFSET, (int) COMMAND_LINE_GPA);
        p.putLong(ACPI_RSDP_ADDR_OFFSET, ACPI_TABLES_GPA);
        List<E820Entry> map = memoryMap(ramSizeBytes);
        p.put(E820_ENTRIES_OFFSET, (byte) map.size());
        p.position(E820_TABLE_OFFSET);
        for (E820Entry e : map) {
            e.writeTo(p);
        }
        return p.rewind();
    }

    /** The memory map for a guest with that much RAM, ascending. */
    static List<E820Entry> memoryMap(long ramSizeBytes) {
        List<E820Entry> map = new ArrayList<>();
        map.add(E820Entry.ram(0, EBDA_GPA));
        map.add(E820Entry.reserved(EBDA_GPA, VGA_GPA));
        map.add(E820Entry.reserved(ACPI_TABLES_GPA, HIGH_MEMORY_GPA));
        map.add(E820Entry.ram(HIGH_MEMORY_GPA, lowRamSize(ramSizeBytes)));
        map.add(E820Entry.reserved(PCI_ECAM_GPA, PCI_ECAM_GPA + PCI_ECAM_SIZE));
        if (highRamSize(ramSizeBytes) > 0) {
            map.add(E820Entry.ram(PCI_HOLE_END_GPA, PCI_HOLE_END_GPA + highRamSize(ramSizeBytes)));
        }
        return map;
    }

    private static ByteBuffer gdt() {
        ByteBuffer gdt =
                ByteBuffer.allocate(GDT_ENTRY_COUNT * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        gdt.putLong(BootState.BOOT_CS, GDT_CODE64);
        gdt.putLong(BootState.BOOT_DS, GDT_DATA);
        return gdt;
    }

    /**
     * Identity map of the first 4 GB: one PML4 entry, four PDPT entries, four directories of 2 MB
     * pages.
     */
    private static ByteBuffer pageTables() {
        ByteBuffer t =
                ByteBuffer.allocate(BOOT_PAGE_TABLE_COUNT * PAGE_SIZE)
                        .order(ByteOrder.LITTLE_ENDIAN);
        int directoryCount = BOOT_PAGE_TABLE_COUNT - 2;
        long table = BOOT_PAGE_TABLES_GPA;
        t.putLong(0, table + PAGE_SIZE | PTE_PRESENT | PTE_WRITE);
        for (int i = 0; i < directoryCount; i++) {
            long directoryGpa = table + (2L + i) * PAGE_SIZE;
            t.putLong(PAGE_SIZE + i * Long.BYTES, directoryGpa | PTE_PRESENT | PTE_WRITE);
        }
        t.position(2 * PAGE_SIZE);
        for (long i = 0; i < (long) directoryCount * PTES_PER_TABLE; i++) {
            t.putLong(i * LARGE_PAGE_SIZE | PTE_PRESENT | PTE_WRITE | PTE_PAGE_SIZE);
        }
        return t.rewind();
    }
}
