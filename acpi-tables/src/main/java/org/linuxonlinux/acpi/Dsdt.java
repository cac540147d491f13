// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.util.ArrayList;
import java.util.List;

/**
 * Differentiated system description table: the devices, and how to reach the sleep states (ACPI 6.5
 * §5.2.11.1).
 */
final class Dsdt {
    /** From 2 on, integers have 64 bits. */
    private static final int REVISION = 2;

    private Dsdt() {}

    static byte[] build(AcpiConfig config) {
        List<byte[]> devices = new ArrayList<>();
        for (int i = 0; i < config.serialPorts().size(); i++) {
            devices.add(serialPort(i, config.serialPorts().get(i)));
        }
        config.rtc().ifPresent(rtc -> devices.add(rtc(rtc)));
        long sleepType = config.power().sleepTypeS5();
        ByteWriter body = new ByteWriter();
        body.bytes(Aml.scope("_SB", devices.toArray(byte[][]::new)))
                .bytes(
                        Aml.name(
                                "_S5",
                                Aml.packageOf(
                                        Aml.integer(sleepType),
                                        Aml.integer(sleepType),
                                        Aml.integer(0),
                                        Aml.integer(0))));
        return SystemTable.build("DSDT", REVISION, body.toBytes());
    }

    /** A 16550A-compatible serial port. */
    private static byte[] serialPort(int index, AcpiConfig.SerialPort port) {
        return Aml.device(
                "COM" + (index + 1),
                Aml.name("_HID", Aml.eisaId("PNP0501")),
                Aml.name("_UID", Aml.integer(index)),
                Aml.name("_DDN", Aml.string("COM" + (index + 1))),
                Aml.name(
                        "_CRS",
                        Aml.resourceTemplate(
                                Aml.io(port.firstPort(), 8), Aml.edgeInterrupt(port.gsi()))));
    }

    /** A PC's real-time clock, without interrupt. */
    private static byte[] rtc(AcpiConfig.Rtc rtc) {
        return Aml.device(
                "RTC",
                Aml.name("_HID", Aml.eisaId("PNP0B00")),
                Aml.name("_CRS", Aml.resourceTemplate(Aml.io(rtc.firstPort(), 2))));
    }
}
