// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.GatePosition.Kind;
import org.linuxonlinux.testing.Golden;

class GateCodeTest {
    private static final int INT3 = 0xcc;

    private final GateCode gate = GateCode.generate(GateCode.Form.TRACED);
    private final byte[] bytes = gate.bytes();

    @Test
    void stubsMatchTheirGoldenListing() throws IOException {
        List<Golden.Piece> pieces = new ArrayList<>();
        for (SymbolMap.Symbol symbol : gate.symbols().symbols()) {
            int start = (int) (symbol.startHva() - AddressMap.GATE_CODE_HVA);
            int end = (int) (symbol.endHva() - AddressMap.GATE_CODE_HVA);
            byte[] code = Arrays.copyOfRange(bytes, start, end);
            pieces.add(new Golden.Piece(symbol.name(), symbol.startHva(), code));
        }
        Golden.checkListing("org/linuxonlinux/gate/gate-code.listing", pieces);
    }

    @Test
    void positionsMatchTheirGoldenTable() throws IOException {
        List<String> lines = new ArrayList<>();
        GatePosition position = new GatePosition();
        String last = "";
        for (int offset = 0; offset < bytes.length; offset++) {
            long hva = AddressMap.GATE_CODE_HVA + offset;
            assertTrue(gate.locate(hva, position));
            String text = position.kind() + " " + Undo.describe(position.undo());
            if (!text.equals(last)) {
                lines.add(String.format("%s %s", gate.symbols().describe(hva), text));
                last = text;
            }
        }
        Golden.checkText("org/linuxonlinux/gate/gate-code.positions", lines);
    }

    @Test
    void fillsGapsWithInt3() {
        assertEquals(AddressMap.GATE_CODE_SIZE_BYTES, bytes.length);
        for (int offset = 0; offset < bytes.length; offset++) {
            if (gate.symbols().at(AddressMap.GATE_CODE_HVA + offset) == null) {
                assertEquals(INT3, bytes[offset] & 0xff, "offset " + offset);
            }
        }
        assertEquals(INT3, bytes[bytes.length - 1] & 0xff);
    }

    @Test
    void stopsRightBeforeResumeAndCommandsDone() {
        int resume = (int) (gate.resumeHva() - AddressMap.GATE_CODE_HVA);
        int done = (int) (gate.commandsDoneHva() - AddressMap.GATE_CODE_HVA);
        assertEquals(INT3, bytes[resume - 1] & 0xff);
        assertEquals(INT3, bytes[done - 1] & 0xff);
        GatePosition position = new GatePosition();
        assertTrue(gate.locate(gate.resumeHva() - 1, position));
        assertEquals(Kind.EXITING, position.kind());
        assertTrue(gate.locate(gate.resumeHva(), position));
        assertEquals(Kind.RESUMING, position.kind());
    }

    @Test
    void namesEveryStub() {
        SymbolMap symbols = gate.symbols();
        assertEquals(gate.exitHva(), symbols.named("exit").startHva());
        assertEquals(gate.resumeHva(), symbols.named("resume").startHva());
        assertEquals(gate.resumeKernelHva(), symbols.named("resumeKernel").startHva());
        assertEquals(gate.resumeUserHva(), symbols.named("resumeUser").startHva());
        assertEquals(gate.runCommandsHva(), symbols.named("runCommands").startHva());
        assertEquals(gate.sysretHva(), symbols.named("sysret").startHva());
        assertEquals(gate.iretHva(), symbols.named("iret").startHva());
        assertEquals("iret+0x3", symbols.describe(gate.iretHva() + 3));
        assertEquals("0x1234", symbols.describe(0x1234));
        assertNull(symbols.at(gate.exitHva() - 1));
        assertThrows(IllegalArgumentException.class, () -> symbols.named("none"));
    }

    @Test
    void locatesNothingOutsideTheGate() {
        GatePosition position = new GatePosition();
        assertFalse(gate.locate(AddressMap.GATE_CODE_HVA - 1, position));
        assertEquals(Kind.NOWHERE, position.kind());
        assertFalse(gate.locate(AddressMap.CODE_CACHE_HVA, position));
        assertTrue(gate.locate(AddressMap.GATE_CODE_HVA + 0xffff, position));
        assertEquals(Kind.NOWHERE, position.kind());
    }

    @Test
    void isTheSameOnEveryGeneration() {
        assertArrayEquals(bytes, GateCode.generate(GateCode.Form.TRACED).bytes());
    }
}
