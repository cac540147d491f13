// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MemorySizeTest {
    @ParameterizedTest
    @CsvSource({
        "512M, 536870912",
        "2G, 2147483648",
        "2g, 2147483648",
        "1.5GiB, 1610612736",
        "256, 268435456",
        "4097k, 4194304",
        "1T, 1099511627776",
    })
    void readsSizes(String text, long sizeBytes) {
        assertEquals(sizeBytes, MemorySize.parse(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "-1G", "12X", "1e3M", "99999999999999T", "0x10M", "1..5G"})
    void rejectsOtherTexts(String text) {
        assertThrows(IllegalArgumentException.class, () -> MemorySize.parse(text));
    }
}
