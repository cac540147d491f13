// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.linuxonlinux.vmm.irq.LocalApic;

/**
 * Kicks a running vCPU when its local APIC's timer is due. A halted vCPU sleeps until then by
 * itself and is left alone.
 *
 * <p>Has one thread, named <i>timer</i>. The vCPU thread calls {@link #deadlineChanged} after it
 * let the guest run; nothing is locked.
 */
final class DeadlineTimer implements AutoCloseable {
    /** Bounded by how long a vCPU may take to notice a kick; arbitrary. */
    private static final long RETRY_NANOS = 1_000_000;

    private final LongSupplier nextDeadlineNanos;
    private final BooleanSupplier halted;
    private final Runnable kick;
    private final Thread thread;

    private volatile long sleepingUntil = Long.MAX_VALUE;
    private volatile boolean closed;

    /**
     * All three are called on the timer's thread.
     *
     * @param nextDeadlineNanos in {@link System#nanoTime}, or {@link LocalApic#NEVER}
     * @param halted whether the vCPU sleeps and watches the deadline itself
     * @param kick makes the vCPU expire its timers
     */
    DeadlineTimer(LongSupplier nextDeadlineNanos, BooleanSupplier halted, Runnable kick) {
        this.nextDeadlineNanos = nextDeadlineNanos;
        this.halted = halted;
        this.kick = kick;
        this.thread = new Thread(this::loop, "timer");
        this.thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** The timer was programmed; wakes the thread only if it would oversleep. vCPU thread. */
    void deadlineChanged() {
        if (nextDeadlineNanos.getAsLong() < sleepingUntil) {
            LockSupport.unpark(thread);
        }
    }

    private void loop() {
        while (!closed) {
            long deadline = nextDeadlineNanos.getAsLong();
            sleepingUntil = deadline;
            if (deadline != nextDeadlineNanos.getAsLong()) {
                continue;
            }
            if (deadline == LocalApic.NEVER) {
                LockSupport.park(this);
                continue;
            }
            long left = deadline - System.nanoTime();
            if (left > 0) {
                LockSupport.parkNanos(this, left);
                continue;
            }
            kickUntilReprogrammed(deadline);
        }
    }

    /**
     * The vCPU thread expires the timer. It is asked again until it has: it may have been found
     * halted just when something else woke it.
     */
    private void kickUntilReprogrammed(long expired) {
        while (!closed && nextDeadlineNanos.getAsLong() == expired) {
            if (!halted.getAsBoolean()) {
                kick.run();
            }
            sleepingUntil = Long.MAX_VALUE;
            LockSupport.parkNanos(this, RETRY_NANOS);
        }
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
