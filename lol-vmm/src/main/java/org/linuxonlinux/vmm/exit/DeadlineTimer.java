// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.concurrent.locks.LockSupport;
import org.linuxonlinux.vmm.irq.LocalApic;

/**
 * Kicks a running vCPU when its local APIC's timer is due. A halted vCPU sleeps until then by
 * itself and is left alone.
 *
 * <p>Has one thread, named <i>timer</i>. The vCPU thread calls {@link #deadlineChanged} after it
 * let the guest run; nothing is locked.
 */
final class DeadlineTimer implements AutoCloseable {
    private final LocalApic apic;
    private final Vcpu vcpu;
    private final Thread thread;

    private volatile long sleepingUntil = Long.MAX_VALUE;
    private volatile boolean closed;

    DeadlineTimer(LocalApic apic, Vcpu vcpu) {
        this.apic = apic;
        this.vcpu = vcpu;
        this.thread = new Thread(this::loop, "timer");
        this.thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** The timer was programmed; wakes the thread only if it would oversleep. vCPU thread. */
    void deadlineChanged() {
        if (apic.nextDeadlineNanos() < sleepingUntil) {
            LockSupport.unpark(thread);
        }
    }

    private void loop() {
        while (!closed) {
            long deadline = apic.nextDeadlineNanos();
            sleepingUntil = deadline;
            if (deadline != apic.nextDeadlineNanos()) {
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
            if (!vcpu.isHalted()) {
                vcpu.kick();
            }
            awaitReprogramming(deadline);
        }
    }

    /** The vCPU thread expires the timer; until it has, there is nothing to do. */
    private void awaitReprogramming(long expired) {
        while (!closed && apic.nextDeadlineNanos() == expired) {
            sleepingUntil = Long.MAX_VALUE;
            LockSupport.parkNanos(this, RETRY_NANOS);
        }
    }

    /** Bounded by how long a vCPU may take to notice a kick; arbitrary. */
    private static final long RETRY_NANOS = 1_000_000;

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
