// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.Mnemonic;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.UndoSink.Phase;
import org.linuxonlinux.gate.VcpuPageLayout;

/**
 * Sensitive instructions that are done inline or in a gate stub, because Linux runs them often: the
 * interrupt flag, segment bases and selectors, reads of control registers, returns.
 */
final class SystemRules {
    private static final int RSP = Instruction.RSP;
    private static final int CR2_NUMBER = 2;
    private static final int IN_AL_DX = 0xec;
    private static final int OUT_DX_AL = 0xee;
    private static final int IA32_TSC_DEADLINE = 0x6e0;

    /** {@code mov r/m, r}, 16-bit with prefix 66. */
    private static final int MOV_STORE = 0x89;

    /** {@code movzx r64, r/m16}. */
    private static final int MOVZX_LOAD = 0x0fb7;

    /** Segment registers by number: es cs ss ds fs gs. */
    private static final int SEGMENT_COUNT = 6;

    private static final int CS = 1;
    private static final int SS = 2;

    /** Control register words by number; null = not inline. */
    private static final Mem[] CONTROL = {
        MacroAssembler.vcpu(VcpuPageLayout.CR0),
        null,
        MacroAssembler.vcpu(VcpuPageLayout.CR2),
        MacroAssembler.vcpu(VcpuPageLayout.CR3),
        MacroAssembler.vcpu(VcpuPageLayout.CR4)
    };

    private final EmitContext context;
    private final MacroAssembler masm;
    private final BlockEmitter emitter;

    SystemRules(EmitContext context, BlockEmitter emitter) {
        this.context = context;
        this.masm = context.masm;
        this.emitter = emitter;
    }

    /** Whether a sensitive instruction is done without the monitor. */
    static boolean isInline(Instruction in) {
        return switch (in.mnemonic()) {
            case CLI, STI, SWAPGS -> true;
            case PUSHF, POPF -> in.stackAccessSize() == 8;
            case IRET, SYSRET -> in.operandSizeBytes() == 8;
            case VERW -> true;
            case RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE ->
                    in.operandSizeBytes() == 8 && in.rm() != RSP;
            case MOV_FROM_SREG -> in.digit() < SEGMENT_COUNT && isNotStackPointer(in);
            case MOV_TO_SREG -> in.digit() == SS && isNotStackPointer(in);
            case PUSH_SREG -> in.stackAccessSize() == 8 && in.map() == 1;
            case MOV_FROM_CR ->
                    in.reg() < CONTROL.length && CONTROL[in.reg()] != null && in.rm() != RSP;
            case MOV_TO_CR -> in.reg() == CR2_NUMBER && in.rm() != RSP;
            case IN -> in.opcode() == IN_AL_DX;
            case OUT -> in.opcode() == OUT_DX_AL;
            case WRMSR -> true;
            default -> false;
        };
    }

    private static boolean isNotStackPointer(Instruction in) {
        return in.hasMemoryOperand() || in.rm() != RSP;
    }

    /**
     * Emits instruction {@code index} of the block, for which {@link #isInline} holds.
     *
     * @return false = nothing falls through
     */
    boolean emit(BasicBlock block, int index, Instruction in, long guestRip) {
        switch (in.mnemonic()) {
            case CLI -> masm.cli();
            case STI -> {
                masm.sti();
                if (block.is(index + 1, Mnemonic.HLT)) {
                    // An interrupt taken between the two would be slept over.
                    masm.mark(Phase.BEFORE, Undo.withVirtualIfWasClear(Undo.NONE, true));
                    context.instructionExit(guestRip + in.length());
                    return false;
                }
                context.checkPending();
            }
            case PUSHF -> masm.pushf();
            case POPF -> {
                masm.popf();
                context.checkPending();
            }
            case SWAPGS -> masm.swapgs();
            case RDFSBASE -> masm.readFsBase(Reg.of(in.rm()));
            case RDGSBASE -> masm.readGsBase(Reg.of(in.rm()));
            case WRFSBASE -> masm.writeFsBase(Reg.of(in.rm()));
            case WRGSBASE -> masm.writeGsBase(Reg.of(in.rm()));
            case IRET -> {
                context.jumpToIret();
                return false;
            }
            case SYSRET -> {
                context.jumpToSysret();
                return false;
            }
            // Legal at CPL 3; Linux runs it for its side effect on the CPU's buffers.
            case VERW -> emitter.emitFolded();
            case MOV_FROM_SREG -> emitReadSelector(in);
            case MOV_TO_SREG -> emitWriteSelector(in);
            case PUSH_SREG -> emitter.emitFolded();
            case MOV_FROM_CR -> masm.movq(Reg.of(in.rm()), CONTROL[in.reg()]);
            case MOV_TO_CR -> masm.movq(CONTROL[in.reg()], Reg.of(in.rm()));
            case IN, OUT -> {
                return emitPortAccess(in);
            }
            case WRMSR -> emitMsrWrite();
            default -> throw new IllegalStateException("no inline rule: " + in.mnemonicText());
        }
        return true;
    }

    /** The one port that has a word in the vCPU page; all others by the monitor. */
    private boolean emitPortAccess(Instruction in) {
        boolean input = in.mnemonic() == Mnemonic.IN;
        int port = input ? context.ports().input() : context.ports().output();
        if (port < 0) {
            context.instructionExit();
            return false;
        }
        Label hit = new Label("port");
        Label miss = new Label("other port");
        masm.portTest(port, hit, miss);
        context.instructionExit();
        if (input) {
            masm.portInputHit(hit, miss);
        } else {
            masm.portOutputHit(hit, miss);
        }
        return true;
    }

    /** The TSC-deadline timer, which Linux programs at each tick; all others by the monitor. */
    private void emitMsrWrite() {
        Label hit = new Label("timer");
        Label miss = new Label("other register");
        masm.msrTest(IA32_TSC_DEADLINE, hit, miss);
        context.instructionExit();
        masm.timerWriteHit(hit, miss);
    }

    /**
     * The selectors of the kernel's code and stack are in the vCPU page. The others are the guest's
     * own: user code may have loaded them.
     */
    private void emitReadSelector(Instruction in) {
        if (in.digit() != CS && in.digit() != SS) {
            emitter.emitFolded();
            return;
        }
        Mem selector =
                MacroAssembler.vcpu(
                        in.digit() == CS ? VcpuPageLayout.CS_SEL : VcpuPageLayout.SS_SEL);
        if (in.hasMemoryOperand()) {
            Reg s = EmitContext.scratch(in, 0);
            masm.spill(Slot.A, s);
            masm.movl(s, selector);
            if (!emitter.emitOtherWithMemory(true, MOV_STORE, s)) {
                context.instructionExit();
                return;
            }
            context.commit();
            masm.unspill(Slot.A);
        } else if (in.operandSizeBytes() == 2) {
            masm.movw(Reg.of(in.rm()), selector);
        } else {
            masm.movl(Reg.of(in.rm()), selector);
        }
    }

    /** SS has no effect in 64-bit mode: the selector is all there is to it. */
    private void emitWriteSelector(Instruction in) {
        Mem selector = MacroAssembler.vcpu(VcpuPageLayout.SS_SEL);
        if (!in.hasMemoryOperand()) {
            masm.movw(selector, Reg.of(in.rm()));
            return;
        }
        Reg s = EmitContext.scratch(in, 0);
        masm.spill(Slot.A, s);
        if (!emitter.emitOtherWithMemory(false, MOVZX_LOAD, s)) {
            context.instructionExit();
            return;
        }
        masm.movq(selector, s);
        context.commit();
        masm.unspill(Slot.A);
    }
}
