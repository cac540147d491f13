// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.util.ArrayList;
import java.util.List;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.gate.GatePosition.Kind;

/**
 * What the generators of stubs share: the assembler, the names of the stubs, and the marks that say
 * how the guest's state is found at each address. Lives only while the gate is generated.
 */
final class StubWriter {
    private static final int STUB_ALIGNMENT = 64;

    final CodeBuffer code = new CodeBuffer(AddressMap.GATE_CODE_HVA, 4096);
    final MacroAssembler masm = new MacroAssembler(code, this::onMark);
    final List<SymbolMap.Symbol> symbols = new ArrayList<>();
    final List<Long> markHvas = new ArrayList<>();
    final List<Kind> markKinds = new ArrayList<>();
    final List<Integer> markUndos = new ArrayList<>();

    /** Emits a stub at the next aligned address and returns its HVA. */
    long stub(String name, Runnable emit) {
        masm.alignWithInt3(STUB_ALIGNMENT);
        return stubHere(name, emit);
    }

    /** Emits a stub right here, so that the one before may fall into it. */
    long stubHere(String name, Runnable emit) {
        long startHva = masm.hva();
        emit.run();
        symbols.add(new SymbolMap.Symbol(name, startHva, masm.hva()));
        mark(Kind.NOWHERE, Undo.NONE);
        return startHva;
    }

    /** Marks of macros: stubs only use those of kind BEFORE. */
    private void onMark(long hva, UndoSink.Phase phase, int undo) {
        Kind kind = Undo.isRollForward(undo) ? Kind.ROLL_FORWARD : Kind.BEFORE;
        addMark(hva, kind, undo);
    }

    /** Says what holds from here on. */
    void mark(Kind kind, int undo) {
        masm.mark(kind == Kind.ROLL_FORWARD ? Undo.ROLL_FORWARD : undo);
        addMark(masm.hva(), kind, masm.undo());
    }

    /** The last mark at an address wins. */
    private void addMark(long hva, Kind kind, int undo) {
        int last = markHvas.size() - 1;
        if (last >= 0 && markHvas.get(last) == hva) {
            markKinds.set(last, kind);
            markUndos.set(last, undo);
            return;
        }
        markHvas.add(hva);
        markKinds.add(kind);
        markUndos.add(undo);
    }
}
