// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import org.linuxonlinux.vmm.irq.LocalApic;

/**
 * The registers of a local APIC in xAPIC mode on the memory bus: 32 bits each, at multiples of 16
 * bytes (Intel SDM vol. 3A §11.4.1). In the other modes nobody answers there.
 */
public final class LocalApicWindow implements MmioDevice {
    private static final int REGISTER_SHIFT = 4;
    private static final int REGISTER_STRIDE = 1 << REGISTER_SHIFT;
    private static final int REGISTER_BYTES = 4;

    private final LocalApic apic;

    /** A window onto the APIC of the only processor. */
    public LocalApicWindow(LocalApic apic) {
        this.apic = apic;
    }

    /**
     * {@inheritDoc}
     *
     * <p>What is not an aligned read of 32 bits is undefined by the architecture; parts of a
     * register are given as a memory would.
     */
    @Override
    public long read(long offset, int widthBytes) {
        int within = (int) offset & (REGISTER_STRIDE - 1);
        if (!apic.isXApic()) {
            return -1;
        }
        return within >= REGISTER_BYTES
                ? 0
                : Integer.toUnsignedLong(apic.readRegister((int) offset >>> REGISTER_SHIFT))
                        >>> (8 * within);
    }

    /**
     * {@inheritDoc}
     *
     * <p>Ignored unless aligned and of 32 bits, which the architecture leaves undefined.
     */
    @Override
    public void write(long offset, int widthBytes, long value) {
        boolean whole = (offset & (REGISTER_STRIDE - 1)) == 0 && widthBytes == REGISTER_BYTES;
        if (whole && apic.isXApic()) {
            apic.writeRegister((int) offset >>> REGISTER_SHIFT, (int) value);
        }
    }
}
