// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.Undo.StringFold;

class UndoTest {
    private final VcpuPage page =
            new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES));

    @Test
    void packsAllPartsIndependently() {
        int undo = Undo.NONE;
        undo = Undo.withSpill(undo, Slot.A, Reg.rax);
        undo = Undo.withSpill(undo, Slot.B, Reg.r15);
        undo = Undo.withSpill(undo, Slot.C, Reg.rsi);
        undo = Undo.withSpill(undo, Slot.D, Reg.rbp);
        undo = Undo.withRcxSpilled(undo, true);
        undo = Undo.withRdi(undo, StringFold.FOLD);
        undo = Undo.withRsi(undo, StringFold.DYNAMIC);
        undo = Undo.withVirtualIfWasClear(undo, true);
        undo = Undo.withUserBases(undo, true);
        undo = Undo.withRspDelta(undo, -8);
        assertEquals(Reg.rax, Undo.spilled(undo, Slot.A));
        assertEquals(Reg.r15, Undo.spilled(undo, Slot.B));
        assertEquals(Reg.rsi, Undo.spilled(undo, Slot.C));
        assertEquals(Reg.rbp, Undo.spilled(undo, Slot.D));
        assertTrue(Undo.isRcxSpilled(undo));
        assertEquals(StringFold.FOLD, Undo.rdi(undo));
        assertEquals(StringFold.DYNAMIC, Undo.rsi(undo));
        assertTrue(Undo.isVirtualIfWasClear(undo));
        assertTrue(Undo.isUserBases(undo));
        assertEquals(-8, Undo.rspDelta(undo));
        assertFalse(Undo.isRollForward(undo));
        assertEquals(
                "A=rax B=r15 C=rsi D=rbp rcx rdi-=FOLD rsi-=DYNAMIC if=0 user-bases rsp-8",
                Undo.describe(undo));
        undo = Undo.withSpill(undo, Slot.B, null);
        undo = Undo.withRspDelta(undo, 30);
        assertNull(Undo.spilled(undo, Slot.B));
        assertEquals(Reg.rsi, Undo.spilled(undo, Slot.C));
        assertEquals(30, Undo.rspDelta(undo));
    }

    @Test
    void refusesWhatDoesNotFit() {
        assertThrows(IllegalArgumentException.class, () -> Undo.withRspDelta(0, 32));
        assertThrows(IllegalArgumentException.class, () -> Undo.withRspDelta(0, 1));
        assertThrows(IllegalStateException.class, () -> Undo.apply(Undo.ROLL_FORWARD, page, page));
        assertTrue(Undo.isRollForward(Undo.ROLL_FORWARD));
        assertEquals("roll-forward", Undo.describe(Undo.ROLL_FORWARD));
        assertEquals("-", Undo.describe(Undo.NONE));
    }

    @Test
    void restoresRegistersAndInterruptFlag() {
        page.set(VcpuPageLayout.SPILL_A, 0xaaaa);
        page.set(VcpuPageLayout.SPILL_RCX, 0xcccc);
        page.set(VcpuPageLayout.DYN_FOLD_SI, 0x10);
        page.set(VcpuPageLayout.VIRTUAL_IF, 0x200);
        page.setGpr(Reg.rdi, AddressMap.FOLD + 5);
        page.setGpr(Reg.rsi, 0x15);
        page.setGpr(Reg.rsp, 0x1000);
        page.setGpr(Reg.rbx, 7);
        int undo = Undo.withSpill(Undo.NONE, Slot.A, Reg.r9);
        undo = Undo.withRcxSpilled(undo, true);
        undo = Undo.withRdi(undo, StringFold.FOLD);
        undo = Undo.withRsi(undo, StringFold.DYNAMIC);
        undo = Undo.withVirtualIfWasClear(undo, true);
        undo = Undo.withRspDelta(undo, 8);
        Undo.apply(undo, page, page);
        assertEquals(0xaaaa, page.gpr(Reg.r9));
        assertEquals(0xcccc, page.gpr(Reg.rcx));
        assertEquals(5, page.gpr(Reg.rdi));
        assertEquals(5, page.gpr(Reg.rsi));
        assertEquals(0x1008, page.gpr(Reg.rsp));
        assertEquals(7, page.gpr(Reg.rbx));
        assertEquals(0, page.get(VcpuPageLayout.VIRTUAL_IF));
    }

    @Test
    void restoresDynamicRdiThatWasSpilledToo() {
        page.set(VcpuPageLayout.DYN_FOLD_DI, AddressMap.FOLD);
        page.setGpr(Reg.rdi, AddressMap.FOLD - 1);
        Undo.apply(Undo.withRdi(Undo.NONE, StringFold.DYNAMIC), page, page);
        assertEquals(-1, page.gpr(Reg.rdi));
    }
}
