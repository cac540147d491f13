// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/**
 * Multiple APIC description table: processors and I/O APICs (ACPI 6.5 §5.2.12). No legacy interrupt
 * controllers, hence no interrupt source overrides: a GSI is an I/O APIC pin.
 */
final class Madt {
    private static final int REVISION = 5;

    private static final int LOCAL_APIC = 0;
    private static final int IO_APIC = 1;
    private static final int LOCAL_X2APIC = 9;

    private static final int ENABLED = 1;

    /** IDs from here on do not fit the short entry, whose 0xff means "all". */
    private static final int FIRST_LONG_ID = 0xff;

    private Madt() {}

    static byte[] build(AcpiConfig config) {
        ByteWriter body = new ByteWriter();
        body.u32(config.localApicGpa()).u32(0);
        for (int i = 0; i < config.apicIds().size(); i++) {
            int apicId = config.apicIds().get(i);
            if (apicId < FIRST_LONG_ID) {
                body.u8(LOCAL_APIC).u8(8).u8(i).u8(apicId).u32(ENABLED);
            } else {
                body.u8(LOCAL_X2APIC).u8(16).u16(0).u32(apicId).u32(ENABLED).u32(i);
            }
        }
        AcpiConfig.IoApic ioApic = config.ioApic();
        body.u8(IO_APIC).u8(12).u8(ioApic.id()).u8(0).u32(ioApic.gpa()).u32(ioApic.firstGsi());
        return SystemTable.build("APIC", REVISION, body.toBytes());
    }
}
