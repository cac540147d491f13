// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import org.linuxonlinux.vmm.irq.IoApic;

/** The I/O APIC's registers on the memory bus: 32-bit accesses only, as its data sheet says. */
public final class IoApicWindow implements MmioDevice {
    private final IoApic ioApic;

    /** A window onto a controller. */
    public IoApicWindow(IoApic ioApic) {
        this.ioApic = ioApic;
    }

    @Override
    public long read(long offset, int widthBytes) {
        return ioApic.read(offset);
    }

    @Override
    public void write(long offset, int widthBytes, long value) {
        ioApic.write(offset, (int) value);
    }
}
