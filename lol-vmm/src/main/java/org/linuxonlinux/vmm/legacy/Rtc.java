// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import java.time.InstantSource;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;

/**
 * The real-time clock behind ports 0x70 and 0x71 (MC146818A data sheet), showing the host's time in
 * UTC. Setting it is accepted and forgotten; it has no interrupt.
 *
 * <pre>
 *   0 seconds  2 minutes  4 hours  6 weekday  7 day  8 month  9 year  0x32 century
 *   0x0a status A  0x0b status B  0x0c status C  0x0d status D  others: RAM
 * </pre>
 *
 * <p>Any vCPU thread.
 */
public final class Rtc implements PortDevice {
    /** First of its {@link #PORT_COUNT} I/O ports. */
    public static final int BASE_PORT = 0x70;

    /** Ports it takes. */
    public static final int PORT_COUNT = 2;

    /** Index of the century register, for the FADT. */
    public static final int CENTURY_INDEX = 0x32;

    private static final int SECONDS = 0;
    private static final int MINUTES = 2;
    private static final int HOURS = 4;
    private static final int WEEKDAY = 6;
    private static final int DAY = 7;
    private static final int MONTH = 8;
    private static final int YEAR = 9;
    private static final int STATUS_A = 0x0a;
    private static final int STATUS_B = 0x0b;
    private static final int STATUS_C = 0x0c;
    private static final int STATUS_D = 0x0d;

    /** 32768 Hz time base, 1024 Hz rate; never "update in progress": a reading is atomic here. */
    private static final int STATUS_A_VALUE = 0x26;

    private static final int STATUS_B_24_HOURS = 1 << 1;
    private static final int STATUS_B_BINARY = 1 << 2;

    /** Bits of status B that are kept: set, interrupt enables, square wave, binary, daylight. */
    private static final int STATUS_B_WRITABLE = 0xfd;

    private static final int STATUS_D_VALID = 0x80;

    private static final int INDEX_MASK = 0x7f;

    private final InstantSource realTime;
    private final byte[] ram = new byte[INDEX_MASK + 1];
    private int index;
    private int statusB = STATUS_B_24_HOURS;

    /**
     * A running clock.
     *
     * @param realTime the host's wall clock
     */
    public Rtc(InstantSource realTime) {
        this.realTime = realTime;
    }

    @Override
    public synchronized int in(int port, int widthBytes) {
        if (port == BASE_PORT) {
            return 0xff; // write-only
        }
        return switch (index) {
            case SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY_INDEX ->
                    encode(timeField());
            case STATUS_A -> STATUS_A_VALUE;
            case STATUS_B -> statusB;
            case STATUS_C -> 0;
            case STATUS_D -> STATUS_D_VALID;
            default -> ram[index] & 0xff;
        };
    }

    private int timeField() {
        ZonedDateTime now = realTime.instant().atZone(ZoneOffset.UTC);
        return switch (index) {
            case SECONDS -> now.getSecond();
            case MINUTES -> now.getMinute();
            case HOURS -> now.getHour();
            case WEEKDAY -> now.getDayOfWeek().getValue() % 7 + 1; // Sunday is 1
            case DAY -> now.getDayOfMonth();
            case MONTH -> now.getMonthValue();
            case YEAR -> now.getYear() % 100;
            default -> now.getYear() / 100;
        };
    }

    private int encode(int value) {
        return (statusB & STATUS_B_BINARY) != 0 ? value : ((value / 10) << 4) + value % 10;
    }

    @Override
    public synchronized void out(int port, int widthBytes, int value) {
        if (port == BASE_PORT) {
            index = value & INDEX_MASK;
        } else if (index == STATUS_B) {
            statusB = (value & STATUS_B_WRITABLE) | STATUS_B_24_HOURS;
        } else {
            ram[index] = (byte) value;
        }
    }
}
