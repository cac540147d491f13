// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

final class TscClockTest {
    private final ManualTime time = new ManualTime();
    private final TscClock clock = new TscClock(time, ManualTime.TSC_KHZ);

    @Test
    void convertsMomentsBothWays() {
        assertEquals(ManualTime.START_NANOS, clock.tscToNanos(ManualTime.START_TSC));
        long tsc = ManualTime.START_TSC + 2_500_000_000L;
        assertEquals(ManualTime.START_NANOS + 1_000_000_000L, clock.tscToNanos(tsc));
        assertEquals(tsc, clock.nanosToTsc(ManualTime.START_NANOS + 1_000_000_000L));
    }

    @Test
    void convertsThePast() {
        assertEquals(ManualTime.START_NANOS - 400, clock.tscToNanos(ManualTime.START_TSC - 1_000));
    }

    @Test
    void roundsUpSoThatNoTimerFiresEarly() {
        assertEquals(ManualTime.START_NANOS + 1, clock.tscToNanos(ManualTime.START_TSC + 1));
        assertEquals(3, clock.nanosToTicks(1));
    }

    @Test
    void saturatesInTheFarFuture() {
        assertEquals(Long.MAX_VALUE, clock.tscToNanos(-1)); // unsigned, the greatest there is
        TscClock slow = new TscClock(time, 1);
        assertEquals(Long.MAX_VALUE, slow.tscToNanos(Long.MAX_VALUE));
    }

    @Test
    void followsAMonitorClockThatRunsAtAnotherRate() {
        // The counter really runs at 2.5 GHz, but the machine believes 2.6.
        TscClock wrong = new TscClock(time, 2_600_000);
        time.advance(10_000_000_000L);
        long error = Math.abs(wrong.tscToNanos(time.tsc()) - time.nanoTime());
        assertTrue(error > 1_000_000, "drifts: nanos=" + error);
        wrong.refresh(time.nanoTime());
        assertEquals(time.nanoTime(), wrong.tscToNanos(time.tsc()));
    }

    @Test
    void rejectsAnImpossibleFrequency() {
        assertThrows(IllegalArgumentException.class, () -> new TscClock(time, 0));
    }
}
