// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

/**
 * The I/O APIC: turns the levels of {@link #PIN_COUNT} wires into interrupt messages (82093AA I/O
 * APIC data sheet §3). Pin <i>n</i> is global system interrupt <i>n</i>.
 *
 * <pre>
 *   offset 0x00 IOREGSEL  index of the register in the window
 *   offset 0x10 IOWIN     the window: 0 ID, 1 version, 2 arbitration ID, 0x10 + 2n redirection entry n
 *
 *   redirection entry  63      56           16   15      14        13    12   11    10..8   7..0
 *                     destination   …      mask level remote IRR low  busy logical mode   vector
 * </pre>
 *
 * <p>Lines are set from any thread; registers are accessed on vCPU threads.
 */
public final class IoApic {
    /** Input pins. */
    public static final int PIN_COUNT = 24;

    /** Size of the register window in bytes. */
    public static final int WINDOW_SIZE = 0x20;

    private static final int IOREGSEL = 0x00;
    private static final int IOWIN = 0x10;

    private static final int ID_REGISTER = 0;
    private static final int VERSION_REGISTER = 1;
    private static final int ARBITRATION_REGISTER = 2;
    private static final int FIRST_REDIRECTION_REGISTER = 0x10;

    /** Version 0x11 without an EOI register: EOIs arrive from the local APICs. */
    private static final int VERSION = (PIN_COUNT - 1) << 16 | 0x11;

    private static final long VECTOR = 0xff;
    private static final int DELIVERY_MODE_SHIFT = 8;
    private static final long LOGICAL = 1 << 11;
    private static final long DELIVERY_STATUS = 1 << 12;
    private static final long REMOTE_IRR = 1 << 14;
    private static final long LEVEL = 1 << 15;
    private static final long MASKED = 1 << 16;
    private static final int DESTINATION_SHIFT = 56;
    private static final long READ_ONLY = DELIVERY_STATUS | REMOTE_IRR;
    private static final long WRITABLE = 0xff00_0000_0001_ffffL & ~READ_ONLY;

    private final ApicBus bus;
    private final Object lock = new Object();

    // All below guarded by lock.
    private final long[] redirection = new long[PIN_COUNT];
    private int asserted;
    private int select;
    private int id;

    /**
     * All pins masked.
     *
     * @param id as the MADT gives it
     * @param bus takes the messages
     */
    public IoApic(int id, ApicBus bus) {
        this.id = id << 24;
        this.bus = bus;
        java.util.Arrays.fill(redirection, MASKED);
    }

    /** The wire to one pin. */
    public InterruptLine line(int gsi) {
        java.util.Objects.checkIndex(gsi, PIN_COUNT);
        return level -> setLine(gsi, level);
    }

    /**
     * Sets a wire. An edge-triggered pin sends when the wire becomes asserted, a level-triggered
     * one as long as it is. Polarity is the device's matter.
     */
    public void setLine(int gsi, boolean level) {
        int bit = 1 << gsi;
        synchronized (lock) {
            boolean rises = level && (asserted & bit) == 0;
            asserted = level ? asserted | bit : asserted & ~bit;
            if (rises) {
                send(gsi);
            }
        }
    }

    /** A level-triggered interrupt has been served; its pins may send again. */
    public void endOfInterrupt(int vector) {
        synchronized (lock) {
            for (int pin = 0; pin < PIN_COUNT; pin++) {
                long entry = redirection[pin];
                if ((entry & LEVEL) != 0 && (entry & VECTOR) == vector) {
                    redirection[pin] = entry & ~REMOTE_IRR;
                    sendIfLevel(pin);
                }
            }
        }
    }

    private void sendIfLevel(int pin) {
        if ((redirection[pin] & LEVEL) != 0 && (asserted >>> pin & 1) != 0) {
            send(pin);
        }
    }

    /** Sends a pin's message unless masked or still being served. Preconditions: lock held. */
    private void send(int pin) {
        long entry = redirection[pin];
        if ((entry & (MASKED | REMOTE_IRR)) != 0) {
            return;
        }
        boolean level = (entry & LEVEL) != 0;
        if (level) {
            redirection[pin] = entry | REMOTE_IRR;
        }
        bus.deliver(
                (int) (entry >>> DESTINATION_SHIFT),
                (entry & LOGICAL) != 0,
                (int) (entry >>> DELIVERY_MODE_SHIFT) & 7,
                (int) (entry & VECTOR),
                level);
    }

    /** Reads 32 bits at an offset of the register window. */
    public int read(long offset) {
        synchronized (lock) {
            if (offset == IOREGSEL) {
                return select;
            }
            return offset == IOWIN ? readSelected() : 0;
        }
    }

    /** Writes 32 bits at an offset of the register window. */
    public void write(long offset, int value) {
        synchronized (lock) {
            if (offset == IOREGSEL) {
                select = value & 0xff;
            } else if (offset == IOWIN) {
                writeSelected(value);
            }
        }
    }

    private int readSelected() {
        int pin = (select - FIRST_REDIRECTION_REGISTER) >> 1;
        if (pin >= 0 && pin < PIN_COUNT) {
            return (int) (redirection[pin] >>> ((select & 1) << 5));
        }
        return switch (select) {
            case ID_REGISTER, ARBITRATION_REGISTER -> id;
            case VERSION_REGISTER -> VERSION;
            default -> 0;
        };
    }

    private void writeSelected(int value) {
        int pin = (select - FIRST_REDIRECTION_REGISTER) >> 1;
        if (pin >= 0 && pin < PIN_COUNT) {
            writeEntry(pin, value);
        } else if (select == ID_REGISTER) {
            id = value & 0x0f00_0000;
        }
    }

    private void writeEntry(int pin, int value) {
        int shift = (select & 1) << 5;
        long half = 0xffff_ffffL << shift;
        long written = Integer.toUnsignedLong(value) << shift & half & WRITABLE;
        long entry = (redirection[pin] & (~half | READ_ONLY)) | written;
        if ((entry & LEVEL) == 0) {
            entry &= ~REMOTE_IRR;
        }
        redirection[pin] = entry;
        sendIfLevel(pin);
    }
}
