// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.vmm.console.ConsoleBackend;
import org.linuxonlinux.vmm.console.ConsoleInput;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.legacy.Uart16550;

final class InlineUartTest {
    private static final int PORT = 0x3f8;
    private static final int LCR = 3;
    private static final int DLAB = 0x80;
    private static final int MCR = 4;
    private static final int LOOP = 0x10;
    private static final int EMPTY = 0x60;

    private final ByteBuffer area = ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES);
    private final VcpuPage page = new VcpuPage(area);
    private final InlineUart inline = new InlineUart(page);
    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    private final Uart16550 uart =
            new Uart16550(
                    PORT,
                    new ConsoleBackend() {
                        @Override
                        public void transmit(byte value) {
                            sent.write(value);
                        }

                        @Override
                        public void attach(ConsoleInput input) {}
                    },
                    level -> {},
                    inline);

    InlineUartTest() {
        inline.connect(uart, PORT);
    }

    /** As translated code does. */
    private boolean writeInline(int value) {
        int room = (int) page.get(VcpuPageLayout.PORT_OUTPUT_ROOM);
        if (room == 0) {
            return false;
        }
        area.put(VcpuPageLayout.PORT_OUTPUT + room - 1, (byte) value);
        page.set(VcpuPageLayout.PORT_OUTPUT_ROOM, room - 1);
        return true;
    }

    private String sent() {
        return sent.toString(StandardCharsets.US_ASCII);
    }

    @Test
    void theFirstByteGoesThroughTheMonitorAndOpensTheWay() {
        assertFalse(writeInline('x'));
        assertEquals(LocalApic.NEVER, inline.deadlineNanos());
        uart.out(PORT, 1, 'a');
        assertTrue(writeInline('b'));
        assertTrue(writeInline('c'));
        assertEquals("a", sent());
        inline.onStop(System.nanoTime());
        assertEquals("abc", sent());
    }

    @Test
    void theDeadlineFollowsTheLastByte() {
        uart.out(PORT, 1, 'a');
        long first = inline.deadlineNanos();
        writeInline('b');
        inline.onStop(first);
        assertEquals(first + InlineUart.LATENESS_NANOS, inline.deadlineNanos());
    }

    @Test
    void endsWhenNothingIsSent() {
        uart.out(PORT, 1, 'a');
        long since = inline.deadlineNanos() - InlineUart.LATENESS_NANOS;
        inline.onStop(since + InlineUart.IDLE_NANOS);
        assertTrue(writeInline('b'));
        inline.onStop(since + InlineUart.LATENESS_NANOS);
        inline.onStop(since + InlineUart.LATENESS_NANOS + InlineUart.IDLE_NANOS + 1);
        assertFalse(writeInline('c'));
        assertEquals(LocalApic.NEVER, inline.deadlineNanos());
        assertEquals("ab", sent());
    }

    @Test
    void restSendsAndEnds() {
        uart.out(PORT, 1, 'a');
        writeInline('b');
        inline.onRest();
        assertEquals("ab", sent());
        assertFalse(writeInline('c'));
        assertEquals(LocalApic.NEVER, inline.deadlineNanos());
    }

    @Test
    void isOffWhileAWriteMeansSomethingElse() {
        uart.out(PORT, 1, 'a');
        uart.out(PORT + LCR, 1, DLAB);
        assertFalse(writeInline('b'));
        uart.out(PORT, 1, 1);
        assertFalse(writeInline('b'));
        uart.out(PORT + LCR, 1, 0);
        uart.out(PORT + MCR, 1, LOOP);
        uart.out(PORT, 1, 'l');
        assertFalse(writeInline('b'));
    }

    @Test
    void theLineStatusFollows() {
        assertEquals(EMPTY, page.get(VcpuPageLayout.PORT_INPUT));
        uart.out(PORT + 1, 1, 1);
        uart.offer(new byte[] {'k'}, 0, 1);
        assertEquals(EMPTY | 1, page.get(VcpuPageLayout.PORT_INPUT));
        assertEquals('k', uart.in(PORT, 1));
        assertEquals(EMPTY, page.get(VcpuPageLayout.PORT_INPUT));
    }

    @Test
    void anOverrunMustBeReadFromTheUart() {
        uart.out(PORT + MCR, 1, LOOP);
        uart.out(PORT, 1, 'a');
        uart.out(PORT, 1, 'b');
        assertEquals(0, page.get(VcpuPageLayout.PORT_INPUT));
        assertEquals(EMPTY | 3, uart.in(PORT + 5, 1));
        assertEquals(EMPTY | 1, page.get(VcpuPageLayout.PORT_INPUT));
    }
}
