// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.vmm.irq.LocalApic;

final class DeadlineTimerTest {
    private static final long SOON_NANOS = 5_000_000;
    private static final long LONG_NANOS = 60_000_000_000L;
    private static final long PATIENCE_SECONDS = 20;

    /** Long enough for several kicks, were there any. */
    private static final long QUIET_MILLIS = 30;

    private final Semaphore kicks = new Semaphore(0);
    private volatile long deadline = LocalApic.NEVER;
    private volatile boolean halted;
    private volatile long sleepsUntil;
    private volatile long cpusOfTheTimer;
    private final DeadlineTimer timer =
            new DeadlineTimer(() -> deadline, () -> halted, this::onKick, this::onSleep);

    private void onSleep(long wakeNanos) {
        sleepsUntil = wakeNanos;
    }

    private void onKick() {
        cpusOfTheTimer = HostCalls.schedGetaffinity(0);
        kicks.release();
    }

    @AfterEach
    void close() {
        timer.close();
    }

    private boolean isKicked() throws InterruptedException {
        return kicks.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    @Test
    void kicksWhenTheDeadlineHasPassedAndNotBefore() throws InterruptedException {
        long due = System.nanoTime() + SOON_NANOS;
        deadline = due;
        timer.start();
        assertTrue(isKicked());
        assertTrue(System.nanoTime() - due >= 0);
    }

    @Test
    void noticesADeadlineSetWhileItSleepsForEver() throws InterruptedException {
        timer.start();
        assertFalse(kicks.tryAcquire(QUIET_MILLIS, TimeUnit.MILLISECONDS));
        deadline = System.nanoTime() + SOON_NANOS;
        timer.deadlineChanged();
        assertTrue(isKicked());
    }

    @Test
    void noticesADeadlineThatMovedForward() throws InterruptedException {
        deadline = System.nanoTime() + LONG_NANOS;
        timer.start();
        assertFalse(kicks.tryAcquire(QUIET_MILLIS, TimeUnit.MILLISECONDS));
        deadline = System.nanoTime() + SOON_NANOS;
        timer.deadlineChanged();
        assertTrue(isKicked());
    }

    @Test
    void kicksAgainUntilTheTimerIsExpired() throws InterruptedException {
        deadline = System.nanoTime();
        timer.start();
        assertTrue(isKicked());
        assertTrue(isKicked());
        deadline = LocalApic.NEVER;
        timer.deadlineChanged();
        Thread.sleep(QUIET_MILLIS);
        kicks.drainPermits();
        assertFalse(kicks.tryAcquire(QUIET_MILLIS, TimeUnit.MILLISECONDS));
    }

    @Test
    void leavesAHaltedVcpuAloneButNotOneThatRunsOnWithAnExpiredTimer() throws InterruptedException {
        halted = true;
        deadline = System.nanoTime();
        timer.start();
        assertFalse(kicks.tryAcquire(QUIET_MILLIS, TimeUnit.MILLISECONDS));
        halted = false;
        assertTrue(isKicked());
    }

    @Test
    void leavesTheCpuOfTheGuestWhereThereAreOthers() throws InterruptedException {
        long allowed = HostCalls.schedGetaffinity(0);
        deadline = System.nanoTime();
        timer.start();
        assertTrue(isKicked());
        long others = allowed & ~Long.lowestOneBit(allowed);
        assertEquals(others == 0 ? allowed : others, cpusOfTheTimer);
    }

    @Test
    void saysUntilWhenItWillNotLook() throws InterruptedException {
        long due = System.nanoTime() + LONG_NANOS;
        deadline = due;
        timer.start();
        while (sleepsUntil != due) {
            Thread.sleep(1);
        }
        deadline = LocalApic.NEVER;
        timer.deadlineChanged();
        assertEquals(due, sleepsUntil);
        deadline = due - 1;
        timer.deadlineChanged();
        while (sleepsUntil != due - 1) {
            Thread.sleep(1);
        }
        assertEquals(0, kicks.availablePermits());
    }

    @Test
    void isQuietOnceClosed() throws InterruptedException {
        deadline = System.nanoTime();
        timer.start();
        assertTrue(isKicked());
        timer.close();
        Thread.sleep(QUIET_MILLIS);
        kicks.drainPermits();
        Thread.sleep(QUIET_MILLIS);
        assertEquals(0, kicks.availablePermits());
    }
}
