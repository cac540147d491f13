// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class GuestStateTest {
    private final GuestState state = new GuestState();

    @ParameterizedTest
    @CsvSource({
        "1, f1e2d3c4b5a69788, 11223344556677_88",
        "2, f1e2d3c4b5a69788, 112233445566_9788",
        "4, f1e2d3c4b5a69788, 00000000_b5a69788",
        "8, f1e2d3c4b5a69788, f1e2d3c4b5a69788"
    })
    void resultsOfEachSizeLeaveTheRestAsInstructionsDo(int size, String value, String after) {
        state.setGpr(GuestState.RBX, 0x1122_3344_5566_77aaL);
        state.setGpr(GuestState.RBX, size, Long.parseUnsignedLong(value, 16));
        assertEquals(after.replace("_", ""), String.format("%016x", state.gpr(GuestState.RBX)));
    }

    @Test
    void resultsOf32BitsClearTheUpperHalf() {
        state.setGpr(GuestState.RBX, -1);
        state.setGpr32(GuestState.RBX, -2);
        assertEquals(0xffff_fffeL, state.gpr(GuestState.RBX));
    }
}
