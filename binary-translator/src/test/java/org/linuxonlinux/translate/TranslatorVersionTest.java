// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import org.junit.jupiter.api.Test;

final class TranslatorVersionTest {
    private static final byte[] GATE_CODE = {1, 2, 3};
    private static final GateEntries GATE = new GateEntries(0x1000, 0x2000, 0x3000, 0x4000);

    @Test
    void isTheSameForTheSameTranslator() throws IOException {
        assertEquals(
                TranslatorVersion.of(GATE_CODE, GATE, InlinePorts.NONE),
                TranslatorVersion.of(GATE_CODE.clone(), GATE, InlinePorts.NONE));
    }

    @Test
    void dependsOnGateAndPorts() throws IOException {
        long version = TranslatorVersion.of(GATE_CODE, GATE, InlinePorts.NONE);
        assertNotEquals(
                version, TranslatorVersion.of(new byte[] {1, 2, 4}, GATE, InlinePorts.NONE));
        assertNotEquals(
                version,
                TranslatorVersion.of(
                        GATE_CODE,
                        new GateEntries(0x1000, 0x2000, 0x3001, 0x4000),
                        InlinePorts.NONE));
        assertNotEquals(version, TranslatorVersion.of(GATE_CODE, GATE, new InlinePorts(1, 2)));
    }
}
