// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RtcTest {
    /** A Friday. */
    private final Rtc rtc = new Rtc(InstantSource.fixed(Instant.parse("2026-11-20T14:35:59.999Z")));

    private int read(int index) {
        rtc.out(0x70, 1, index);
        return rtc.in(0x71, 1);
    }

    private void write(int index, int value) {
        rtc.out(0x70, 1, index);
        rtc.out(0x71, 1, value);
    }

    @ParameterizedTest
    @CsvSource({
        "0x00, 0x59",
        "0x02, 0x35",
        "0x04, 0x14",
        "0x06, 0x06",
        "0x07, 0x20",
        "0x08, 0x11",
        "0x09, 0x26",
        "0x32, 0x20"
    })
    void showsTheTimeInDecimal(String index, String value) {
        assertEquals(Integer.decode(value), read(Integer.decode(index)));
    }

    @Test
    void showsItInBinaryIfAsked() {
        write(0x0b, 0x06);
        assertEquals(59, read(0));
        assertEquals(26, read(9));
    }

    @Test
    void staysIn24HourMode() {
        assertEquals(2, read(0x0b));
        write(0x0b, 0);
        assertEquals(2, read(0x0b));
    }

    @Test
    void isValidAndNeverUpdating() {
        assertEquals(0x26, read(0x0a));
        assertEquals(0, read(0x0c));
        assertEquals(0x80, read(0x0d));
    }

    @Test
    void nmiMaskBitIsNoPartOfTheIndex() {
        assertEquals(read(0x0a), read(0x8a));
    }

    @Test
    void restIsMemory() {
        write(0x40, 0x5a);
        assertEquals(0x5a, read(0x40));
        write(0, 0); // setting the time has no effect
        assertEquals(0x59, read(0));
    }
}
