// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/**
 * PCI configuration mechanism #1 (PCI local bus 3.0 §3.2.2.3.2) of a machine whose only PCI device
 * is the host bridge: enough for a kernel to find that PCI is there and empty.
 */
public final class PciConfigPorts implements PortDevice {
    /** First of its {@link #PORT_COUNT} I/O ports: address 0xcf8–0xcfb, data 0xcfc–0xcff. */
    public static final int BASE_PORT = 0xcf8;

    /** Ports it takes; {@link PowerPorts#RESET_PORT} lies among them, for byte accesses. */
    public static final int PORT_COUNT = 8;

    private static final int DATA_PORT = 0xcfc;

    private static final int ADDRESS_ENABLE = 1 << 31;
    private static final int ADDRESS_WRITABLE = 0x80ff_fffc;

    /** Vendor Intel, device 0x0d57: a host bridge without properties. */
    private static final int VENDOR_AND_DEVICE = 0x0d57_8086;

    /** Class 06 bridge, subclass 00 host. */
    private static final int CLASS_AND_REVISION = 0x0600_0000;

    private final PortDevice resetRegister;
    private int address;

    /**
     * An empty bus.
     *
     * @param resetRegister gets byte accesses to port 0xcf9, which only 32-bit accesses lead to the
     *     address register
     */
    public PciConfigPorts(PortDevice resetRegister) {
        this.resetRegister = resetRegister;
    }

    @Override
    public synchronized int in(int port, int widthBytes) {
        if (port >= DATA_PORT) {
            return (address & ADDRESS_ENABLE) == 0
                    ? -1
                    : configuration() >>> (8 * (port - DATA_PORT));
        }
        if (port == BASE_PORT && widthBytes == 4) {
            return address;
        }
        return port == PowerPorts.RESET_PORT ? resetRegister.in(port, widthBytes) : -1;
    }

    /** The addressed word of configuration space. */
    private int configuration() {
        int busDeviceFunction = address >>> 8 & 0xffff;
        if (busDeviceFunction != 0) {
            return -1;
        }
        return switch (address & 0xfc) {
            case 0x00 -> VENDOR_AND_DEVICE;
            case 0x08 -> CLASS_AND_REVISION;
            default -> 0;
        };
    }

    @Override
    public synchronized void out(int port, int widthBytes, int value) {
        if (port == BASE_PORT && widthBytes == 4) {
            address = value & ADDRESS_WRITABLE;
        } else if (port == PowerPorts.RESET_PORT) {
            resetRegister.out(port, widthBytes, value);
        }
    }
}
