// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/**
 * Fixed ACPI description table (ACPI 6.5 §5.2.9) of a hardware-reduced machine: only the reset and
 * sleep registers are there; every field about fixed hardware is zero.
 */
final class Fadt {
    private static final int REVISION = 6;
    private static final int MINOR_REVISION = 5;

    // Offsets from the start of the table.
    private static final int CENTURY = 108;
    private static final int FLAGS = 112;
    private static final int FADT_MINOR_VERSION = 131;
    private static final int X_DSDT = 140;
    private static final int SLEEP_CONTROL_REG = 244;
    private static final int SIZE = 276;

    private static final int BOOT_VGA_NOT_PRESENT = 1 << 2;
    private static final int BOOT_CMOS_RTC_NOT_PRESENT = 1 << 5;

    private static final int FLAG_WBINVD = 1;
    private static final int FLAG_PROC_C1 = 1 << 2;

    /** No fixed-hardware power button. */
    private static final int FLAG_PWR_BUTTON = 1 << 4;

    /** No fixed-hardware sleep button. */
    private static final int FLAG_SLP_BUTTON = 1 << 5;

    /** The clock's wake-up status is not in fixed hardware. */
    private static final int FLAG_FIX_RTC = 1 << 6;

    private static final int FLAG_RESET_REG_SUP = 1 << 10;
    private static final int FLAG_HW_REDUCED_ACPI = 1 << 20;

    private static final int ALL_FLAGS =
            FLAG_WBINVD
                    | FLAG_PROC_C1
                    | FLAG_PWR_BUTTON
                    | FLAG_SLP_BUTTON
                    | FLAG_FIX_RTC
                    | FLAG_RESET_REG_SUP
                    | FLAG_HW_REDUCED_ACPI;

    private Fadt() {}

    static byte[] build(AcpiConfig config, long dsdtGpa) {
        boolean hasRtc = config.rtc().isPresent();
        ByteWriter body = new ByteWriter();
        body.zerosTo(CENTURY - SystemTable.HEADER_SIZE)
                .u8(hasRtc ? config.rtc().get().centuryIndex() : 0)
                .u16(BOOT_VGA_NOT_PRESENT | (hasRtc ? 0 : BOOT_CMOS_RTC_NOT_PRESENT))
                .zerosTo(FLAGS - SystemTable.HEADER_SIZE)
                .u32(ALL_FLAGS)
                .bytes(GenericAddress.port(config.power().resetPort()))
                .u8(config.power().resetValue())
                .zerosTo(FADT_MINOR_VERSION - SystemTable.HEADER_SIZE)
                .u8(MINOR_REVISION)
                .zerosTo(X_DSDT - SystemTable.HEADER_SIZE)
                .u64(dsdtGpa)
                .zerosTo(SLEEP_CONTROL_REG - SystemTable.HEADER_SIZE)
                .bytes(GenericAddress.port(config.power().sleepControlPort()))
                .bytes(GenericAddress.port(config.power().sleepStatusPort()))
                .zerosTo(SIZE - SystemTable.HEADER_SIZE);
        return SystemTable.build("FACP", REVISION, body.toBytes());
    }
}
