// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.util.List;

/**
 * Lays all tables out behind each other.
 *
 * <pre>
 *   tablesGpa ─► RSDP ─► XSDT ─► FADT ─► DSDT
 *                             ─► MADT
 * </pre>
 */
public final class AcpiTables {
    /** Tables begin at multiples of this; the RSDP must. */
    private static final int ALIGNMENT = 16;

    private AcpiTables() {}

    /** The tables for a machine. */
    public static AcpiBlob build(AcpiConfig config) {
        ByteWriter image = new ByteWriter().zeros(Rsdp.SIZE);
        long dsdtGpa = append(image, config, Dsdt.build(config));
        long fadtGpa = append(image, config, Fadt.build(config, dsdtGpa));
        long madtGpa = append(image, config, Madt.build(config));
        long xsdtGpa = append(image, config, Xsdt.build(List.of(fadtGpa, madtGpa)));
        byte[] bytes = image.toBytes();
        System.arraycopy(Rsdp.build(xsdtGpa), 0, bytes, 0, Rsdp.SIZE);
        return new AcpiBlob(config.tablesGpa(), bytes);
    }

    /** Appends a table and returns its address. */
    private static long append(ByteWriter image, AcpiConfig config, byte[] table) {
        image.zerosTo((image.size() + ALIGNMENT - 1) & -ALIGNMENT);
        long gpa = config.tablesGpa() + image.size();
        image.bytes(table);
        return gpa;
    }
}
