// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What the tables say about the machine.
 *
 * @param tablesGpa where the image will be placed; a multiple of 16, below 4 GB
 * @param localApicGpa architectural address of the local APICs
 * @param apicIds one per processor, the bootstrap processor's first
 * @param ioApic the I/O APIC
 * @param power how to reset and switch off
 * @param serialPorts COM1 and following
 * @param rtc the real-time clock, if there is one
 */
public record AcpiConfig(
        long tablesGpa,
        long localApicGpa,
        List<Integer> apicIds,
        IoApic ioApic,
        Power power,
        List<SerialPort> serialPorts,
        Optional<Rtc> rtc) {
    /** Keeps its own copies. */
    public AcpiConfig {
        if ((tablesGpa & 0xf) != 0 || tablesGpa >>> 32 != 0) {
            throw new IllegalArgumentException(
                    "misplaced ACPI tables: gpa=0x" + Long.toHexString(tablesGpa));
        }
        apicIds = List.copyOf(apicIds);
        Objects.requireNonNull(ioApic);
        Objects.requireNonNull(power);
        serialPorts = List.copyOf(serialPorts);
        Objects.requireNonNull(rtc);
    }

    /**
     * An I/O APIC.
     *
     * @param id its APIC ID
     * @param gpa its registers
     * @param firstGsi the global system interrupt of its pin 0
     */
    public record IoApic(int id, long gpa, int firstGsi) {}

    /**
     * How the guest ends its machine.
     *
     * @param sleepControlPort sleep control register
     * @param sleepStatusPort sleep status register
     * @param sleepTypeS5 SLP_TYP value of S5, 0–7
     * @param resetPort reset register
     * @param resetValue what to write to it
     */
    public record Power(
            int sleepControlPort,
            int sleepStatusPort,
            int sleepTypeS5,
            int resetPort,
            int resetValue) {}

    /**
     * A serial port.
     *
     * @param firstPort first of its eight I/O ports
     * @param gsi its interrupt: edge-triggered, active high
     */
    public record SerialPort(int firstPort, int gsi) {}

    /**
     * A real-time clock.
     *
     * @param firstPort index port; the data port follows
     * @param centuryIndex CMOS index of the century
     */
    public record Rtc(int firstPort, int centuryIndex) {}
}
