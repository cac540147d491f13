// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Follows the tables as a kernel does. */
final class AcpiTablesTest {
    private static final int HEADER = SystemTable.HEADER_SIZE;

    private static ByteBuffer image(AcpiConfig config) {
        AcpiBlob blob = AcpiTables.build(config);
        assertEquals(TestMachine.TABLES_GPA, blob.gpa());
        return ByteBuffer.wrap(blob.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] bytes(ByteBuffer image) {
        byte[] copy = new byte[image.capacity()];
        image.get(0, copy);
        return copy;
    }

    private static String signature(ByteBuffer image, int offset) {
        return new String(bytes(image), offset, 4, StandardCharsets.US_ASCII);
    }

    private static int offset(long gpa) {
        return (int) (gpa - TestMachine.TABLES_GPA);
    }

    /** Offsets of FADT, MADT and DSDT; checks every signature and checksum on the way. */
    private static List<Integer> walk(ByteBuffer image) {
        assertEquals(0, SystemTable.sum(bytes(image), 0, 20), "RSDP checksum");
        assertEquals(0, SystemTable.sum(bytes(image), 0, 36), "RSDP extended checksum");
        int xsdt = offset(image.getLong(24));
        checkTable(image, xsdt, "XSDT");
        assertEquals(HEADER + 16, image.getInt(xsdt + 4));
        int fadt = offset(image.getLong(xsdt + HEADER));
        int madt = offset(image.getLong(xsdt + HEADER + 8));
        checkTable(image, fadt, "FACP");
        checkTable(image, madt, "APIC");
        int dsdt = offset(image.getLong(fadt + 140));
        checkTable(image, dsdt, "DSDT");
        return List.of(fadt, madt, dsdt);
    }

    private static void checkTable(ByteBuffer image, int offset, String signature) {
        assertEquals(signature, signature(image, offset));
        int length = SystemTable.length(bytes(image), offset);
        assertEquals(0, SystemTable.sum(bytes(image), offset, length), signature + " checksum");
    }

    @Test
    void tablesLeadToEachOther() {
        assertEquals(3, walk(image(TestMachine.withRtc())).size());
    }

    @Test
    void fadtDescribesReducedHardwareWithResetAndSleepPorts() {
        ByteBuffer image = image(TestMachine.withRtc());
        int fadt = walk(image).get(0);
        assertEquals(276, image.getInt(fadt + 4));
        int flags = image.getInt(fadt + 112);
        assertTrue((flags & 1 << 20) != 0, "HW_REDUCED_ACPI");
        assertTrue((flags & 1 << 10) != 0, "RESET_REG_SUP");
        assertEquals(1, image.get(fadt + 116), "reset register in I/O space");
        assertEquals(0xcf9, image.getLong(fadt + 120));
        assertEquals(6, image.get(fadt + 128));
        assertEquals(0x600, image.getLong(fadt + 248));
        assertEquals(0x601, image.getLong(fadt + 260));
        assertEquals(0x32, image.get(fadt + 108), "century");
        assertEquals(1 << 2, image.getShort(fadt + 109), "no VGA; a CMOS clock");
    }

    @Test
    void fadtSaysSoWhenThereIsNoClock() {
        ByteBuffer image = image(TestMachine.withoutRtc());
        int fadt = walk(image).get(0);
        assertEquals(1 << 5 | 1 << 2, image.getShort(fadt + 109));
    }

    @Test
    void madtListsProcessorsAndTheIoApic() {
        ByteBuffer image = image(TestMachine.config(List.of(0, 1, 300), Optional.empty()));
        int madt = walk(image).get(1);
        assertEquals(0xfee0_0000, image.getInt(madt + HEADER));
        assertEquals(0, image.getInt(madt + HEADER + 4), "no legacy interrupt controllers");
        List<String> entries = new ArrayList<>();
        int end = madt + image.getInt(madt + 4);
        for (int at = madt + HEADER + 8; at < end; at += image.get(at + 1)) {
            int type = image.get(at);
            entries.add(
                    switch (type) {
                        case 0 -> "apic " + image.get(at + 3);
                        case 9 -> "x2apic " + image.getInt(at + 4);
                        case 1 ->
                                "ioapic "
                                        + image.get(at + 2)
                                        + " gsi "
                                        + image.getInt(at + 8)
                                        + " at "
                                        + Integer.toHexString(image.getInt(at + 4));
                        default -> "type " + type;
                    });
        }
        assertEquals(
                List.of("apic 0", "apic 1", "x2apic 300", "ioapic 1 gsi 0 at fec00000"), entries);
    }

    @Test
    void rejectsMisalignedPlace() {
        AcpiConfig good = TestMachine.withRtc();
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new AcpiConfig(
                                TestMachine.TABLES_GPA + 8,
                                good.localApicGpa(),
                                good.apicIds(),
                                good.ioApic(),
                                good.power(),
                                good.serialPorts(),
                                good.rtc()));
    }
}
