// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/**
 * Ports that Linux touches on every PC and that need no device here. Claimed so that they are not
 * reported as unknown.
 */
public final class LegacyPorts {
    /** System control port B: speaker, timer gate, NMI status. */
    private static final int SYSTEM_CONTROL_B = 0x61;

    /** Power-on diagnostics; Linux writes to it to pass time. */
    private static final int DIAGNOSTICS = 0x80;

    /** DMA page registers, of which Linux uses one to pass time. */
    private static final int DMA_PAGES = 0x81;

    private static final int DMA_PAGES_COUNT = 0x0f;

    /** COM2, COM4, COM3: the driver looks for ports at their traditional places. */
    private static final int[] OTHER_SERIAL_PORTS = {0x2f8, 0x2e8, 0x3e8};

    private LegacyPorts() {}

    /** Claims them all. */
    public static void register(PortBus bus) {
        bus.register(
                SYSTEM_CONTROL_B,
                1,
                new PortDevice() {
                    @Override
                    public int in(int port, int widthBytes) {
                        return 0; // no parity error, no channel check
                    }

                    @Override
                    public void out(int port, int widthBytes, int value) {}
                });
        bus.registerSilent(DIAGNOSTICS, 1);
        bus.registerSilent(DMA_PAGES, DMA_PAGES_COUNT);
        for (int port : OTHER_SERIAL_PORTS) {
            bus.registerSilent(port, Uart16550.PORT_COUNT);
        }
    }
}
