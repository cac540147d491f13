// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

/** Two clocks that move only when told: the monitor's, and a counter of 2.5 GHz from 1000 on. */
public final class ManualTime implements TimeSource {
    public static final long TSC_KHZ = 2_500_000;
    public static final long START_NANOS = 5_000;
    public static final long START_TSC = 1_000;

    private long nanos = START_NANOS;

    public void advance(long byNanos) {
        nanos += byNanos;
    }

    @Override
    public long tsc() {
        return START_TSC + (nanos - START_NANOS) * 5 / 2;
    }

    @Override
    public long nanoTime() {
        return nanos;
    }
}
