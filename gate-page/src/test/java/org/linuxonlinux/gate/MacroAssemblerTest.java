// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.UndoSink.Phase;
import org.linuxonlinux.testing.Golden;

class MacroAssemblerTest {
    private static final long GUEST_RIP = 0xffff_ffff_8123_4567L;

    private final List<Golden.Piece> pieces = new ArrayList<>();
    private final List<String> marks = new ArrayList<>();

    private void piece(String name, Consumer<MacroAssembler> emit) {
        CodeBuffer code = new CodeBuffer(AddressMap.CODE_CACHE_HVA);
        marks.add(name + ":");
        UndoSink sink =
                (hva, phase, undo) ->
                        marks.add(
                                String.format(
                                        "  +0x%02x %s %s",
                                        hva - AddressMap.CODE_CACHE_HVA,
                                        phase,
                                        Undo.describe(undo)));
        try (MacroAssembler masm = new MacroAssembler(code, sink)) {
            masm.beginInstruction();
            emit.accept(masm);
        }
        pieces.add(new Golden.Piece(name, AddressMap.CODE_CACHE_HVA, code.toByteArray()));
    }

    @Test
    void idiomsMatchTheirGoldenListing() throws IOException {
        piece("cli", MacroAssembler::cli);
        piece("sti", MacroAssembler::sti);
        piece("pushf", MacroAssembler::pushf);
        piece("popf", MacroAssembler::popf);
        piece("swapgs", MacroAssembler::swapgs);
        piece("readFsBase", m -> m.readFsBase(Reg.rbx));
        piece("readGsBase", m -> m.readGsBase(Reg.r8));
        piece("writeFsBase", m -> m.writeFsBase(Reg.rax));
        piece("writeGsBase", m -> m.writeGsBase(Reg.rcx));
        piece("writeGsBase from rax", m -> m.writeGsBase(Reg.rax));
        piece(
                "pendingCheck",
                m -> {
                    Label pending = new Label();
                    m.pendingCheck(pending);
                    m.pendingExit(pending, GUEST_RIP, AddressMap.GATE_CODE_HVA);
                });
        piece(
                "dynamicFold",
                m -> {
                    m.spill(Slot.A, Reg.rsi);
                    m.spill(Slot.B, Reg.rdi);
                    Mem ea = Mem.indexed(Reg.rax, Reg.rcx, 4, 8);
                    Mem folded = m.dynamicFold(Reg.rsi, Reg.rdi, ea);
                    m.movq(folded, Reg.rdx);
                    m.mark(Phase.COMMITTED, m.undo());
                    m.unspill(Slot.B);
                    m.unspill(Slot.A);
                });
        piece("addFold to rsp", m -> m.addFold(Reg.rsp, Reg.rax));
        piece("subtractFold from rsp", m -> m.subtractFold(Reg.r12, Reg.rsp));
        piece(
                "addFoldInPlace rdi",
                m ->
                        m.addFoldInPlace(
                                Reg.rdi,
                                Reg.rdx,
                                Slot.A,
                                Phase.BEFORE,
                                Undo.withRdi(Undo.NONE, Undo.StringFold.FOLD)));
        piece(
                "subtractFoldInPlace rsp",
                m -> m.subtractFoldInPlace(Reg.rsp, Reg.rdx, Slot.C, Phase.COMMITTED, Undo.NONE));
        piece("returnIndirect", MacroAssembler::returnIndirect);
        piece("jumpIndirect register", m -> m.jumpIndirect(Reg.rdx));
        piece("jumpIndirect rcx", m -> m.jumpIndirect(Reg.rcx));
        piece("jumpIndirect memory", m -> m.jumpIndirect(Mem.base(Reg.rcx, 8).gs()));
        piece("indirectEntry", MacroAssembler::indirectEntry);
        piece("exit", m -> m.exit(ExitReason.INSTRUCTION, GUEST_RIP, AddressMap.GATE_CODE_HVA));
        piece(
                "exit with detail and far guest RIP",
                m -> m.exit(ExitReason.LINK, 0xffff_c900_0000_1000L, 12, AddressMap.GATE_CODE_HVA));
        piece("enterStub", m -> m.enterStub(GUEST_RIP, AddressMap.GATE_CODE_HVA + 0x40));
        Golden.checkListing("org/linuxonlinux/gate/macro-assembler.listing", pieces);
        Golden.checkText("org/linuxonlinux/gate/macro-assembler.marks", marks);
    }

    @Test
    void refusesWrongRegistersAndSlots() {
        MacroAssembler masm = new MacroAssembler(new CodeBuffer(AddressMap.CODE_CACHE_HVA));
        assertThrows(IllegalArgumentException.class, () -> masm.addFold(Reg.rax, Reg.rax));
        Mem ea = Mem.base(Reg.rax);
        assertThrows(IllegalArgumentException.class, () -> masm.dynamicFold(Reg.rbx, Reg.rbx, ea));
        assertThrows(IllegalStateException.class, () -> masm.unspill(Slot.A));
        assertEquals(Undo.NONE, masm.undo());
        masm.close();
    }
}
