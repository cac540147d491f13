// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/** Hears how a UART stands, so that the two accesses of every byte sent need no exit. */
public interface UartMirror {
    /** Nobody cares. */
    UartMirror NONE =
            new UartMirror() {
                @Override
                public void lineStatus(int value) {}

                @Override
                public void transmitter(boolean plain) {}
            };

    /**
     * What a read of LSR gives from now on. Called with the UART's lock held, on any thread.
     *
     * @param value 0 = such a read has side effects and must reach the UART
     */
    void lineStatus(int value);

    /**
     * The guest has written a register. Called with the UART's lock held, on the vCPU's thread.
     *
     * @param plain whether a write to the first port does nothing but send a byte, so that it may
     *     reach the UART late, though before any other access
     */
    void transmitter(boolean plain);
}
