// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.StringOp;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.Undo.StringFold;
import org.linuxonlinux.gate.VcpuPageLayout;

/**
 * String instructions. A GS prefix folds DS:RSI; ES:RDI has no prefix, so FOLD is added to RDI
 * before and taken away afterwards. A stop in between finds RDI (and RSI) with the fold and takes
 * it out, so a repeated instruction goes on where it was.
 */
final class StringRules {
    /** Not used by any string instruction. */
    private static final Reg SCRATCH = Reg.rdx;

    private static final Mem DYN_FOLD_SI = MacroAssembler.vcpu(VcpuPageLayout.DYN_FOLD_SI);
    private static final Mem DYN_FOLD_DI = MacroAssembler.vcpu(VcpuPageLayout.DYN_FOLD_DI);

    private final EmitContext context;
    private final MacroAssembler masm;
    private final InstructionRewriter rewriter;

    StringRules(EmitContext context, InstructionRewriter rewriter) {
        this.context = context;
        this.masm = context.masm;
        this.rewriter = rewriter;
    }

    /** Emits movs, cmps, stos, lods or scas. */
    void emit(Instruction in, boolean dynamic) {
        StringOp op = in.stringOp();
        boolean overridden = in.segment() != Instruction.SEGMENT_NONE;
        if (in.addressSizeBytes() == 4
                || in.segment() == Instruction.SEGMENT_FS
                || (dynamic && overridden)) {
            context.instructionExit();
        } else if (dynamic) {
            emitDynamic(op);
        } else {
            int segment = overridden ? InstructionRewriter.FS : InstructionRewriter.GS;
            emitFolded(op, op.usesSi() ? segment : InstructionRewriter.NO_SEGMENT);
        }
    }

    private void emitFolded(StringOp op, int segment) {
        if (!op.usesDi()) {
            rewriter.copyWithSegment(segment);
            return;
        }
        masm.spill(Slot.A, SCRATCH);
        masm.movq(SCRATCH, EmitContext.FOLD);
        masm.leaq(Reg.rdi, Mem.indexed(Reg.rdi, SCRATCH, 1, 0));
        masm.mark(Undo.withRdi(masm.undo(), StringFold.FOLD));
        rewriter.copyWithSegment(segment);
        context.commit();
        masm.movq(SCRATCH, EmitContext.NEG_FOLD);
        masm.leaq(Reg.rdi, Mem.indexed(Reg.rdi, SCRATCH, 1, 0));
        masm.mark(Undo.withRdi(masm.undo(), StringFold.NONE));
        masm.unspill(Slot.A);
    }

    private void emitDynamic(StringOp op) {
        masm.spill(Slot.A, SCRATCH);
        if (op.usesDi()) {
            masm.foldAmount(SCRATCH, Reg.rdi);
            masm.movq(DYN_FOLD_DI, SCRATCH);
            masm.leaq(Reg.rdi, Mem.indexed(Reg.rdi, SCRATCH, 1, 0));
            masm.mark(Undo.withRdi(masm.undo(), StringFold.DYNAMIC));
        }
        if (op.usesSi()) {
            masm.foldAmount(SCRATCH, Reg.rsi);
            masm.movq(DYN_FOLD_SI, SCRATCH);
            masm.leaq(Reg.rsi, Mem.indexed(Reg.rsi, SCRATCH, 1, 0));
            masm.mark(Undo.withRsi(masm.undo(), StringFold.DYNAMIC));
        }
        rewriter.copyWithSegment(InstructionRewriter.NO_SEGMENT);
        context.commit();
        if (op.usesSi()) {
            subtract(Reg.rsi, DYN_FOLD_SI);
            masm.mark(Undo.withRsi(masm.undo(), StringFold.NONE));
        }
        if (op.usesDi()) {
            subtract(Reg.rdi, DYN_FOLD_DI);
            masm.mark(Undo.withRdi(masm.undo(), StringFold.NONE));
        }
        masm.unspill(Slot.A);
    }

    /** {@code reg -= [amount]}; not and lea leave flags alone. */
    private void subtract(Reg reg, Mem amount) {
        masm.movq(SCRATCH, amount);
        masm.notq(SCRATCH);
        masm.leaq(reg, Mem.indexed(reg, SCRATCH, 1, 1));
    }
}
