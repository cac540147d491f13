// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class AmlTest {
    private static String hex(byte[] bytes) {
        return HexFormat.ofDelimiter(" ").formatHex(bytes);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 00",
        "1, 01",
        "2, 0a 02",
        "255, 0a ff",
        "256, 0b 00 01",
        "65536, 0c 00 00 01 00",
        "4294967296, 0e 00 00 00 00 01 00 00 00",
        "-1, 0e ff ff ff ff ff ff ff ff"
    })
    void encodesIntegersInTheirShortestForm(long value, String expected) {
        assertEquals(expected, hex(Aml.integer(value)));
    }

    /** Each row: bytes of content; the length field, which counts itself. */
    @ParameterizedTest
    @CsvSource({
        "0, 01",
        "62, 3f",
        "63, 41 04",
        "4093, 4f ff",
        "4094, 81 00 01",
        "1048572, 8f ff ff",
        "1048573, c1 00 00 01"
    })
    void packageLengthGrowsWhereItMust(int contentBytes, String expected) {
        assertEquals(expected, hex(Aml.packageLength(contentBytes)));
    }

    @Test
    void compressesPlugAndPlayIds() {
        // EISAID("PNP0501") is 0x0105d041.
        assertEquals("0c 41 d0 05 01", hex(Aml.eisaId("PNP0501")));
        assertEquals("0c 41 d0 0b 00", hex(Aml.eisaId("PNP0B00")));
        assertThrows(IllegalArgumentException.class, () -> Aml.eisaId("PNP501"));
    }

    @Test
    void padsNameSegmentsAndPrefixesPaths() {
        assertEquals("08 5c 5f 53 35 5f 00", hex(Aml.name("\\_S5", Aml.integer(0))));
        assertEquals("10 0a 2e 5f 53 42 5f 43 4f 4d 31", hex(Aml.scope("_SB.COM1")));
        assertThrows(IllegalArgumentException.class, () -> Aml.scope("toolong"));
    }

    @Test
    void encodesAnInterruptAsEdgeActiveHighExclusive() {
        assertEquals("89 06 00 03 01 04 00 00 00", hex(Aml.edgeInterrupt(4)));
    }

    @Test
    void encodesAResourceTemplateAsBufferWithEndTag() {
        assertEquals(
                "11 0d 0a 0a 47 01 f8 03 f8 03 01 08 79 00",
                hex(Aml.resourceTemplate(Aml.io(0x3f8, 8))));
    }
}
