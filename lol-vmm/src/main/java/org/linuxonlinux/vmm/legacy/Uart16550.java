// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import java.util.ArrayDeque;
import org.linuxonlinux.vmm.console.ConsoleBackend;
import org.linuxonlinux.vmm.irq.InterruptLine;

/**
 * A 16550A serial port (National Semiconductor PC16550D data sheet §8) whose line is infinitely
 * fast: a transmitted byte is gone at once, so the transmitter is always empty.
 *
 * <pre>
 *   offset  read                     write
 *    0      RBR received byte        THR byte to send        (DLAB: divisor low)
 *    1      IER                      IER interrupts wanted   (DLAB: divisor high)
 *    2      IIR interrupt reason     FCR FIFO control
 *    3      LCR line control, bit 7 = DLAB
 *    4      MCR modem control, bit 3 = OUT2 gates the interrupt, bit 4 = loop back
 *    5      LSR line status
 *    6      MSR modem status
 *    7      SCR scratch
 * </pre>
 *
 * <p>Registers are accessed on vCPU threads; {@link #offer} is called on the console's. One lock
 * guards all state, and the interrupt line is set with it held, so that its levels come in order.
 */
public final class Uart16550 implements PortDevice {
    /** Ports it takes. */
    public static final int PORT_COUNT = 8;

    /** Register that tells whether a byte can be sent. */
    public static final int LINE_STATUS_REGISTER = 5;

    private static final int IER_RECEIVED_DATA = 1;
    private static final int IER_TRANSMITTER_EMPTY = 1 << 1;
    private static final int IER_LINE_STATUS = 1 << 2;
    private static final int IER_MODEM_STATUS = 1 << 3;
    private static final int IER_MASK = 0xf;

    private static final int IIR_NONE = 0x01;
    private static final int IIR_MODEM_STATUS = 0x00;
    private static final int IIR_TRANSMITTER_EMPTY = 0x02;
    private static final int IIR_RECEIVED_DATA = 0x04;
    private static final int IIR_LINE_STATUS = 0x06;
    private static final int IIR_CHARACTER_TIMEOUT = 0x0c;
    private static final int IIR_FIFOS_ENABLED = 0xc0;

    private static final int FCR_ENABLE = 1;
    private static final int FCR_RESET_RECEIVER = 1 << 1;
    private static final int FCR_TRIGGER_SHIFT = 6;
    private static final int[] TRIGGER_LEVELS = {1, 4, 8, 14};

    private static final int LCR_DLAB = 1 << 7;

    private static final int MCR_DTR = 1;
    private static final int MCR_RTS = 1 << 1;
    private static final int MCR_OUT1 = 1 << 2;
    private static final int MCR_OUT2 = 1 << 3;
    private static final int MCR_LOOP = 1 << 4;
    private static final int MCR_MASK = 0x1f;

    private static final int LSR_DATA_READY = 1;
    private static final int LSR_OVERRUN = 1 << 1;
    private static final int LSR_TRANSMITTER_EMPTY = 1 << 5 | 1 << 6;

    private static final int MSR_CTS = 1 << 4;
    private static final int MSR_DSR = 1 << 5;
    private static final int MSR_RI = 1 << 6;
    private static final int MSR_DCD = 1 << 7;
    private static final int MSR_TRAILING_EDGE_RI = 1 << 2;

    /** The other end is always there and ready. */
    private static final int MSR_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD;

    private static final int FIFO_SIZE = 16;

    /** Typed bytes kept before the FIFO; arbitrary: a screenful pasted at once. */
    private static final int BACKLOG_SIZE = 4096;

    private final int basePort;
    private final ConsoleBackend console;
    private final InterruptLine line;
    private final UartMirror mirror;
    private final Object lock = new Object();

    // All below guarded by lock.
    private final ArrayDeque<Byte> fifo = new ArrayDeque<>(FIFO_SIZE);
    private final ArrayDeque<Byte> backlog = new ArrayDeque<>(BACKLOG_SIZE);
    private int ier;
    private int fcr;
    private int lcr;
    private int mcr;
    private int msrDeltas;
    private int scratch;
    private int divisor = 1;
    private boolean overrun;
    private boolean transmitterInterrupt;
    private boolean asserted;
    private long transmitted;
    private long received;

    /**
     * A port after power-on.
     *
     * @param basePort first of its {@link #PORT_COUNT} I/O ports
     * @param console takes what the guest sends
     * @param line to the interrupt controller; must not call back
     */
    public Uart16550(int basePort, ConsoleBackend console, InterruptLine line) {
        this(basePort, console, line, UartMirror.NONE);
    }

    /**
     * As the other constructor.
     *
     * @param mirror hears of what translated code may do by itself
     */
    public Uart16550(int basePort, ConsoleBackend console, InterruptLine line, UartMirror mirror) {
        this.mirror = mirror;
        this.basePort = basePort;
        this.console = console;
        this.line = line;
        mirror.lineStatus(LSR_TRANSMITTER_EMPTY);
    }

    /**
     * Takes bytes for the guest, as {@link org.linuxonlinux.vmm.console.ConsoleInput#offer}: none
     * while the guest does not ask for receive interrupts, so that what is typed before its
     * terminal is open is not lost.
     *
     * @return how many were taken
     */
    public int offer(byte[] bytes, int offset, int length) {
        synchronized (lock) {
            if ((ier & IER_RECEIVED_DATA) == 0) {
                return 0;
            }
            int taken = Math.min(length, BACKLOG_SIZE - backlog.size());
            for (int i = 0; i < taken; i++) {
                backlog.add(bytes[offset + i]);
            }
            refill();
            updateLine();
            return taken;
        }
    }

    /** Bytes sent so far. */
    public long transmittedBytes() {
        synchronized (lock) {
            return transmitted;
        }
    }

    /** Bytes the guest has read so far. */
    public long receivedBytes() {
        synchronized (lock) {
            return received;
        }
    }

    /** Lets waiting bytes arrive; not while looped back, when the line is cut off. */
    private void refill() {
        int capacity = (fcr & FCR_ENABLE) != 0 ? FIFO_SIZE : 1;
        while ((mcr & MCR_LOOP) == 0 && fifo.size() < capacity && !backlog.isEmpty()) {
            fifo.add(backlog.remove());
        }
    }

    // ---- Interrupts --------------------------------------------------------------------------

    /** The pending reason of highest priority, as IIR shows it. */
    private int reason() {
        if (overrun && (ier & IER_LINE_STATUS) != 0) {
            return IIR_LINE_STATUS;
        }
        if (!fifo.isEmpty() && (ier & IER_RECEIVED_DATA) != 0) {
            // Below the trigger level the real one waits four characters' time, which is none here.
            int trigger =
                    (fcr & FCR_ENABLE) != 0 ? TRIGGER_LEVELS[fcr >>> FCR_TRIGGER_SHIFT & 3] : 1;
            return fifo.size() >= trigger ? IIR_RECEIVED_DATA : IIR_CHARACTER_TIMEOUT;
        }
        if (transmitterInterrupt && (ier & IER_TRANSMITTER_EMPTY) != 0) {
            return IIR_TRANSMITTER_EMPTY;
        }
        if (msrDeltas != 0 && (ier & IER_MODEM_STATUS) != 0) {
            return IIR_MODEM_STATUS;
        }
        return IIR_NONE;
    }

    /** A PC leads the interrupt through the OUT2 pin, which is off while looped back. */
    private void updateLine() {
        boolean open = (mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
        boolean level = open && reason() != IIR_NONE;
        mirror.lineStatus(overrun ? 0 : lineStatus());
        if (level != asserted) {
            asserted = level;
            line.set(level);
        }
    }

    // ---- Registers ---------------------------------------------------------------------------

    @Override
    public int in(int port, int widthBytes) {
        synchronized (lock) {
            int value = read(port - basePort);
            updateLine();
            return value;
        }
    }

    private int read(int register) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        return switch (register) {
            case 0 -> dlab ? divisor & 0xff : readReceived();
            case 1 -> dlab ? divisor >>> 8 : ier;
            case 2 -> readReason();
            case 3 -> lcr;
            case 4 -> mcr;
            case LINE_STATUS_REGISTER -> readLineStatus();
            case 6 -> readModemStatus();
            default -> scratch;
        };
    }

    private int readReceived() {
        Byte first = fifo.poll();
        if (first == null) {
            return 0;
        }
        received++;
        refill();
        return first & 0xff;
    }

    private int readReason() {
        int reason = reason();
        if (reason == IIR_TRANSMITTER_EMPTY) {
            transmitterInterrupt = false;
        }
        return reason | ((fcr & FCR_ENABLE) != 0 ? IIR_FIFOS_ENABLED : 0);
    }

    private int readLineStatus() {
        int status = lineStatus();
        overrun = false;
        return status;
    }

    private int lineStatus() {
        return LSR_TRANSMITTER_EMPTY
                | (fifo.isEmpty() ? 0 : LSR_DATA_READY)
                | (overrun ? LSR_OVERRUN : 0);
    }

    private int readModemStatus() {
        int status = modemInputs() | msrDeltas;
        msrDeltas = 0;
        return status;
    }

    /** The four modem inputs; looped back they show the four outputs. */
    private int modemInputs() {
        if ((mcr & MCR_LOOP) == 0) {
            return MSR_CONNECTED;
        }
        return ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0)
                | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
                | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0)
                | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
    }

    @Override
    public void out(int port, int widthBytes, int value) {
        boolean send;
        synchronized (lock) {
            send = write(port - basePort, value & 0xff);
            updateLine();
            mirror.transmitter((lcr & LCR_DLAB) == 0 && (mcr & MCR_LOOP) == 0);
        }
        if (send) {
            console.transmit((byte) value);
        }
    }

    /** Returns whether the byte goes out on the line. */
    private boolean write(int register, int value) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        switch (register) {
            case 0 -> {
                if (!dlab) {
                    return writeTransmitter(value);
                }
                divisor = (divisor & 0xff00) | value;
            }
            case 1 -> {
                if (dlab) {
                    divisor = (divisor & 0xff) | (value << 8);
                } else {
                    writeInterruptEnable(value & IER_MASK);
                }
            }
            case 2 -> writeFifoControl(value);
            case 3 -> lcr = value;
            case 4 -> writeModemControl(value & MCR_MASK);
            case 7 -> scratch = value;
            default -> {}
        }
        return false;
    }

    private boolean writeTransmitter(int value) {
        transmitterInterrupt = true;
        if ((mcr & MCR_LOOP) == 0) {
            transmitted++;
            return true;
        }
        if (fifo.size() < ((fcr & FCR_ENABLE) != 0 ? FIFO_SIZE : 1)) {
            fifo.add((byte) value);
        } else {
            overrun = true;
        }
        return false;
    }

    /** Enabling the transmitter's interrupt while it is empty raises it, every time. */
    private void writeInterruptEnable(int value) {
        if ((value & ~ier & IER_TRANSMITTER_EMPTY) != 0) {
            transmitterInterrupt = true;
        }
        ier = value;
    }

    private void writeFifoControl(int value) {
        if (((value ^ fcr) & FCR_ENABLE) != 0 || (value & FCR_RESET_RECEIVER) != 0) {
            fifo.clear();
        }
        fcr = (value & FCR_ENABLE) == 0 ? 0 : value;
        refill();
    }

    private void writeModemControl(int value) {
        int before = modemInputs();
        mcr = value;
        int changed = before ^ modemInputs();
        // Ring indicator reports only that it went away.
        int ringEnded = (changed & before & MSR_RI) != 0 ? MSR_TRAILING_EDGE_RI : 0;
        msrDeltas |= (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >>> 4 | ringEnded;
        refill();
    }
}
