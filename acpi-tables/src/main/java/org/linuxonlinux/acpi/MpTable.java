// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/**
 * The table of processors and interrupts that PCs had before ACPI (Intel MultiProcessor
 * Specification 1.4, chapter 4): a floating pointer structure and, behind it, the configuration
 * table it points to.
 *
 * <p>Kernels that boot with {@code acpi=off} use it. The others prefer ACPI, but a Linux built with
 * CONFIG_X86_MPPARSE looks for it all the same and, where it finds none, remaps 64 KB of memory
 * 4,096 times, which cost a second of each boot.
 */
public final class MpTable {
    /** Size of the floating pointer structure. */
    private static final int POINTER_SIZE = 16;

    private static final int POINTER_CHECKSUM_OFFSET = 10;
    private static final int HEADER_SIZE = 44;
    private static final int CHECKSUM_OFFSET = 7;

    /** Version 1.4. */
    private static final int REVISION = 4;

    private static final int PROCESSOR = 0;
    private static final int BUS = 1;
    private static final int IO_APIC = 2;
    private static final int IO_INTERRUPT = 3;

    private static final int ENABLED = 1;
    private static final int BOOTSTRAP_PROCESSOR = 2;
    private static final int LOCAL_APIC_VERSION = 0x14;
    private static final int IO_APIC_VERSION = 0x11;

    /** CPUID leaf 1 EDX: FPU and APIC. Linux reads CPUID itself. */
    private static final int FEATURES = 1 | 1 << 9;

    private static final int ISA_BUS_ID = 0;

    /** Polarity and trigger of an interrupt as usual on its bus: on ISA, edge and active high. */
    private static final int CONFORMS_TO_BUS = 0;

    private static final int VECTORED_INTERRUPT = 0;

    private MpTable() {}

    /**
     * The table of a machine.
     *
     * @param config the machine; its processors' APIC IDs must be below 255
     * @param gpa where the table will be placed: a multiple of 16 in the first kilobyte of the
     *     extended BIOS data area, in the last of base memory, or in the BIOS ROM area
     */
    public static AcpiBlob build(AcpiConfig config, long gpa) {
        byte[] table = table(config);
        byte[] pointer =
                new ByteWriter()
                        .text("_MP_", 4)
                        .u32(gpa + POINTER_SIZE)
                        .u8(POINTER_SIZE / 16)
                        .u8(REVISION)
                        .u8(0) // checksum, below
                        .u8(0) // no default configuration: there is a table
                        .u32(0) // no interrupt mode configuration register
                        .toBytes();
        SystemTable.setChecksum(pointer, POINTER_CHECKSUM_OFFSET, POINTER_SIZE);
        return new AcpiBlob(gpa, new ByteWriter().bytes(pointer).bytes(table).toBytes());
    }

    private static byte[] table(AcpiConfig config) {
        ByteWriter entries = new ByteWriter();
        int count = 0;
        for (int apicId : config.apicIds()) {
            entries.u8(PROCESSOR).u8(apicId).u8(LOCAL_APIC_VERSION);
            entries.u8(count == 0 ? ENABLED | BOOTSTRAP_PROCESSOR : ENABLED);
            entries.u32(0).u32(FEATURES).zeros(8);
            count++;
        }
        AcpiConfig.IoApic ioApic = config.ioApic();
        entries.u8(BUS).u8(ISA_BUS_ID).text("ISA", 6);
        entries.u8(IO_APIC).u8(ioApic.id()).u8(IO_APIC_VERSION).u8(ENABLED).u32(ioApic.gpa());
        count += 2;
        for (AcpiConfig.SerialPort port : config.serialPorts()) {
            entries.u8(IO_INTERRUPT).u8(VECTORED_INTERRUPT).u16(CONFORMS_TO_BUS);
            entries.u8(ISA_BUS_ID).u8(port.gsi());
            entries.u8(ioApic.id()).u8(port.gsi() - ioApic.firstGsi());
            count++;
        }
        byte[] table =
                new ByteWriter()
                        .text("PCMP", 4)
                        .u16(HEADER_SIZE + entries.size())
                        .u8(REVISION)
                        .u8(0) // checksum, below
                        .text(SystemTable.OEM_ID, 8)
                        .text("ONLINUX", 12)
                        .u32(0) // no OEM table
                        .u16(0)
                        .u16(count)
                        .u32(config.localApicGpa())
                        .u32(0) // no extended table
                        .bytes(entries.toBytes())
                        .toBytes();
        SystemTable.setChecksum(table, CHECKSUM_OFFSET, table.length);
        return table;
    }
}
