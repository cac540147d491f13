// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class PvClockTest {
    /** As a guest computes: the shift first, then 32.32 fixed point. */
    private static long nanos(long ticks, long tscKhz) {
        int shift = PvClock.shiftFor(tscKhz);
        long mul = Integer.toUnsignedLong(PvClock.multiplierFor(tscKhz, shift));
        BigInteger shifted =
                shift < 0
                        ? BigInteger.valueOf(ticks >>> -shift)
                        : BigInteger.valueOf(ticks).shiftLeft(shift);
        return shifted.multiply(BigInteger.valueOf(mul)).shiftRight(32).longValueExact();
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000, 999_999, 1_000_000, 1_000_001, 2_596_118, 4_999_999, 8_000_001})
    void scalesToNanosecondsWithinAMicrosecondADay(long tscKhz) {
        long day = 86_400;
        long error = nanos(day * tscKhz * 1_000, tscKhz) - day * 1_000_000_000L;
        assertTrue(Math.abs(error) < 100_000, "nanos=" + error);
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000, 1_000_000, 2_596_118, 5_000_000})
    void theMultiplierUsesAll32Bits(long tscKhz) {
        int shift = PvClock.shiftFor(tscKhz);
        assertEquals(1, PvClock.multiplierFor(tscKhz, shift) >>> 31);
    }

    /** Linux derives the TSC's frequency from the two numbers in this way. */
    @ParameterizedTest
    @ValueSource(longs = {1_000_000, 2_596_118, 3_400_003, 4_999_999})
    void aGuestFindsTheFrequencyAgain(long tscKhz) {
        int shift = PvClock.shiftFor(tscKhz);
        long khz =
                Long.divideUnsigned(
                        1_000_000L << 32,
                        Integer.toUnsignedLong(PvClock.multiplierFor(tscKhz, shift)));
        khz = shift < 0 ? khz << -shift : khz >>> shift;
        assertTrue(Math.abs(tscKhz - khz) <= 4, "kHz=" + khz);
    }
}
