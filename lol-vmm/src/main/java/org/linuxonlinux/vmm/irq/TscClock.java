// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

/**
 * Converts between the guest's time-stamp counter and the monitor's clock.
 *
 * <p>The two are tied at an anchor and assumed to run at a constant ratio from there. Since the
 * host's clock is disciplined and the counter is not, the anchor is renewed about once a second
 * ({@link #refresh}). A conversion is arithmetic only, no instruction traps, so programming a timer
 * costs no RDTSC.
 *
 * <p>Thread-safe.
 */
public final class TscClock {
    /**
     * Longest age of an anchor that is used without renewal; 1 s: drifts of 100 ppm stay below 0.1
     * ms.
     */
    private static final long ANCHOR_LIFETIME_NANOS = 1_000_000_000;

    /** Attempts to read both clocks close together. */
    private static final int ANCHOR_TRIES = 5;

    /** Both clocks at one moment. */
    private record Anchor(long tsc, long nanos) {}

    private final TimeSource source;
    private final long frequencyKhz;
    private volatile Anchor anchor;

    /**
     * Ties the clocks.
     *
     * @param frequencyKhz ticks of the counter per millisecond, positive
     */
    public TscClock(TimeSource source, long frequencyKhz) {
        if (frequencyKhz <= 0) {
            throw new IllegalArgumentException("TSC frequency: kHz=" + frequencyKhz);
        }
        this.source = source;
        this.frequencyKhz = frequencyKhz;
        this.anchor = sample();
    }

    /** The pair of readings with the least time between two looks at the monitor's clock. */
    private Anchor sample() {
        Anchor best = null;
        long bestGap = Long.MAX_VALUE;
        for (int i = 0; i < ANCHOR_TRIES; i++) {
            long before = source.nanoTime();
            long tsc = source.tsc();
            long gap = source.nanoTime() - before;
            if (gap < bestGap) {
                bestGap = gap;
                best = new Anchor(tsc, before + gap / 2);
            }
        }
        return best;
    }

    /** Renews the anchor if it is old. Called where time is looked at anyway. */
    public void refresh(long nowNanos) {
        if (nowNanos - anchor.nanos > ANCHOR_LIFETIME_NANOS) {
            anchor = sample();
        }
    }

    /** Ticks per millisecond. */
    public long frequencyKhz() {
        return frequencyKhz;
    }

    /** The counter now. */
    public long tsc() {
        return source.tsc();
    }

    /** The monitor's clock now. */
    public long nanoTime() {
        return source.nanoTime();
    }

    /**
     * The moment at which the counter reads {@code tsc}; saturates some 290 years away from now.
     *
     * @param tsc unsigned, as the guest writes it into IA32_TSC_DEADLINE
     */
    public long tscToNanos(long tsc) {
        Anchor now = anchor;
        if (tsc < 0) {
            return Long.MAX_VALUE;
        }
        long delta = ticksToNanos(tsc - now.tsc);
        long nanos = now.nanos + delta;
        return delta > 0 && nanos < now.nanos ? Long.MAX_VALUE : nanos;
    }

    /** What the counter reads at a moment of the monitor's clock. */
    public long nanosToTsc(long nanos) {
        Anchor now = anchor;
        return now.tsc + nanosToTicks(nanos - now.nanos);
    }

    /** Length of a number of ticks, in nanoseconds, rounded up. */
    public long ticksToNanos(long ticks) {
        return multiplyDivide(ticks, 1_000_000, frequencyKhz);
    }

    /** Ticks in a number of nanoseconds, rounded up. */
    public long nanosToTicks(long nanos) {
        return multiplyDivide(nanos, frequencyKhz, 1_000_000);
    }

    /** a × b / c without overflow in between, rounded up, saturating; b and c positive ints. */
    private static long multiplyDivide(long a, long b, long c) {
        long whole = Math.floorDiv(a, c);
        long rest = Math.floorMod(a, c);
        long high = Math.multiplyHigh(whole, b);
        long low = whole * b;
        if (high != low >> 63) {
            return a < 0 ? Long.MIN_VALUE : Long.MAX_VALUE;
        }
        long sum = low + (rest * b + c - 1) / c;
        return low > 0 && sum < 0 ? Long.MAX_VALUE : sum;
    }
}
