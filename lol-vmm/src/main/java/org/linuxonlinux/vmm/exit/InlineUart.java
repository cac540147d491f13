// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.legacy.PortDevice;
import org.linuxonlinux.vmm.legacy.UartMirror;

/**
 * The monitor's end of the UART accesses that translated code makes without an exit: it reads the
 * line status from the vCPU page, and collects bytes to send there.
 *
 * <p>Collected bytes reach the UART at the next stop of the vCPU for whatever reason, before
 * anything else is done about that stop, so that no register access overtakes them. If the vCPU
 * does not stop by itself, {@link #deadlineNanos} asks for a kick. Translated code collects only
 * after the guest has sent a byte through the monitor, and for as long as more follow: no deadline
 * is in force while nothing is sent.
 *
 * <p>Belongs to the vCPU's thread, but for {@link #lineStatus} and {@link #deadlineNanos}.
 */
public final class InlineUart implements UartMirror {
    /** A byte is never sent later than this; people do not notice. Arbitrary. */
    static final long LATENESS_NANOS = 4_000_000;

    /** Collecting ends when nothing was sent for so long, so that no kick is needed. Arbitrary. */
    static final long IDLE_NANOS = 2_000_000;

    private final VcpuPage page;
    private final byte[] bytes = new byte[VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES];
    private PortDevice uart;
    private int basePort;
    private boolean collecting;
    private long lastSentNanos;
    private volatile long deadlineNanos = LocalApic.NEVER;

    InlineUart(VcpuPage page) {
        this.page = page;
        page.openPortOutput(false);
    }

    /** Names the UART that collected bytes are sent to; its mirror is this object. */
    public void connect(PortDevice device, int devicePort) {
        uart = device;
        basePort = devicePort;
    }

    @Override
    public void lineStatus(int value) {
        page.setPortInputRelease(value);
    }

    @Override
    public void transmitter(boolean plain) {
        if (!plain) {
            stopCollecting();
        } else if (!collecting) {
            collecting = true;
            lastSentNanos = System.nanoTime();
            deadlineNanos = lastSentNanos + LATENESS_NANOS;
            page.openPortOutput(true);
        }
    }

    private void stopCollecting() {
        collecting = false;
        deadlineNanos = LocalApic.NEVER;
        page.openPortOutput(false);
    }

    /**
     * The vCPU has stopped: sends what was collected.
     *
     * @param nowNanos of {@link System#nanoTime}
     */
    void onStop(long nowNanos) {
        if (!collecting) {
            return;
        }
        int count = page.takePortOutput(bytes);
        if (count == 0) {
            if (nowNanos - lastSentNanos > IDLE_NANOS) {
                stopCollecting();
            }
            return;
        }
        lastSentNanos = nowNanos;
        deadlineNanos = nowNanos + LATENESS_NANOS;
        for (int i = 0; i < count; i++) {
            uart.out(basePort, 1, bytes[i] & 0xff);
        }
    }

    /** The vCPU goes to sleep or ends: sends what was collected and asks for no more kicks. */
    void onRest() {
        onStop(System.nanoTime());
        if (collecting) {
            stopCollecting();
        }
    }

    /** When the vCPU must have stopped, in {@link System#nanoTime}. Any thread. */
    long deadlineNanos() {
        return deadlineNanos;
    }
}
