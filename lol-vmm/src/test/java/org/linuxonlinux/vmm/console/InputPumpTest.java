// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class InputPumpTest {
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();

    private String next() throws InterruptedException {
        return received.poll(10, TimeUnit.SECONDS);
    }

    private static InputStream typed(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @Test
    void offersAgainWhatTheGuestDidNotTake() throws InterruptedException {
        InputPump pump = new InputPump(typed("abcde"), null, System::nanoTime, () -> {});
        pump.start(
                (bytes, offset, length) -> {
                    int taken = Math.min(2, length);
                    received.add(new String(bytes, offset, taken, StandardCharsets.ISO_8859_1));
                    return taken;
                });
        assertEquals("ab", next());
        assertEquals("cd", next());
        assertEquals("e", next());
    }

    @Test
    void pressesCtrlDAtTheEndOfAPipe() throws InterruptedException {
        InputPump pump = new InputPump(typed("ls\n"), null, () -> 0L, () -> {});
        pump.start(
                (bytes, offset, length) -> {
                    received.add(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
                    return length;
                });
        assertEquals("ls\n", next());
        assertEquals("\u0004", next());
        assertEquals("\u0004", next());
    }

    @Test
    void reportsATerminalThatGoesAway() throws InterruptedException {
        InputPump pump =
                new InputPump(
                        typed("a"),
                        new EscapeFilter(c -> {}),
                        () -> 0L,
                        () -> received.add("hang-up"));
        pump.start(
                (bytes, offset, length) -> {
                    received.add(new String(bytes, offset, length, StandardCharsets.ISO_8859_1));
                    return length;
                });
        assertEquals("a", next());
        assertEquals("hang-up", next());
    }
}
