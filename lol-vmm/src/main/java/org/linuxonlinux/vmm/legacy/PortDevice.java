// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/** A device behind I/O ports. Called on vCPU threads. */
public interface PortDevice {
    /**
     * Reads a port.
     *
     * @param port absolute port number
     * @param widthBytes 1, 2 or 4
     * @return the value in the low bits; higher ones are ignored
     */
    int in(int port, int widthBytes);

    /**
     * Writes a port.
     *
     * @param port absolute port number
     * @param widthBytes 1, 2 or 4
     * @param value in the low bits; higher ones are zero
     */
    void out(int port, int widthBytes, int value);
}
