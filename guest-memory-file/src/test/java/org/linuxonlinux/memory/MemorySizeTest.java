// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class MemorySizeTest {
    @ParameterizedTest
    @CsvSource({
        "512M, 536870912",
        "2G, 2147483648",
        "2g, 2147483648",
        "4096K, 4194304",
        "1T, 1099511627776",
        "256, 268435456",
        "1GiB, 1073741824",
        "64MB, 67108864",
        "0M, 0"
    })
    void parsesUnitsAsPowersOf1024(String text, long sizeBytes) {
        assertEquals(sizeBytes, MemorySize.parse(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "-1G", "1.5G", "1GG", "1 G", "12x", "99999999999999999999"})
    void refusesEverythingElseInOneLine(String text) {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> MemorySize.parse(text));
        assertEquals(
                "not a memory size: '" + text + "', expected a form like 512M or 2G",
                e.getMessage());
    }

    @Test
    void refusesWhatDoesNotFit() {
        assertThrows(IllegalArgumentException.class, () -> MemorySize.parse("99999999999999T"));
    }

    @ParameterizedTest
    @CsvSource({"536870912, 512M", "3221225472, 3G", "1025, 1025 bytes", "4096, 4K", "0, 0 bytes"})
    void formatsExactly(long sizeBytes, String text) {
        assertEquals(text, MemorySize.format(sizeBytes));
    }
}
