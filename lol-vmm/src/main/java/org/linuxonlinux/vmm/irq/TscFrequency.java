// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.util.concurrent.locks.LockSupport;

/**
 * Measures how fast the host's time-stamp counter runs against its monotonic clock. Made early and
 * asked late: the time in between makes it exact at no cost.
 */
public final class TscFrequency {
    /**
     * Shortest measurement; 20 ms: a reading is good to about 0.2 µs, so the result to 20 ppm.
     * Loading a kernel takes longer anyway.
     */
    private static final long MIN_NANOS = 20_000_000;

    /** Attempts to read both clocks close together. */
    private static final int TRIES = 8;

    private final TimeSource source;
    private final long startNanos;
    private final long startTsc;

    /** Begins to measure. */
    public TscFrequency(TimeSource source) {
        this.source = source;
        long[] start = sample();
        startNanos = start[0];
        startTsc = start[1];
    }

    private long[] sample() {
        long bestGap = Long.MAX_VALUE;
        long[] best = new long[2];
        for (int i = 0; i < TRIES; i++) {
            long before = source.nanoTime();
            long tsc = source.tsc();
            long gap = source.nanoTime() - before;
            if (gap < bestGap) {
                bestGap = gap;
                best[0] = before + gap / 2;
                best[1] = tsc;
            }
        }
        return best;
    }

    /** Ticks per millisecond. Waits until enough time has passed since the start. */
    public long kilohertz() {
        long leftNanos;
        while ((leftNanos = startNanos + MIN_NANOS - source.nanoTime()) > 0) {
            LockSupport.parkNanos(leftNanos);
        }
        long[] end = sample();
        return Math.round((end[1] - startTsc) * 1e6 / (end[0] - startNanos));
    }
}
