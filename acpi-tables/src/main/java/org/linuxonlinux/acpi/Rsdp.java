// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/**
 * Root system description pointer: where a kernel starts (ACPI 6.5 §5.2.5.3).
 *
 * <pre>
 *    0 "RSD PTR " 8   8 checksum 1    15 revision 1       20 length 4          32 ext. checksum 1
 *                     9 OEM ID   6    16 RSDT address 4   24 XSDT address 8    33 reserved 3
 * </pre>
 */
final class Rsdp {
    static final int SIZE = 36;

    private static final int VERSION_1_SIZE = 20;
    private static final int CHECKSUM_OFFSET = 8;
    private static final int EXTENDED_CHECKSUM_OFFSET = 32;

    private Rsdp() {}

    static byte[] build(long xsdtGpa) {
        byte[] rsdp =
                new ByteWriter()
                        .text("RSD PTR ", 8)
                        .u8(0)
                        .text(SystemTable.OEM_ID, 6)
                        .u8(2) // ACPI 2.0 and later: has an XSDT
                        .u32(0) // no RSDT
                        .u32(SIZE)
                        .u64(xsdtGpa)
                        .zeros(4)
                        .toBytes();
        SystemTable.setChecksum(rsdp, CHECKSUM_OFFSET, VERSION_1_SIZE);
        SystemTable.setChecksum(rsdp, EXTENDED_CHECKSUM_OFFSET, SIZE);
        return rsdp;
    }
}
