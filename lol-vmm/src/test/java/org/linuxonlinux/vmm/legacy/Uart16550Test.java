// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.console.ConsoleBackend;
import org.linuxonlinux.vmm.console.ConsoleInput;

/** Register scripts in the order in which Linux' 8250 driver works. */
final class Uart16550Test {
    private static final int PORT = 0x3f8;
    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR = 2;
    private static final int FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;
    private static final int SCR = 7;

    private static final int IIR_NONE = 1;
    private static final int FIFOS = 0xc0;

    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    private final List<Boolean> levels = new ArrayList<>();
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
                    levels::add);

    private int read(int register) {
        return uart.in(PORT + register, 1);
    }

    private void write(int register, int value) {
        uart.out(PORT + register, 1, value);
    }

    private boolean level() {
        return !levels.isEmpty() && levels.get(levels.size() - 1);
    }

    private int type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return uart.offer(bytes, 0, bytes.length);
    }

    /** As the driver's start-up leaves the port: FIFOs on, OUT2 on, chosen interrupts. */
    private void startUp(int interrupts) {
        write(FCR, 0x01);
        write(MCR, 0x0b);
        write(IER, interrupts);
    }

    @Nested
    class Probing {
        @Test
        void interruptEnableHasFourBits() {
            write(IER, 0);
            assertEquals(0, read(IER));
            write(IER, 0xff);
            assertEquals(0x0f, read(IER));
        }

        @Test
        void loopBackShowsModemOutputsAsInputs() {
            assertEquals(0xb0, read(MSR) & 0xf0, "connected");
            write(MCR, 0x10 | 0x0a);
            assertEquals(0x90, read(MSR) & 0xf0, "RTS and OUT2 as CTS and DCD");
        }

        @Test
        void looksLikeA16550AAndNothingNewer() {
            write(LCR, 0xbf); // where newer ones show their extended features
            write(FCR, 0);
            write(LCR, 0);
            write(FCR, 1);
            assertEquals(FIFOS, read(IIR) & 0xc0);
            write(FCR, 0x21); // the 64-byte FIFO of a 16750
            assertEquals(0, read(IIR) & 0x20);
            write(LCR, 0xe0);
            assertEquals(0xe0, read(LCR));
        }

        @Test
        void hasAScratchRegisterAndADivisor() {
            write(SCR, 0xa5);
            assertEquals(0xa5, read(SCR));
            write(LCR, 0x83);
            write(DATA, 0x0c);
            write(IER, 0x01);
            assertEquals(0x0c, read(DATA));
            assertEquals(0x01, read(IER));
            write(LCR, 0x03);
            assertEquals(0, read(IER), "interrupt enable was not touched");
            assertEquals(0, sent.size());
        }

        /** The driver's test for a transmitter whose interrupt does not repeat. */
        @Test
        void enablingTheTransmitterInterruptRaisesItEveryTime() {
            write(IER, 2);
            assertEquals(0x02, read(IIR) & 0x0f);
            assertEquals(IIR_NONE, read(IIR) & 0x0f, "reading the reason ends it");
            write(IER, 0);
            write(IER, 2);
            assertEquals(0x02, read(IIR) & 0x0f);
        }

        @Test
        void transmitterIsAlwaysEmpty() {
            write(DATA, 'x');
            assertEquals(0x60, read(LSR));
        }
    }

    @Nested
    class Transmitting {
        @Test
        void sendsBytesInOrder() {
            startUp(0);
            for (char c : "hello\n".toCharArray()) {
                write(DATA, c);
            }
            assertEquals("hello\n", sent.toString(StandardCharsets.US_ASCII));
            assertEquals(6, uart.transmittedBytes());
            assertEquals(List.of(), levels, "no interrupt asked for");
        }

        @Test
        void interruptsAgainAfterEachBurst() {
            startUp(2);
            assertTrue(level());
            assertEquals(FIFOS | 0x02, read(IIR));
            assertFalse(level());
            write(DATA, 'a');
            write(DATA, 'b');
            assertTrue(level());
            read(IIR);
            write(IER, 0);
            assertFalse(level());
        }

        @Test
        void out2GatesTheInterrupt() {
            write(IER, 2);
            assertFalse(level());
            write(MCR, 0x08);
            assertTrue(level());
            write(MCR, 0x18);
            assertFalse(level(), "looped back");
        }
    }

    @Nested
    class Receiving {
        @Test
        void refusesBytesUntilTheGuestListens() {
            assertEquals(0, type("early"));
            startUp(1);
            assertEquals(3, type("now"));
            assertTrue(level());
        }

        @Test
        void deliversUntilEmptyThenDropsTheLine() {
            startUp(1);
            type("ab");
            assertEquals(FIFOS | 0x04, read(IIR));
            assertEquals(0x61, read(LSR));
            assertEquals('a', read(DATA));
            assertTrue(level());
            assertEquals('b', read(DATA));
            assertFalse(level());
            assertEquals(FIFOS | IIR_NONE, read(IIR));
            assertEquals(0x60, read(LSR));
            assertEquals(0, read(DATA));
            assertEquals(2, uart.receivedBytes());
        }

        @Test
        void belowTheTriggerLevelReportsATimeout() {
            write(FCR, 0x81); // trigger at 8
            write(MCR, 0x08);
            write(IER, 1);
            type("1234567");
            assertEquals(FIFOS | 0x0c, read(IIR));
            type("8");
            assertEquals(FIFOS | 0x04, read(IIR));
        }

        @Test
        void receptionComesBeforeTransmission() {
            startUp(3);
            type("x");
            assertEquals(FIFOS | 0x04, read(IIR));
            read(DATA);
            assertEquals(FIFOS | 0x02, read(IIR));
        }

        @Test
        void keepsWhatDoesNotFitTheFifo() {
            startUp(1);
            String text = "0123456789".repeat(10);
            assertEquals(100, type(text));
            StringBuilder got = new StringBuilder();
            while ((read(LSR) & 1) != 0) {
                got.append((char) read(DATA));
            }
            assertEquals(text, got.toString());
        }

        @Test
        void takesNoMoreThanItsBacklog() {
            startUp(1);
            int taken = type("x".repeat(10_000));
            assertEquals(4096, taken);
            assertEquals(16, type("y".repeat(100)), "the FIFO has made room");
        }

        @Test
        void resettingTheReceiverClearsTheFifoOnly() {
            startUp(1);
            type("0123456789abcdefX");
            write(FCR, 0x03);
            assertEquals('X', read(DATA));
        }

        @Test
        void withoutFifoOneByteAtATime() {
            write(MCR, 0x08);
            write(IER, 1);
            type("ab");
            assertEquals(0x04, read(IIR));
            assertEquals('a', read(DATA));
            assertEquals('b', read(DATA));
            assertFalse(level());
        }
    }

    @Nested
    class LoopedBack {
        @Test
        void bytesComeBack() {
            startUp(1);
            write(MCR, 0x10);
            write(DATA, 'q');
            assertEquals('q', read(DATA));
            assertEquals(0, sent.size());
        }

        @Test
        void overrunIsReportedOnce() {
            write(MCR, 0x10);
            write(IER, 4);
            write(DATA, '1');
            write(DATA, '2');
            assertEquals(0x06, read(IIR));
            assertEquals(0x63, read(LSR));
            assertEquals(0x61, read(LSR));
            assertEquals('1', read(DATA));
        }

        @Test
        void modemChangesAreReported() {
            startUp(8);
            read(MSR);
            write(MCR, 0x1b); // CTS and DCD stay, DSR stays: DTR, RTS, OUT2 are on
            assertEquals(0xb0, read(MSR));
            write(MCR, 0x18); // DTR and RTS off
            assertEquals(0x00, read(IIR) & 0x0f);
            assertEquals(0x83, read(MSR));
            assertEquals(0x80, read(MSR), "changes are gone once read");
        }
    }
}
