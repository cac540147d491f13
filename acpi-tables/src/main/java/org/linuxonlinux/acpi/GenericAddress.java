// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/** Where a register is (generic address structure, ACPI 6.5 §5.2.3.2): here always an I/O port. */
final class GenericAddress {
    static final int SIZE = 12;

    private static final int SYSTEM_IO = 1;
    private static final int BYTE_ACCESS = 1;

    private GenericAddress() {}

    /** An 8-bit register at an I/O port. */
    static byte[] port(int port) {
        return new ByteWriter()
                .u8(SYSTEM_IO)
                .u8(8) // width in bits
                .u8(0) // offset in bits
                .u8(BYTE_ACCESS)
                .u64(port)
                .toBytes();
    }
}
