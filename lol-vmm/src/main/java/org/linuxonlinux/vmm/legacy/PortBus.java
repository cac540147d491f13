// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import java.util.Arrays;
import org.linuxonlinux.vmm.UnknownAccesses;

/**
 * Leads the guest's in and out instructions to devices. A port nobody claims reads as all ones and
 * swallows what is written, as on a real bus; it is counted and reported once.
 *
 * <p>Devices are registered before the guest runs; from then on any vCPU thread may access.
 */
public final class PortBus {
    private static final int PORT_COUNT = 0x1_0000;

    /** Ports share blocks of this size (log2), since most of the 64 K are empty. */
    private static final int BLOCK_SHIFT = 6;

    private static final int BLOCK_SIZE = 1 << BLOCK_SHIFT;

    private final PortDevice[][] blocks = new PortDevice[PORT_COUNT >> BLOCK_SHIFT][];
    private final UnknownAccesses unknown;

    /**
     * An empty bus.
     *
     * @param unknown counts accesses to ports nobody claims
     */
    public PortBus(UnknownAccesses unknown) {
        this.unknown = unknown;
    }

    /**
     * Gives a range of ports to a device.
     *
     * @throws IllegalArgumentException if a port is taken already
     */
    public void register(int firstPort, int count, PortDevice device) {
        for (int port = firstPort; port < firstPort + count; port++) {
            PortDevice[] block = blocks[port >> BLOCK_SHIFT];
            if (block == null) {
                block = new PortDevice[BLOCK_SIZE];
                blocks[port >> BLOCK_SHIFT] = block;
            }
            if (block[port & BLOCK_SIZE - 1] != null) {
                throw new IllegalArgumentException(
                        "I/O port taken twice: port=0x" + Integer.toHexString(port));
            }
            block[port & BLOCK_SIZE - 1] = device;
        }
    }

    /** Claims ports where reads give all ones and writes vanish, without being reported. */
    public void registerSilent(int firstPort, int count) {
        register(
                firstPort,
                count,
                new PortDevice() {
                    @Override
                    public int in(int port, int widthBytes) {
                        return -1;
                    }

                    @Override
                    public void out(int port, int widthBytes, int value) {}
                });
    }

    /** All ports that are claimed, ascending. */
    public int[] claimedPorts() {
        int[] ports = new int[PORT_COUNT];
        int count = 0;
        for (int port = 0; port < PORT_COUNT; port++) {
            if (find(port) != null) {
                ports[count++] = port;
            }
        }
        return Arrays.copyOf(ports, count);
    }

    private PortDevice find(int port) {
        PortDevice[] block = blocks[port >> BLOCK_SHIFT];
        return block == null ? null : block[port & BLOCK_SIZE - 1];
    }

    /**
     * Executes an input.
     *
     * @param port 0–0xffff
     * @param widthBytes 1, 2 or 4
     * @return the value, zero-extended from its width
     */
    public int in(int port, int widthBytes) {
        PortDevice device = find(port);
        if (device == null) {
            unknown.count(port, "read bytes=" + widthBytes);
            return mask(widthBytes);
        }
        return device.in(port, widthBytes) & mask(widthBytes);
    }

    /**
     * Executes an output.
     *
     * @param port 0–0xffff
     * @param widthBytes 1, 2 or 4
     * @param value in the low bits; the rest is ignored
     */
    public void out(int port, int widthBytes, int value) {
        PortDevice device = find(port);
        if (device == null) {
            unknown.count(
                    port,
                    "write bytes="
                            + widthBytes
                            + ", value=0x"
                            + Integer.toHexString(value & mask(widthBytes)));
            return;
        }
        device.out(port, widthBytes, value & mask(widthBytes));
    }

    private static int mask(int widthBytes) {
        return -1 >>> (32 - 8 * widthBytes);
    }
}
