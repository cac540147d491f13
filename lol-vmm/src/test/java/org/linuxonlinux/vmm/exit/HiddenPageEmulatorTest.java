// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.GuestTables;

final class HiddenPageEmulatorTest {
    /** Two pages in the branch table's place; the third is absent. */
    private static final long HIDDEN = AddressMap.BRANCH_TABLE_HVA + 0x5000;

    private static final long FRAME = 0x20_0000;
    private static final long RIP = 0xffff_ffff_8100_1000L;

    private final GuestFixture guest = new GuestFixture();
    private final GuestState state = guest.state;
    private final HiddenPageEmulator emulator =
            new HiddenPageEmulator(state, guest.control, guest.mmu);

    @BeforeEach
    void mapHiddenPages() {
        guest.pageTables.mapRange(
                HIDDEN, FRAME, GuestTables.SIZE_4K, 2, GuestTables.P | GuestTables.W);
        state.setRip(RIP);
        state.setGpr(GuestState.RAX, 0x1122_3344_5566_7788L);
        state.setGpr(GuestState.RBX, HIDDEN);
        state.setGpr(GuestState.RSI, FREE);
        state.setGpr(GuestState.RDI, HIDDEN);
        for (int i = 0; i < 0x3000; i++) {
            guest.memory.setByte(FREE - GuestFixture.BASE + i, (byte) (i * 7 + 1));
        }
    }

    @AfterEach
    void close() {
        guest.close();
    }

    private boolean emulate(String bytes) throws GuestPageFaultException {
        return emulator.emulate(Code.decode(bytes));
    }

    private void assertCopied(int count) {
        for (int i = 0; i < count; i++) {
            assertEquals((byte) (i * 7 + 1), guest.memory.getByte(FRAME + i), "byte " + i);
        }
        assertEquals(0, guest.memory.getByte(FRAME + count), "behind the last");
    }

    @ParameterizedTest
    @CsvSource({"88 03, 88", "66 89 03, 7788", "89 03, 55667788", "48 89 03, 1122334455667788"})
    void storesGoToTheGuestsFrame(String bytes, String stored) throws GuestPageFaultException {
        assertTrue(emulate(bytes));
        assertEquals(stored, Long.toHexString(guest.memory.getLong(FRAME)));
        assertEquals(RIP + Code.bytes(bytes).length, state.rip());
    }

    @Test
    void loadsComeFromTheGuestsFrame() throws GuestPageFaultException {
        guest.memory.setLong(FRAME + 0xffc, 0x0102_0304_0506_0708L);
        assertTrue(emulate("48 8b 83 fc 0f 00 00"));
        assertEquals(0x0102_0304_0506_0708L, state.gpr(GuestState.RAX));
    }

    @Test
    void copiesForwardAcrossPages() throws GuestPageFaultException {
        state.setGpr(GuestState.RDI, HIDDEN);
        state.setGpr(GuestState.RCX, 0x1003);
        assertTrue(emulate("f3 a4"));
        assertEquals(RIP, state.rip(), "a part only: interrupts may come between");
        assertEquals(3, state.gpr(GuestState.RCX));
        assertTrue(emulate("f3 a4"));
        assertEquals(RIP + 2, state.rip());
        assertEquals(0, state.gpr(GuestState.RCX));
        assertEquals(HIDDEN + 0x1003, state.gpr(GuestState.RDI));
        assertEquals(FREE + 0x1003, state.gpr(GuestState.RSI));
        assertCopied(0x1003);
    }

    @Test
    void copiesBackward() throws GuestPageFaultException {
        state.setRflags(Rflags.DF);
        state.setGpr(GuestState.RSI, FREE + 0x18);
        state.setGpr(GuestState.RDI, HIDDEN + 0x18);
        state.setGpr(GuestState.RCX, 4);
        assertTrue(emulate("f3 48 a5"));
        assertEquals(HIDDEN - 8, state.gpr(GuestState.RDI));
        assertEquals(FREE - 8, state.gpr(GuestState.RSI));
        assertCopied(0x20);
    }

    @Test
    void withoutRepeatOneElementIsCopied() throws GuestPageFaultException {
        state.setGpr(GuestState.RCX, 7);
        assertTrue(emulate("a5"));
        assertEquals(7, state.gpr(GuestState.RCX));
        assertEquals(RIP + 1, state.rip());
        assertCopied(4);
    }

    @Test
    void fills() throws GuestPageFaultException {
        state.setGpr(GuestState.RCX, 3);
        assertTrue(emulate("f3 aa"));
        assertEquals(0x88_8888, guest.memory.getLong(FRAME));
        assertEquals(FREE, state.gpr(GuestState.RSI), "has no part in it");
    }

    @Test
    void countOfZeroDoesNothing() throws GuestPageFaultException {
        state.setGpr(GuestState.RCX, 0);
        assertTrue(emulate("f3 a4"));
        assertEquals(RIP + 2, state.rip());
        assertCopied(0);
    }

    @Test
    void anAbsentPageFaultsAtItsElement() {
        state.setGpr(GuestState.RDI, HIDDEN + 0x1ff8);
        state.setGpr(GuestState.RCX, 0x10);
        GuestPageFaultException fault =
                assertThrows(GuestPageFaultException.class, () -> emulate("f3 a4"));
        assertEquals(HIDDEN + 0x2000, fault.gva());
        assertEquals(8, state.gpr(GuestState.RCX));
        assertEquals(HIDDEN + 0x2000, state.gpr(GuestState.RDI));
        assertEquals(FREE + 8, state.gpr(GuestState.RSI));
        assertEquals(RIP, state.rip());
    }

    /** Copies with 32-bit addresses; add, cmpxchg, movups, cmpsb. */
    @ParameterizedTest
    @ValueSource(strings = {"f3 67 a4", "48 01 03", "48 0f b1 0b", "0f 11 03", "a6"})
    void othersAreLeftAlone(String bytes) throws GuestPageFaultException {
        state.setGpr(GuestState.RCX, 1);
        assertFalse(emulate(bytes));
        assertEquals(RIP, state.rip());
        assertEquals(0, guest.memory.getLong(FRAME));
    }
}
