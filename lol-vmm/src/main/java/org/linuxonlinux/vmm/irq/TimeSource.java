// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.util.function.LongSupplier;

/** The two host clocks the machine runs on. Any thread. */
public interface TimeSource {
    /** The host's time-stamp counter. The guest's is the same: it reads it natively. */
    long tsc();

    /** The monitor's clock in nanoseconds, as {@link System#nanoTime()}. */
    long nanoTime();

    /** The real clocks, given a way to execute RDTSC. */
    static TimeSource of(LongSupplier rdtsc) {
        return new TimeSource() {
            @Override
            public long tsc() {
                return rdtsc.getAsLong();
            }

            @Override
            public long nanoTime() {
                return System.nanoTime();
            }
        };
    }
}
