// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * Carries typed bytes to the guest. Its thread <i>console-input</i> blocks in read(2) and ends with
 * the input.
 *
 * <p>A serial line has no end of file. When a pipe or /dev/null ends, the guest gets what a typist
 * would press: Ctrl-d, once its output has been quiet for {@link #QUIET_NANOS}, again and again (a
 * Ctrl-d that meets a terminal on its way from cooked to raw mode is lost). So {@code echo uname |
 * lol run} ends like any shell whose script is over.
 */
final class InputPump {
    /**
     * Longest pause between two offers to a guest that does not take its input. Arbitrary: not
     * noticed by a typist.
     */
    private static final long MAX_PAUSE_NANOS = 20_000_000;

    private static final long MIN_PAUSE_NANOS = 1_000_000;

    /**
     * Output must have been quiet this long before a Ctrl-d. Arbitrary: longer than the gaps
     * between a script's commands.
     */
    private static final long QUIET_NANOS = 1_000_000_000;

    private static final byte[] CTRL_D = {0x04};

    private final InputStream in;
    private final EscapeFilter escapes;
    private final LongSupplier lastOutputNanos;
    private final Runnable onHangUp;
    private volatile ConsoleInput guest;

    /**
     * @param in where typing comes from; must not buffer
     * @param escapes takes the user's commands out; null if {@code in} is no terminal
     * @param lastOutputNanos {@link System#nanoTime()} of the guest's last output
     * @param onHangUp called on <i>console-input</i> when a terminal goes away
     */
    InputPump(
            InputStream in, EscapeFilter escapes, LongSupplier lastOutputNanos, Runnable onHangUp) {
        this.in = in;
        this.escapes = escapes;
        this.lastOutputNanos = lastOutputNanos;
        this.onHangUp = onHangUp;
    }

    /** Starts the thread. */
    void start(ConsoleInput receiver) {
        guest = receiver;
        Thread thread = new Thread(this::pump, "console-input");
        thread.setDaemon(true);
        thread.start();
    }

    private void pump() {
        byte[] typed = new byte[4096];
        while (true) {
            int length;
            try {
                length = in.read(typed);
            } catch (IOException e) {
                length = -1;
            }
            if (length < 0) {
                break;
            }
            if (escapes == null) {
                deliver(typed, length);
            } else {
                escapes.filter(typed, length, bytes -> deliver(bytes, bytes.length));
            }
        }
        if (escapes != null) {
            onHangUp.run();
        } else {
            pressCtrlD();
        }
    }

    private void pressCtrlD() {
        while (!Thread.currentThread().isInterrupted()) {
            long quietNanos = System.nanoTime() - lastOutputNanos.getAsLong();
            if (quietNanos < QUIET_NANOS) {
                LockSupport.parkNanos(QUIET_NANOS - quietNanos);
            } else {
                deliver(CTRL_D, CTRL_D.length);
                LockSupport.parkNanos(QUIET_NANOS);
            }
        }
    }

    private void deliver(byte[] bytes, int length) {
        int offset = 0;
        long pauseNanos = MIN_PAUSE_NANOS;
        while (offset < length) {
            int taken = guest.offer(bytes, offset, length - offset);
            offset += taken;
            if (offset == length) {
                return;
            }
            pauseNanos = taken > 0 ? MIN_PAUSE_NANOS : Math.min(2 * pauseNanos, MAX_PAUSE_NANOS);
            try {
                TimeUnit.NANOSECONDS.sleep(pauseNanos);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
