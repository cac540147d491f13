// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Carries the guest's output to a stream in batches. The vCPU thread puts single bytes; the thread
 * <i>console-output</i> wakes for the first of them, lets {@link #GATHER_NANOS} pass and writes
 * everything there is. Order is kept.
 */
final class OutputPump {
    /**
     * How much output may wait for a slow reader before {@link #put} blocks, in bytes. Arbitrary: a
     * whole boot log.
     */
    private static final int CAPACITY = 64 << 10;

    /**
     * Pause between the first byte of a batch and the write. A guest transmits a byte per 10 µs or
     * so; without the pause the two threads would wake each other for each byte. Arbitrary: well
     * below what a typist notices.
     */
    private static final long GATHER_NANOS = 1_000_000;

    private final OutputStream out;
    private final RecentLines recent;
    private final Runnable onLost;
    private final Thread thread;

    private final Object lock = new Object();
    private byte[] waiting = new byte[CAPACITY]; // guarded by lock
    private int waitingLength; // guarded by lock
    private boolean closing; // guarded by lock
    private boolean lost; // guarded by lock
    private volatile long lastOutputNanos = System.nanoTime();

    /**
     * Starts the thread.
     *
     * @param out where the output goes; must not buffer
     * @param recent gets a copy of everything
     * @param onLost called once, on <i>console-output</i>, when {@code out} takes no more: the
     *     reader has gone
     */
    OutputPump(OutputStream out, RecentLines recent, Runnable onLost) {
        this.out = out;
        this.recent = recent;
        this.onLost = onLost;
        this.thread = new Thread(this::drain, "console-output");
        thread.setDaemon(true);
        thread.start();
    }

    void put(byte value) {
        synchronized (lock) {
            if (waitingLength == waiting.length && !awaitRoom()) {
                return;
            }
            waiting[waitingLength++] = value;
            if (waitingLength == 1) {
                lock.notifyAll();
            }
        }
    }

    /** Writes a message of the monitor in between, line ends as a raw terminal wants them. */
    void putMessage(String text) {
        for (byte b : text.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8)) {
            put(b);
        }
    }

    /** {@link System#nanoTime()} of the last byte put out. */
    long lastOutputNanos() {
        return lastOutputNanos;
    }

    /** Waits for room; false if output is thrown away from now on. Preconditions: lock held. */
    private boolean awaitRoom() {
        while (waitingLength == CAPACITY && !lost) {
            try {
                lock.wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return !lost;
    }

    /**
     * From now on output that cannot be written at once is thrown away, so that nobody waits for
     * the reader. Any thread.
     */
    void stopWaiting() {
        synchronized (lock) {
            lost = true;
            lock.notifyAll();
        }
    }

    /**
     * Writes what is waiting and ends; gives up after {@code timeoutNanos} if the reader takes
     * nothing.
     */
    void close(long timeoutNanos) {
        synchronized (lock) {
            closing = true;
            lock.notifyAll();
        }
        LockSupport.unpark(thread);
        try {
            TimeUnit.NANOSECONDS.timedJoin(thread, timeoutNanos);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void drain() {
        byte[] batch = new byte[CAPACITY];
        while (true) {
            int length;
            synchronized (lock) {
                while (waitingLength == 0) {
                    if (closing) {
                        return;
                    }
                    try {
                        lock.wait();
                    } catch (InterruptedException e) {
                        return;
                    }
                }
            }
            LockSupport.parkNanos(GATHER_NANOS);
            synchronized (lock) {
                byte[] filled = waiting;
                waiting = batch;
                batch = filled;
                length = waitingLength;
                waitingLength = 0;
                lock.notifyAll();
            }
            recent.add(batch, length);
            lastOutputNanos = System.nanoTime();
            try {
                out.write(batch, 0, length);
            } catch (IOException e) {
                loseOutput();
            }
        }
    }

    private void loseOutput() {
        boolean first;
        synchronized (lock) {
            first = !lost;
            lost = true;
            lock.notifyAll();
        }
        if (first) {
            onLost.run();
        }
    }
}
