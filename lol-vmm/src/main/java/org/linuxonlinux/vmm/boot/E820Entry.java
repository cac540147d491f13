// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;

/**
 * One range of the memory map in the zero page (ACPI 6.5 §15.1; {@code struct boot_e820_entry}, 20
 * bytes).
 *
 * @param startGpa first byte
 * @param endGpa one past the last byte
 * @param type {@link #RAM} or {@link #RESERVED}
 */
record E820Entry(long startGpa, long endGpa, int type) {
    static final int RAM = 1;
    static final int RESERVED = 2;
    static final int SIZE_BYTES = 20;

    static E820Entry ram(long startGpa, long endGpa) {
        return new E820Entry(startGpa, endGpa, RAM);
    }

    static E820Entry reserved(long startGpa, long endGpa) {
        return new E820Entry(startGpa, endGpa, RESERVED);
    }

    void writeTo(ByteBuffer table) {
        table.putLong(startGpa).putLong(endGpa - startGpa).putInt(type);
    }
}
