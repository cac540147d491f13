// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import java.util.List;

/** Extended system description table: the addresses of the others (ACPI 6.5 §5.2.8). */
final class Xsdt {
    private Xsdt() {}

    static byte[] build(List<Long> tableGpas) {
        ByteWriter body = new ByteWriter();
        tableGpas.forEach(body::u64);
        return SystemTable.build("XSDT", 1, body.toBytes());
    }
}
