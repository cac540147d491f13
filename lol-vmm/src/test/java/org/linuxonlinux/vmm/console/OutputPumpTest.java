// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class OutputPumpTest {
    private static final long CLOSE_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final int MORE_THAN_CAPACITY = 200_000;

    private final RecentLines recent = new RecentLines(10);
    private final AtomicInteger lostCount = new AtomicInteger();

    @Test
    void writesEverythingInOrderInFewerWritesThanBytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        AtomicInteger writes = new AtomicInteger();
        OutputStream counting =
                new OutputStream() {
                    @Override
                    public void write(int b) {
                        throw new AssertionError("unbatched");
                    }

                    @Override
                    public void write(byte[] bytes, int offset, int length) {
                        writes.incrementAndGet();
                        out.write(bytes, offset, length);
                    }
                };
        OutputPump pump = new OutputPump(counting, recent, lostCount::incrementAndGet);
        byte[] expected = new byte[MORE_THAN_CAPACITY];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = (byte) ((i * 31) >> 3);
            pump.put(expected[i]);
        }
        pump.close(CLOSE_NANOS);
        assertArrayEquals(expected, out.toByteArray());
        assertTrue(writes.get() < expected.length / 100, "writes: " + writes);
        assertEquals(0, lostCount.get());
    }

    @Test
    void reportsLostReaderOnceAndBlocksNobody() {
        OutputStream broken =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        throw new IOException("Broken pipe");
                    }
                };
        OutputPump pump = new OutputPump(broken, recent, lostCount::incrementAndGet);
        assertTimeoutPreemptively(
                Duration.ofSeconds(10),
                () -> {
                    for (int i = 0; i < MORE_THAN_CAPACITY; i++) {
                        pump.put((byte) 'x');
                    }
                    pump.close(CLOSE_NANOS);
                });
        assertEquals(1, lostCount.get());
    }

    @Test
    void letsGoOfWriterWhenToldNotToWaitForStalledReader() {
        CountDownLatch never = new CountDownLatch(1);
        OutputStream stalled =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        try {
                            never.await();
                        } catch (InterruptedException e) {
                            throw new IOException(e);
                        }
                    }
                };
        OutputPump pump = new OutputPump(stalled, recent, lostCount::incrementAndGet);
        Thread writer =
                new Thread(
                        () -> {
                            for (int i = 0; i < MORE_THAN_CAPACITY; i++) {
                                pump.put((byte) 'x');
                            }
                        });
        writer.start();
        assertTimeoutPreemptively(
                Duration.ofSeconds(10),
                () -> {
                    writer.join(200);
                    assertTrue(writer.isAlive(), "no flow control");
                    pump.stopWaiting();
                    writer.join();
                    pump.close(TimeUnit.MILLISECONDS.toNanos(50));
                });
        never.countDown();
    }
}
