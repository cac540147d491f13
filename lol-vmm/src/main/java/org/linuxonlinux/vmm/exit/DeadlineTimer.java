// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.linuxonlinux.host.HostCalls;
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

    /** Ticks at 100 Hz; a kick that went astray is repeated after that at the latest. */
    private static final long MAX_EXPECTED_NANOS = 10_000_000;

    /** By how much the host's timers are late (prctl(2), PR_SET_TIMERSLACK). */
    private static final long TIMER_SLACK_NANOS = 50_000;

    private final LongSupplier nextDeadlineNanos;
    private final BooleanSupplier halted;
    private final Runnable kick;
    private final LongConsumer sleepsUntil;
    private final Thread thread;

    private volatile long sleepingUntil = Long.MAX_VALUE;

    /** Timer thread only. */
    private long lastExpired;

    private volatile boolean closed;

    /**
     * All three are called on the timer's thread.
     *
     * @param nextDeadlineNanos in {@link System#nanoTime}, or {@link LocalApic#NEVER}
     * @param halted whether the vCPU sleeps and watches the deadline itself
     * @param kick makes the vCPU expire its timers
     * @param sleepsUntil told, with a full barrier, of a time before which this thread will not
     *     look at the deadline again: until then no other may be set behind its back. {@link
     *     LocalApic#NEVER} = none at all. The deadline is looked at once more behind the barrier
     */
    DeadlineTimer(
            LongSupplier nextDeadlineNanos,
            BooleanSupplier halted,
            Runnable kick,
            LongConsumer sleepsUntil) {
        this.nextDeadlineNanos = nextDeadlineNanos;
        this.halted = halted;
        this.kick = kick;
        this.sleepsUntil = sleepsUntil;
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
        leaveGuestsCpu();
        while (!closed) {
            long deadline = nextDeadlineNanos.getAsLong();
            announce(deadline);
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
     * Goes to other CPUs than the one that {@link ExitTransport#pin} chooses, where there are any:
     * on the same one a tick costs the guest two context switches more, 55 µs and not 30.
     */
    private static void leaveGuestsCpu() {
        long allowed = HostCalls.schedGetaffinity(0);
        long others = allowed & ~Long.lowestOneBit(allowed);
        if (others != 0) {
            HostCalls.schedSetaffinity(0, others);
        }
    }

    /**
     * The vCPU thread expires the timer. It is asked again until it has: it may have been found
     * halted just when something else woke it.
     */
    private void kickUntilReprogrammed(long expired) {
        while (!closed && nextDeadlineNanos.getAsLong() == expired) {
            boolean kicked = !halted.getAsBoolean();
            if (kicked) {
                kick.run();
            }
            long now = System.nanoTime();
            long wakeNanos = kicked ? expectedNext(expired, now) : now + RETRY_NANOS;
            announce(wakeNanos);
            if (nextDeadlineNanos.getAsLong() == expired || !isDueBefore(wakeNanos)) {
                LockSupport.parkNanos(this, wakeNanos - now);
            }
        }
        lastExpired = expired;
    }

    private void announce(long wakeNanos) {
        sleepingUntil = wakeNanos;
        sleepsUntil.accept(wakeNanos);
    }

    /** Whether the deadline set meanwhile comes before a time. */
    private boolean isDueBefore(long nanos) {
        return nextDeadlineNanos.getAsLong() < nanos;
    }

    /**
     * A little before the deadline that a periodic timer will be programmed with, so that
     * programming it need not wake this thread.
     */
    private long expectedNext(long expired, long now) {
        long period = Math.min(expired - lastExpired, MAX_EXPECTED_NANOS);
        return Math.max(expired + period - TIMER_SLACK_NANOS, now + RETRY_NANOS);
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
