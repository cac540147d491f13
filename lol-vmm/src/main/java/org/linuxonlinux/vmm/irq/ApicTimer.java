// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

/**
 * The timer of a local APIC: one-shot, periodic or TSC-deadline (Intel SDM vol. 3A §11.5.4). Its
 * owner's lock guards everything but {@link #deadlineNanos()}.
 */
final class ApicTimer {
    private static final int MODE = 3 << 17;
    private static final int MODE_PERIODIC = 1 << 17;
    private static final int MODE_TSC_DEADLINE = 2 << 17;

    private final TscClock clock;

    /** Monitor time at which the timer fires. */
    private volatile long deadlineNanos = LocalApic.NEVER;

    private int mode;
    private int divideConfiguration;
    private int initialCount;
    private long tscDeadline;

    ApicTimer(TscClock clock) {
        this.clock = clock;
    }

    /** Whether the mode field of an LVT entry has one of its three values. */
    static boolean isLegalMode(int lvtEntry) {
        return (lvtEntry & MODE) != MODE;
    }

    /** When {@link #expire} has something to do; {@link LocalApic#NEVER}. Any thread. */
    long deadlineNanos() {
        return deadlineNanos;
    }

    /** Back to the state of a reset. */
    void reset() {
        mode = 0;
        divideConfiguration = 0;
        disarm();
    }

    /** Takes the mode from an LVT entry. Into or out of TSC-deadline mode disarms (§11.5.4.1). */
    void setMode(int lvtEntry) {
        int newMode = lvtEntry & MODE;
        if (newMode != mode && (isTscDeadlineMode() || newMode == MODE_TSC_DEADLINE)) {
            disarm();
        }
        mode = newMode;
    }

    private void disarm() {
        tscDeadline = 0;
        initialCount = 0;
        deadlineNanos = LocalApic.NEVER;
    }

    private boolean isTscDeadlineMode() {
        return mode == MODE_TSC_DEADLINE;
    }

    /**
     * Goes on after a deadline: a periodic timer keeps its phase, others rest.
     *
     * @param nowNanos the monitor's clock
     * @return whether the timer fires
     */
    boolean expire(long nowNanos) {
        long deadline = deadlineNanos;
        if (nowNanos < deadline) {
            return false;
        }
        if (mode == MODE_PERIODIC) {
            long periodNanos = countToNanos(initialCount);
            long missed = (nowNanos - deadline) / periodNanos;
            deadlineNanos = deadline + (missed + 1) * periodNanos;
        } else {
            tscDeadline = 0;
            deadlineNanos = LocalApic.NEVER;
        }
        return true;
    }

    /** Divisor of the count rate, from bits 0, 1 and 3: 2, 4, … 128, 1. */
    private int divisorShift() {
        int code = (divideConfiguration & 3) | ((divideConfiguration & 8) >> 1);
        return (code + 1) & 7;
    }

    private long countToNanos(int count) {
        return Integer.toUnsignedLong(count) << divisorShift();
    }

    int divideConfiguration() {
        return divideConfiguration;
    }

    void setDivideConfiguration(int value) {
        divideConfiguration = value;
    }

    int initialCount() {
        return initialCount;
    }

    /** Starts the count, 0 stops it; ignored in TSC-deadline mode. */
    void start(int count) {
        if (!isTscDeadlineMode()) {
            initialCount = count;
            deadlineNanos = count == 0 ? LocalApic.NEVER : clock.nanoTime() + countToNanos(count);
        }
    }

    int currentCount() {
        long deadline = deadlineNanos;
        if (deadline == LocalApic.NEVER || isTscDeadlineMode()) {
            return 0;
        }
        long leftNanos = deadline - clock.nanoTime();
        return leftNanos <= 0 ? 0 : (int) (leftNanos >> divisorShift());
    }

    long tscDeadline() {
        return tscDeadline;
    }

    /** Arms the timer for a value of the TSC, 0 disarms it; ignored in other modes. */
    void setTscDeadline(long value) {
        if (isTscDeadlineMode()) {
            tscDeadline = value;
            deadlineNanos = value == 0 ? LocalApic.NEVER : clock.tscToNanos(value);
        }
    }
}
