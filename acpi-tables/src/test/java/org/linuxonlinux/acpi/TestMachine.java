// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.util.List;
import java.util.Optional;

/** The machine the tests describe. */
final class TestMachine {
    static final long TABLES_GPA = 0xe_0000;

    private TestMachine() {}

    static AcpiConfig config(List<Integer> apicIds, Optional<AcpiConfig.Rtc> rtc) {
        return new AcpiConfig(
                TABLES_GPA,
                0xfee0_0000L,
                apicIds,
                new AcpiConfig.IoApic(1, 0xfec0_0000L, 0),
                new AcpiConfig.Power(0x600, 0x601, 5, 0xcf9, 6),
                List.of(new AcpiConfig.SerialPort(0x3f8, 4)),
                rtc);
    }

    static AcpiConfig withRtc() {
        return config(List.of(0), Optional.of(new AcpiConfig.Rtc(0x70, 0x32)));
    }

    static AcpiConfig withoutRtc() {
        return config(List.of(0), Optional.empty());
    }
}
