// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Ends a run when its time is up. */
final class Watchdog {
    /** How long the machine may take to stop before the process ends all the same. Arbitrary. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private Watchdog() {}

    /**
     * After {@code timeout} calls {@code onTimeout} on a thread of its own, and ends the process if
     * that has no effect.
     */
    static void start(Duration timeout, Runnable onTimeout) {
        Thread thread =
                new Thread(
                        () -> {
                            try {
                                TimeUnit.NANOSECONDS.sleep(timeout.toNanos());
                                onTimeout.run();
                                Thread.sleep(GRACE.toMillis());
                                System.err.println("lol: guest stopped by force: --timeout");
                                System.exit(ExitStatus.TIMEOUT.code());
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "watchdog");
        thread.setDaemon(true);
        thread.start();
    }
}
