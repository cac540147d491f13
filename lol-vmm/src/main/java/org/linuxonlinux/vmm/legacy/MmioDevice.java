// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/** A device behind guest-physical addresses. Called on vCPU threads. */
public interface MmioDevice {
    /**
     * Reads registers.
     *
     * @param offset from the start of the device's range
     * @param widthBytes 1, 2, 4 or 8
     * @return the value in the low bits; higher ones are ignored
     */
    long read(long offset, int widthBytes);

    /**
     * Writes registers.
     *
     * @param offset from the start of the device's range
     * @param widthBytes 1, 2, 4 or 8
     * @param value in the low bits; higher ones are zero
     */
    void write(long offset, int widthBytes, long value);
}
