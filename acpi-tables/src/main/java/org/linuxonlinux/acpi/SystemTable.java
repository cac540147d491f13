// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

/**
 * The header all tables but the RSDP begin with (ACPI 6.5 §5.2.6).
 *
 * <pre>
 *    0 signature 4    8 revision 1    10 OEM ID 6          24 OEM revision 4
 *    4 length    4    9 checksum 1    16 OEM table ID 8    28 creator ID 4    32 creator revision 4
 * </pre>
 */
final class SystemTable {
    static final int HEADER_SIZE = 36;

    static final String OEM_ID = "LINUX";

    private static final int LENGTH_OFFSET = 4;
    private static final int CHECKSUM_OFFSET = 9;
    private static final String OEM_TABLE_ID = "ONLINUX";
    private static final String CREATOR_ID = "LOL";

    private SystemTable() {}

    /** A whole table: header and body, with length and checksum. */
    static byte[] build(String signature, int revision, byte[] body) {
        byte[] table =
                new ByteWriter()
                        .text(signature, 4)
                        .u32(HEADER_SIZE + body.length)
                        .u8(revision)
                        .u8(0) // checksum, below
                        .text(OEM_ID, 6)
                        .text(OEM_TABLE_ID, 8)
                        .u32(1)
                        .text(CREATOR_ID, 4)
                        .u32(1)
                        .bytes(body)
                        .toBytes();
        setChecksum(table, CHECKSUM_OFFSET, table.length);
        return table;
    }

    /** Sets a byte so that the first {@code length} bytes add up to 0. */
    static void setChecksum(byte[] table, int checksumOffset, int length) {
        table[checksumOffset] = 0;
        table[checksumOffset] = (byte) -sum(table, 0, length);
    }

    /** The sum of a range of bytes, modulo 256. */
    static int sum(byte[] table, int offset, int length) {
        int sum = 0;
        for (int i = offset; i < offset + length; i++) {
            sum += table[i];
        }
        return sum & 0xff;
    }

    /** The length in a table's header. */
    static int length(byte[] table, int offset) {
        int length = 0;
        for (int i = 3; i >= 0; i--) {
            length = (length << 8) + (table[offset + LENGTH_OFFSET + i] & 0xff);
        }
        return length;
    }
}
