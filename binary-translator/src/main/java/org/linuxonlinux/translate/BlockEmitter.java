// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.linuxonlinux.translate.EmitContext.NEG_FOLD;

import org.linuxonlinux.asm.Cond;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.decode.BranchKind;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.Mnemonic;
import org.linuxonlinux.decode.OperandKind;
import org.linuxonlinux.decode.OperandSlot;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.UndoSink.Phase;

/**
 * Emits the host code of one basic block: the rules of docs/translator.md.
 *
 * <p>Registers hold true guest values except RSP, which holds guest RSP + FOLD; host GS base is
 * FOLD and host FS base is the guest's GS base, folded. No rule touches flags unless the guest's
 * instruction writes them.
 */
final class BlockEmitter {
    /** Most bytes of one block: 64 instructions of the longest expansion, with room to spare. */
    static final int MAX_BLOCK_BYTES = 1 << 13;

    private static final int RSP = Instruction.RSP;

    /** {@code mov r64, r/m64}. */
    private static final int MOV_LOAD = 0x8b;

    /**
     * Most bytes a {@code ret imm16} takes off the stack inline; bounded by what an undo can hold.
     */
    private static final int MAX_RET_BYTES = 16;

    /** How the memory operand of an instruction reaches the host address. */
    private enum Fold {
        /** No memory operand, or one that needs no change: copy as it is. */
        COPY,
        /** A segment prefix serves. */
        SEGMENT,
        /** A segment prefix (or none) and an absolute address in place of a RIP-relative one. */
        ABSOLUTE,
        /** The address is computed and folded if it is in the upper half. */
        DYNAMIC,
        /** No way: the monitor emulates the instruction. */
        UNSUPPORTED
    }

    private final EmitContext context;
    private final MacroAssembler masm;
    private final InstructionRewriter rewriter;
    private final StringRules stringRules;
    private final SystemRules systemRules;
    private final LongIntMap dynamicRips;

    // The instruction being emitted.
    private BasicBlock block;
    private int current;
    private Instruction in;
    private long guestRip;
    private boolean lowHalf;

    // How its memory operand is folded.
    private Fold fold;
    private int segment;
    private int absolute;
    private boolean addGuestFsBase;
    private boolean addGuestGsBase;

    BlockEmitter(EmitContext context, LongIntMap dynamicRips) {
        this.context = context;
        this.masm = context.masm;
        this.rewriter = new InstructionRewriter(masm.code());
        this.dynamicRips = dynamicRips;
        this.stringRules = new StringRules(context, rewriter);
        this.systemRules = new SystemRules(context, this);
    }

    /** Emits a block; the result is in the context. */
    void emit(BasicBlock basicBlock) {
        block = basicBlock;
        lowHalf = basicBlock.guestRip() >= 0;
        context.startBlock(basicBlock.guestRip());
        boolean open = true;
        int count = basicBlock.count();
        for (current = 0; current < count && open; current++) {
            in = basicBlock.instruction(current);
            guestRip = basicBlock.guestRip() + basicBlock.offset(current);
            context.startInstruction(
                    guestRip, basicBlock.offset(current), basicBlock.offset(current + 1));
            if (basicBlock.isUndefined(current)) {
                context.instructionExit();
                open = false;
                break;
            }
            rewriter.select(basicBlock.bytes(), basicBlock.position(current), in);
            open = emitInstruction();
        }
        if (open) {
            context.startInstruction(
                    basicBlock.guestRip() + basicBlock.byteCount(),
                    basicBlock.byteCount(),
                    basicBlock.byteCount());
            context.jumpTo(basicBlock.guestRip() + basicBlock.byteCount());
        }
        context.finishBlock();
    }

    /** Emits one instruction; false = nothing falls through it. */
    private boolean emitInstruction() {
        if (in.branch() != BranchKind.NONE) {
            return emitBranch();
        }
        if (in.isSensitive()) {
            if (!SystemRules.isInline(in)) {
                context.instructionExit();
                return false;
            }
            return systemRules.emit(block, current, in, guestRip);
        }
        switch (in.mnemonic()) {
            case LEA -> emitLea();
            case NOP, ENDBR64 -> rewriter.copy();
            case LEAVE -> emitLeave();
            case ENTER -> context.instructionExit();
            case MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS ->
                    stringRules.emit(in, dynamicRips.get(guestRip) != 0);
            case MOV -> emitMov();
            case ADD, SUB, AND, INC, DEC -> {
                if (isPlainStackArithmetic() && block.flagsDeadAfter(current)) {
                    emitWithFoldedMemory();
                } else {
                    emitAny();
                }
            }
            case POP -> {
                if (in.writesRspOperand()) {
                    emitPopRsp();
                } else {
                    emitAny();
                }
            }
            default -> emitAny();
        }
        return true;
    }

    /** Any instruction without a rule of its own. */
    private void emitAny() {
        int slots = stackPointerSlots();
        if (slots == 0) {
            emitWithFoldedMemory();
        } else {
            emitWithStackPointer(slots);
        }
    }

    // ---- Memory operands ----

    /** Decides how the memory operand of the current instruction is folded. */
    private void chooseFold() {
        addGuestFsBase = false;
        addGuestGsBase = false;
        segment = InstructionRewriter.NO_SEGMENT;
        if (!in.hasMemoryOperand()) {
            chooseFoldWithoutModRm();
            return;
        }
        boolean dynamic = dynamicRips.get(guestRip) != 0;
        int override = in.segment();
        boolean stackBased = in.base() == RSP && in.addressSizeBytes() == 8;
        if (override == Instruction.SEGMENT_FS
                || (override == Instruction.SEGMENT_GS && (dynamic || stackBased))) {
            addGuestFsBase = override == Instruction.SEGMENT_FS;
            addGuestGsBase = !addGuestFsBase;
            fold = Fold.DYNAMIC;
            return;
        }
        if (override == Instruction.SEGMENT_GS) {
            segment = InstructionRewriter.FS;
        } else if (stackBased) {
            fold = Fold.COPY;
            return;
        } else if (in.ripRelative() && lowHalf) {
            segment = InstructionRewriter.NO_SEGMENT;
        } else {
            segment = InstructionRewriter.GS;
        }
        if (dynamic && !in.isVectorIndexed()) {
            fold = Fold.DYNAMIC;
        } else if (in.ripRelative()) {
            long target = ripRelativeTarget();
            absolute = (int) target;
            fold = target == absolute ? Fold.ABSOLUTE : Fold.DYNAMIC;
            addGuestGsBase = fold == Fold.DYNAMIC && override == Instruction.SEGMENT_GS;
        } else {
            fold = Fold.SEGMENT;
        }
    }

    /** Memory offsets (A0 to A3) and implicit operands other than strings, such as maskmovdqu's. */
    private void chooseFoldWithoutModRm() {
        boolean moffs = !in.hasModrm() && in.dispSize() > 0;
        if (!moffs && !in.hasOddMemory()) {
            fold = Fold.COPY;
        } else if (in.segment() == Instruction.SEGMENT_FS || dynamicRips.get(guestRip) != 0) {
            fold = Fold.UNSUPPORTED;
        } else {
            fold = Fold.SEGMENT;
            segment =
                    in.segment() == Instruction.SEGMENT_GS
                            ? InstructionRewriter.FS
                            : InstructionRewriter.GS;
        }
    }

    private long ripRelativeTarget() {
        long target = guestRip + in.length() + in.disp();
        return in.addressSizeBytes() == 8 ? target : target & 0xffff_ffffL;
    }

    /** The instruction with nothing changed but its memory operand. */
    private void emitWithFoldedMemory() {
        chooseFold();
        switch (fold) {
            case COPY -> {
                if (in.segment() == Instruction.SEGMENT_NONE) {
                    rewriter.copy();
                } else {
                    rewriter.copyWithSegment(InstructionRewriter.NO_SEGMENT);
                }
            }
            case SEGMENT -> rewriter.copyWithSegment(segment);
            case ABSOLUTE -> rewriter.withAbsolute(segment, absolute);
            case DYNAMIC -> emitDynamic();
            case UNSUPPORTED -> context.instructionExit();
        }
    }

    /** {@code lea t,[ea]; rorx u,t,47; pdep u,u,[FOLD]; op [t+u]}. */
    private void emitDynamic() {
        Reg t = scratch(0);
        Reg u = scratch(1 << t.number());
        masm.spill(Slot.A, t);
        masm.spill(Slot.B, u);
        emitDynamicAddress(t, u);
        rewriter.withSum(t.number(), u.number());
        context.commit();
        masm.unspill(Slot.B);
        masm.unspill(Slot.A);
    }

    /** The operand's guest address into t and what folds it into u. */
    private void emitDynamicAddress(Reg t, Reg u) {
        emitGuestAddress(t);
        if (in.base() == RSP && in.addressSizeBytes() == 8) {
            masm.movq(u, NEG_FOLD);
            masm.leaq(t, Mem.indexed(t, u, 1, 0));
        }
        if (addGuestFsBase || addGuestGsBase) {
            masm.movq(u, addGuestFsBase ? EmitContext.FS_BASE : EmitContext.GS_BASE);
            masm.leaq(t, Mem.indexed(t, u, 1, 0));
        }
        masm.foldAmount(u, t);
    }

    /**
     * The operand's effective address, without segment base, into a scratch register; RSP as it is.
     */
    private void emitGuestAddress(Reg t) {
        if (!in.hasModrm()) {
            masm.movImm(t, in.disp());
            return;
        }
        if (in.ripRelative()) {
            masm.movImm(t, ripRelativeTarget());
            return;
        }
        int base = in.base();
        int index = in.index();
        int disp = (int) in.disp();
        if (base < 0 && index < 0) {
            masm.movImm(t, in.addressSizeBytes() == 8 ? disp : disp & 0xffff_ffffL);
            return;
        }
        if (in.addressSizeBytes() == 4) {
            masm.code().emit8(0x67);
        }
        Reg baseReg = base < 0 ? null : Reg.of(base);
        masm.leaq(
                t,
                index < 0
                        ? Mem.base(baseReg, disp)
                        : Mem.indexed(baseReg, Reg.of(index), in.scale(), disp));
    }

    /**
     * Loads the operand of an indirect branch, which is in a register or in memory, into RCX. RCX
     * is spilled; further scratch is spilled by the way.
     */
    private void emitLoadBranchTarget() {
        masm.spillRcx();
        if (!in.hasMemoryOperand()) {
            if (in.rm() != Reg.rcx.number()) {
                masm.movq(Reg.rcx, Reg.of(in.rm()));
            }
            return;
        }
        chooseFold();
        switch (fold) {
            case COPY, SEGMENT -> rewriter.otherWithMemory(segment, false, MOV_LOAD, 1);
            case ABSOLUTE -> rewriter.otherWithAbsolute(segment, false, MOV_LOAD, 1, absolute);
            case DYNAMIC -> {
                Reg u = scratch(1 << Reg.rcx.number());
                masm.spill(Slot.A, u);
                emitDynamicAddress(Reg.rcx, u);
                masm.movq(Reg.rcx, Mem.indexed(Reg.rcx, u, 1, 0));
                masm.unspill(Slot.A);
            }
            case UNSUPPORTED ->
                    throw new IllegalStateException("branch target: " + in.mnemonicText());
        }
    }

    // ---- RSP as an operand ----

    /** Slots of RSP operands whose value the fold would show or break. */
    private int stackPointerSlots() {
        if (!in.readsRspOperand() && !in.writesRspOperand()) {
            return 0;
        }
        int slots = 0;
        for (int i = 0; i < in.operandCount(); i++) {
            if (in.operandKind(i) == OperandKind.GPR && in.operandRegister(i) == RSP) {
                // FOLD's low 32 bits are 0: narrow reads and 8- and 16-bit writes are right.
                boolean matters =
                        in.operandSize(i) == 8
                                || (in.operandSize(i) == 4 && in.isOperandWritten(i));
                if (matters) {
                    slots |= slotBit(in.operandSlot(i));
                }
            }
        }
        return slots;
    }

    private static int slotBit(OperandSlot slot) {
        return switch (slot) {
            case MODRM_REG -> InstructionRewriter.SLOT_REG;
            case MODRM_RM -> InstructionRewriter.SLOT_RM;
            case OPCODE -> InstructionRewriter.SLOT_OPCODE;
            case VVVV -> InstructionRewriter.SLOT_VVVV;
            case IMPLICIT, IMMEDIATE, IS4 -> 0;
        };
    }

    /** The generic rule: a scratch register with the guest's value stands for RSP. */
    private void emitWithStackPointer(int slots) {
        chooseFold();
        if (fold == Fold.DYNAMIC || fold == Fold.UNSUPPORTED) {
            context.instructionExit();
            return;
        }
        Reg s = scratch(0);
        masm.spill(Slot.A, s);
        if (in.readsRspOperand()) {
            masm.subtractFold(s, Reg.rsp);
        }
        if (fold == Fold.ABSOLUTE) {
            rewriter.withRegisterAndAbsolute(segment, slots, s.number(), absolute);
        } else {
            rewriter.withRegister(segment, slots, s.number());
        }
        if (in.writesRspOperand()) {
            // Flags or memory may have changed.
            int undo = masm.undo();
            masm.mark(Undo.ROLL_FORWARD);
            context.setStackPointer(s, 0);
            masm.mark(Phase.COMMITTED, undo);
        } else {
            context.commit();
        }
        masm.unspill(Slot.A);
    }

    /** 64-bit add, sub, and, inc, dec on RSP that is right with the fold in it, but for flags. */
    private boolean isPlainStackArithmetic() {
        if (in.operandCount() == 0
                || in.operandKind(0) != OperandKind.GPR
                || in.operandRegister(0) != RSP
                || in.operandSize(0) != 8) {
            return false;
        }
        if (in.operandCount() == 1) {
            return true;
        }
        OperandKind source = in.operandKind(1);
        if (in.mnemonic() == Mnemonic.AND) {
            return source == OperandKind.IMMEDIATE && in.imm() < 0;
        }
        return source != OperandKind.GPR || in.operandRegister(1) != RSP;
    }

    private void emitMov() {
        if (!in.readsRspOperand() && !in.writesRspOperand()) {
            emitAny();
            return;
        }
        boolean registers =
                in.operandCount() == 2
                        && in.operandKind(0) == OperandKind.GPR
                        && in.operandKind(1) == OperandKind.GPR
                        && in.operandSize(0) == 8;
        if (!registers) {
            emitAny();
            return;
        }
        int to = in.operandRegister(0);
        int from = in.operandRegister(1);
        if (to == from) {
            rewriter.copy();
        } else if (to == RSP) {
            context.setStackPointer(Reg.of(from), 0);
        } else {
            loadStackPointer(Reg.of(to), 0);
        }
    }

    /** {@code reg = guest RSP + disp}. */
    private void loadStackPointer(Reg reg, int disp) {
        masm.movq(reg, NEG_FOLD);
        masm.mark(Undo.ROLL_FORWARD);
        masm.leaq(reg, Mem.indexed(Reg.rsp, reg, 1, disp));
    }

    private void emitPopRsp() {
        if (in.hasMemoryOperand() || in.stackAccessSize() != 8) {
            context.instructionExit();
            return;
        }
        Reg s = Reg.rax;
        masm.spill(Slot.A, s);
        masm.movq(s, Mem.base(Reg.rsp));
        context.setStackPointer(s, 0);
        masm.unspill(Slot.A);
    }

    /** {@code leave}: loads the saved RBP first, as nothing after it can fault. */
    private void emitLeave() {
        if (in.stackAccessSize() != 8) {
            context.instructionExit();
            return;
        }
        Reg s = Reg.rax;
        masm.spill(Slot.A, s);
        int undo = masm.undo();
        masm.movq(s, Mem.base(Reg.rbp).gs());
        masm.mark(Undo.ROLL_FORWARD);
        context.setStackPointer(Reg.rbp, 8);
        masm.mark(Undo.ROLL_FORWARD);
        masm.movq(Reg.rbp, s);
        masm.mark(Phase.COMMITTED, undo);
        masm.unspill(Slot.A);
    }

    private void emitLea() {
        int to = in.operandRegister(0);
        boolean wide = in.operandSizeBytes() == 8;
        if (in.ripRelative()) {
            emitLeaRipRelative(to);
            return;
        }
        boolean fromStack = in.base() == RSP && in.addressSizeBytes() == 8;
        if (to == RSP && in.operandSizeBytes() != 2) {
            if (!wide || in.addressSizeBytes() != 8) {
                context.instructionExit();
            } else if (fromStack) {
                rewriter.copyWithSegment(InstructionRewriter.NO_SEGMENT);
            } else {
                emitLeaToStackPointer();
            }
        } else if (fromStack && wide) {
            emitLeaFromStackPointer(Reg.of(to));
        } else {
            rewriter.copyWithSegment(InstructionRewriter.NO_SEGMENT);
        }
    }

    private void emitLeaRipRelative(int to) {
        long target = ripRelativeTarget();
        if (in.operandSizeBytes() == 2) {
            context.instructionExit();
        } else if (to == RSP) {
            masm.movImm(
                    Reg.rsp,
                    AddressMap.FOLD
                            + (in.operandSizeBytes() == 8 ? target : target & 0xffff_ffffL));
        } else if (in.operandSizeBytes() == 4) {
            masm.movlImm(Reg.of(to), (int) target);
        } else {
            masm.movImm(Reg.of(to), target);
        }
    }

    private void emitLeaToStackPointer() {
        if (in.index() < 0 && in.base() >= 0) {
            context.setStackPointer(Reg.of(in.base()), (int) in.disp());
            return;
        }
        Reg s = scratch(0);
        masm.spill(Slot.A, s);
        emitGuestAddress(s);
        context.setStackPointer(s, 0);
        masm.unspill(Slot.A);
    }

    private void emitLeaFromStackPointer(Reg to) {
        if (in.index() < 0) {
            loadStackPointer(to, (int) in.disp());
            return;
        }
        Reg s = scratch(0);
        masm.spill(Slot.A, s);
        masm.subtractFold(s, Reg.rsp);
        rewriter.withBase(InstructionRewriter.NO_SEGMENT, s.number());
        context.commit();
        masm.unspill(Slot.A);
    }

    // ---- Branches ----

    private boolean emitBranch() {
        if (in.operandSizeBytes() == 2) {
            // 16-bit branches: #UD or truncated RIP depending on the vendor; nobody uses them.
            context.instructionExit();
            return false;
        }
        switch (in.branch()) {
            case JMP -> context.jumpTo(in.branchTarget(guestRip));
            case JCC -> {
                context.jumpTo(Cond.of(in.condition()), in.branchTarget(guestRip));
                return true;
            }
            case CALL -> {
                emitPushReturn();
                context.jumpTo(in.branchTarget(guestRip));
            }
            case RET -> emitRet();
            case INDIRECT_JMP -> {
                if (in.rm() == RSP && !in.hasMemoryOperand()) {
                    context.instructionExit();
                    return false;
                }
                emitLoadBranchTarget();
                emitIndirectJump();
            }
            case INDIRECT_CALL -> {
                if (in.rm() == RSP && !in.hasMemoryOperand()) {
                    context.instructionExit();
                    return false;
                }
                emitLoadBranchTarget();
                emitPushReturn();
                emitIndirectJump();
            }
            case LOOP, JRCXZ -> emitCountedJump();
            case FAR -> {
                if (SystemRules.isInline(in)) {
                    return systemRules.emit(block, current, in, guestRip);
                }
                context.instructionExit();
            }
            case NONE -> throw new IllegalStateException("not a branch: " + in.mnemonicText());
        }
        return false;
    }

    private void emitPushReturn() {
        long returnRip = guestRip + in.length();
        context.setReturnRip(returnRip);
        if (returnRip == (int) returnRip) {
            masm.pushImm((int) returnRip);
            masm.mark(Undo.withRspDelta(masm.undo(), 8));
            return;
        }
        // Code outside of the top and bottom 2 GB.
        masm.spill(Slot.A, Reg.rax);
        masm.movabs(Reg.rax, returnRip);
        masm.push(Reg.rax);
        masm.mark(Undo.withRspDelta(masm.undo(), 8));
        masm.unspill(Slot.A);
    }

    private void emitRet() {
        int extra = (int) in.imm() & 0xffff;
        if (extra > MAX_RET_BYTES) {
            context.instructionExit();
            return;
        }
        masm.spillRcx();
        masm.pop(Reg.rcx);
        masm.mark(Undo.withRspDelta(masm.undo(), -8));
        if (extra != 0) {
            masm.leaq(Reg.rsp, Mem.base(Reg.rsp, extra));
            masm.mark(Undo.withRspDelta(masm.undo(), -8 - extra));
        }
        emitIndirectJump();
    }

    /** Jumps to the guest RIP in RCX, the guest's RCX being in its spill slot. */
    private void emitIndirectJump() {
        if (!lowHalf) {
            context.markBranchTableJump();
            masm.jmp(MacroAssembler.branchTableEntry());
            return;
        }
        masm.movq(EmitContext.EXIT_DETAIL, Reg.rcx);
        masm.unspillRcx();
        context.indirectExit();
    }

    /** loop, loope, loopne, jrcxz, jecxz: short jumps to the two continuations. */
    private void emitCountedJump() {
        Label taken = new Label("taken");
        Label notTaken = new Label("not taken");
        if (in.addressSizeBytes() == 4) {
            masm.code().emit8(0x67);
        }
        if (in.branch() == BranchKind.JRCXZ) {
            masm.jrcxz(taken);
        } else {
            masm.loop(in.opcode(), taken);
        }
        masm.mark(Phase.COMMITTED, Undo.NONE);
        masm.jmpShort(notTaken);
        masm.bind(taken);
        long target = in.branchTarget(guestRip);
        context.markAt(target);
        context.jumpTo(target);
        masm.bind(notTaken);
        masm.mark(Phase.COMMITTED, Undo.NONE);
        context.jumpTo(guestRip + in.length());
    }

    // ---- Scratch registers ----

    /**
     * A register that the instruction does not use in any way; never RSP, RBP or R13, so that it
     * can be a base without displacement, and one of the first eight where possible, so that no REX
     * prefix is forced on an instruction with AH, BH, CH or DH.
     */
    private Reg scratch(int taken) {
        return EmitContext.scratch(in, taken);
    }

    // ---- For SystemRules ----

    /**
     * Emits another instruction with the current memory operand, folded.
     *
     * @param halfWord operand size 16 instead of 64 bits
     * @return false = the operand cannot be folded this way, nothing was emitted
     */
    boolean emitOtherWithMemory(boolean halfWord, int opcode, Reg register) {
        chooseFold();
        int reg = register.number();
        switch (fold) {
            case COPY, SEGMENT -> rewriter.otherWithMemory(segment, halfWord, opcode, reg);
            case ABSOLUTE -> rewriter.otherWithAbsolute(segment, halfWord, opcode, reg, absolute);
            case DYNAMIC, UNSUPPORTED -> {
                return false;
            }
        }
        return true;
    }

    /** Emits the instruction itself with its memory operand folded. */
    void emitFolded() {
        emitWithFoldedMemory();
    }
}
