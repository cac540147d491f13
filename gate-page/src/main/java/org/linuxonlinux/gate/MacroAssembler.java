// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import org.linuxonlinux.asm.Assembler;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.UndoSink.Phase;

/**
 * The idioms of kernel-mode code: folds, spills to the vCPU page, virtual interrupt flag, segment
 * bases, indirect branches. They leave the arithmetic flags alone unless they say otherwise, and
 * they tell an {@link UndoSink} how to find the guest state between any two of their instructions.
 *
 * <p>The current undo is a property of the assembler: spills add to it, unspills take away from it,
 * so that idioms nest. Registers are true guest values except RSP, which holds guest RSP + FOLD;
 * host GS base = FOLD; host FS base = dynfold(guest GS base).
 */
public final class MacroAssembler extends Assembler {
    /** RFLAGS.IF (Intel SDM vol. 1 §3.4.3). */
    public static final int RFLAGS_IF = 0x200;

    /**
     * Rotation that brings address bits 47–51 to bits 0–4, where pdep takes them as the five set
     * bits of {@link AddressMap#FOLD}. In a canonical address they all equal the sign, so the
     * result is FOLD or 0.
     */
    private static final int FOLD_ROTATION = 47;

    private final UndoSink sink;
    private Phase phase = Phase.BEFORE;
    private int undo;

    /** Assembles into code; sink hears of every change of the undo. */
    public MacroAssembler(CodeBuffer code, UndoSink sink) {
        super(code);
        this.sink = sink;
    }

    /** Assembles without side table, for code in which nothing stops. */
    public MacroAssembler(CodeBuffer code) {
        this(code, (hva, phase, undo) -> {});
    }

    // ---- state of the side table ----

    /** Current undo. */
    public int undo() {
        return undo;
    }

    /** Starts the expansion of a guest instruction: nothing done, nothing to undo. */
    public void beginInstruction() {
        mark(Phase.BEFORE, Undo.NONE);
    }

    /** Sets and marks phase and undo from here on. */
    public void mark(Phase newPhase, int newUndo) {
        phase = newPhase;
        undo = newUndo;
        sink.mark(hva(), newPhase, newUndo);
    }

    /** Sets and marks the undo from here on; the phase stays. */
    public void mark(int newUndo) {
        mark(phase, newUndo);
    }

    // ---- vCPU page ----

    /** The word at an offset of {@link VcpuPageLayout}, reached RIP-relative. */
    public static Mem vcpu(int offset) {
        return Mem.ripRelative(VcpuPageLayout.hva(offset));
    }

    /** Saves reg in a slot; stops from here on restore it. */
    public void spill(Slot slot, Reg reg) {
        movq(vcpu(slot.offset()), reg);
        mark(Undo.withSpill(undo, slot, reg));
    }

    /** Reloads the register a slot holds. */
    public void unspill(Slot slot) {
        Reg reg = Undo.spilled(undo, slot);
        if (reg == null) {
            throw new IllegalStateException("no register is spilled: slot=" + slot);
        }
        movq(reg, vcpu(slot.offset()));
        mark(Undo.withSpill(undo, slot, null));
    }

    /** Saves RCX in its own word. */
    public void spillRcx() {
        movq(vcpu(VcpuPageLayout.SPILL_RCX), Reg.rcx);
        mark(Undo.withRcxSpilled(undo, true));
    }

    /** Reloads RCX from its own word. */
    public void unspillRcx() {
        movq(Reg.rcx, vcpu(VcpuPageLayout.SPILL_RCX));
        mark(Undo.withRcxSpilled(undo, false));
    }

    /**
     * Stores a 64-bit constant without a register: one store if it sign-extends from 32 bits, else
     * two.
     */
    public void storeImm64(Mem dst, long value) {
        if (value == (int) value) {
            movqImm(dst, (int) value);
        } else {
            movlImm(dst, (int) value);
            movlImm(dst.plus(4), (int) (value >> 32));
        }
    }

    // ---- fold ----

    /**
     * {@code dst = src + FOLD}. Precondition: dst ≠ src. With dst = rsp this is the commit of a
     * write to RSP; any other dst is taken for one whose old value is dead.
     */
    public void addFold(Reg dst, Reg src) {
        addConstant(dst, src, VcpuPageLayout.FOLD_CONST);
    }

    /** {@code dst = src - FOLD}. Precondition: dst ≠ src. With src = rsp: the guest's RSP. */
    public void subtractFold(Reg dst, Reg src) {
        addConstant(dst, src, VcpuPageLayout.NEG_FOLD_CONST);
    }

    /**
     * {@code reg += FOLD} with a scratch register spilled to a slot for the time. Precondition: reg
     * ≠ scratch ≠ rsp.
     *
     * @param phaseAfter phase from the change of reg on
     * @param undoAfter what undoes the change of reg (the spill is added to it)
     */
    public void addFoldInPlace(Reg reg, Reg scratch, Slot slot, Phase phaseAfter, int undoAfter) {
        spill(slot, scratch);
        addConstantTo(reg, scratch, VcpuPageLayout.FOLD_CONST);
        mark(phaseAfter, Undo.withSpill(undoAfter, slot, scratch));
        unspill(slot);
    }

    /** {@code reg -= FOLD}, as {@link #addFoldInPlace}. */
    public void subtractFoldInPlace(
            Reg reg, Reg scratch, Slot slot, Phase phaseAfter, int undoAfter) {
        spill(slot, scratch);
        addConstantTo(reg, scratch, VcpuPageLayout.NEG_FOLD_CONST);
        mark(phaseAfter, Undo.withSpill(undoAfter, slot, scratch));
        unspill(slot);
    }

    /**
     * {@code amount = } FOLD if the canonical address is upper-half, else 0. Both may be the same
     * register.
     */
    public void foldAmount(Reg amount, Reg address) {
        rorxq(amount, address, FOLD_ROTATION);
        pdepq(amount, amount, vcpu(VcpuPageLayout.FOLD_CONST));
    }

    /**
     * Forms an operand whose address is folded only if it is upper-half: {@code lea t,[ea]; rorx
     * u,t,47; pdep u,u,[FOLD_CONST]}. Precondition: t and u are free and different; ea has no
     * segment and no RSP base.
     */
    public Mem dynamicFold(Reg t, Reg u, Mem ea) {
        requireDifferent(t, u);
        leaq(t, ea);
        foldAmount(u, t);
        return Mem.indexed(t, u, 1, 0);
    }

    /** {@code dst = dynfold(src)}. Precondition: dst ≠ src, neither is rsp. */
    public void dynamicFoldInto(Reg dst, Reg src) {
        requireDifferent(dst, src);
        foldAmount(dst, src);
        leaq(dst, Mem.indexed(src, dst, 1, 0));
    }

    // ---- virtual interrupt flag ----

    /** Inline cli. Postcondition: committed. */
    public void cli() {
        movqImm(vcpu(VcpuPageLayout.VIRTUAL_IF), 0);
        mark(Phase.COMMITTED, Undo.NONE);
    }

    /**
     * Inline sti without the pending check, which belongs after the instruction that follows
     * (interrupt shadow, so that {@code sti; hlt} stays one). Postcondition: committed.
     */
    public void sti() {
        movqImm(vcpu(VcpuPageLayout.VIRTUAL_IF), RFLAGS_IF);
        mark(Phase.COMMITTED, Undo.NONE);
    }

    /**
     * Jumps to pendingExit if an interrupt wants in and falls through otherwise. Precondition:
     * committed, nothing spilled. At the label RCX is spilled; bind it with {@link #pendingExit}.
     */
    public void pendingCheck(Label pendingExit) {
        spillRcx();
        movq(Reg.rcx, vcpu(VcpuPageLayout.PENDING));
        Label none = new Label("nothing pending");
        jrcxz(none);
        jmp(pendingExit);
        bind(none);
        unspillRcx();
    }

    /**
     * The out-of-line end of {@link #pendingCheck}: an INTERRUPT_WINDOW exit before the instruction
     * at guestRip.
     */
    public void pendingExit(Label pendingExit, long guestRip, long exitHva) {
        bind(pendingExit);
        mark(Phase.COMMITTED, Undo.withRcxSpilled(Undo.NONE, true));
        unspillRcx();
        exit(ExitReason.INTERRUPT_WINDOW, guestRip, exitHva);
    }

    /**
     * Inline 64-bit pushf: the native flags with IF replaced by the virtual one. Uses slots A and
     * B. Postcondition: committed. The stack may fault at the first instruction; if it faults later
     * the undo takes the push back.
     */
    public void pushf() {
        pushfq();
        mark(Undo.withRspDelta(undo, 8));
        spill(Slot.A, Reg.rax);
        spill(Slot.B, Reg.rbx);
        movq(Reg.rax, Mem.base(Reg.rsp));
        movq(Reg.rbx, vcpu(VcpuPageLayout.VIRTUAL_IF));
        // Native IF always reads 1: subtract it and add the virtual one.
        leaq(Reg.rax, Mem.indexed(Reg.rax, Reg.rbx, 1, -RFLAGS_IF));
        movq(Mem.base(Reg.rsp), Reg.rax);
        mark(Phase.COMMITTED, Undo.withRspDelta(undo, 0));
        unspill(Slot.B);
        unspill(Slot.A);
    }

    /**
     * Inline 64-bit popf without the pending check. Uses slot A. RFLAGS: all from the stack; before
     * that the arithmetic flags are dead and are overwritten. Postcondition: committed. A value
     * with TF, NT or AC acts natively.
     */
    public void popf() {
        spill(Slot.A, Reg.rax);
        movq(Reg.rax, Mem.base(Reg.rsp));
        andlImm(Reg.rax, RFLAGS_IF);
        popfq();
        mark(Undo.withRspDelta(undo, -8));
        movq(vcpu(VcpuPageLayout.VIRTUAL_IF), Reg.rax);
        mark(Phase.COMMITTED, Undo.withRspDelta(undo, 0));
        unspill(Slot.A);
    }

    // ---- ports ----

    /**
     * The start of an inline {@code in al,dx} or {@code out dx,al}: jumps to hit if DX is the port.
     * What follows, up to hit, is for misses and must leave; it is at most 60 bytes. At hit RCX is
     * spilled.
     */
    public void portTest(int port, Label hit, Label miss) {
        spillRcx();
        movzxw(Reg.rcx, Reg.rdx);
        leaq(Reg.rcx, Mem.base(Reg.rcx, -port));
        jrcxz(hit);
        bind(miss);
        unspillRcx();
    }

    /**
     * The end of an inline {@code in al,dx}: AL from PORT_INPUT, unless that is 0. Postcondition:
     * committed.
     */
    public void portInputHit(Label hit, Label miss) {
        bind(hit);
        mark(Phase.BEFORE, Undo.withRcxSpilled(Undo.NONE, true));
        movzxb(Reg.rcx, vcpu(VcpuPageLayout.PORT_INPUT));
        jrcxz(miss);
        movb(Reg.rax, Reg.rcx);
        mark(Phase.COMMITTED, undo);
        unspillRcx();
    }

    /**
     * The end of an inline {@code out dx,al}: AL to PORT_OUTPUT, if there is room. Uses slot A.
     * Postcondition: committed.
     */
    public void portOutputHit(Label hit, Label miss) {
        bind(hit);
        mark(Phase.BEFORE, Undo.withRcxSpilled(Undo.NONE, true));
        movq(Reg.rcx, vcpu(VcpuPageLayout.PORT_OUTPUT_ROOM));
        jrcxz(miss);
        spill(Slot.A, Reg.rbx);
        leaq(Reg.rbx, vcpu(VcpuPageLayout.PORT_OUTPUT));
        leaq(Reg.rcx, Mem.base(Reg.rcx, -1));
        movb(Mem.indexed(Reg.rbx, Reg.rcx, 1, 0), Reg.rax);
        // The byte counts from here on.
        movq(vcpu(VcpuPageLayout.PORT_OUTPUT_ROOM), Reg.rcx);
        mark(Phase.COMMITTED, undo);
        unspill(Slot.A);
        unspillRcx();
    }

    // ---- timer ----

    /**
     * The start of an inline {@code wrmsr}: jumps to hit if ECX is the register. What follows, up
     * to hit, is for misses and must leave; it is at most 60 bytes. At hit RCX is spilled.
     */
    public void msrTest(int msr, Label hit, Label miss) {
        spillRcx();
        movl(Reg.rcx, Reg.rcx);
        leaq(Reg.rcx, Mem.base(Reg.rcx, -msr));
        jrcxz(hit);
        bind(miss);
        unspillRcx();
    }

    /**
     * The end of an inline write of the TSC-deadline timer: EDX:EAX to TIMER_DEADLINE, which counts
     * unless it comes before the floor. The floor is looked at behind a barrier, and so is the
     * deadline by whoever raises the floor: one of the two notices. A miss leaves the deadline
     * there for the monitor, which then sets the same again. Uses slot A. Postcondition: committed.
     */
    public void timerWriteHit(Label hit, Label miss) {
        bind(hit);
        Label counts = new Label("deadline counts");
        mark(Phase.BEFORE, Undo.withRcxSpilled(Undo.NONE, true));
        movl(vcpu(VcpuPageLayout.TIMER_SCRATCH), Reg.rax);
        movl(vcpu(VcpuPageLayout.TIMER_SCRATCH + 4), Reg.rdx);
        movq(Reg.rcx, vcpu(VcpuPageLayout.TIMER_SCRATCH));
        xchgq(vcpu(VcpuPageLayout.TIMER_DEADLINE), Reg.rcx);
        spill(Slot.A, Reg.rbx);
        movq(Reg.rcx, vcpu(VcpuPageLayout.TIMER_SCRATCH));
        movq(Reg.rbx, vcpu(VcpuPageLayout.NEG_TIMER_FLOOR));
        leaq(Reg.rcx, Mem.indexed(Reg.rcx, Reg.rbx, 1, 0));
        unspill(Slot.A);
        // Deadline - floor: its upper 16 bits are 0 from the floor on, for a day.
        rorxq(Reg.rcx, Reg.rcx, 48);
        movzxw(Reg.rcx, Reg.rcx);
        jrcxz(counts);
        jmp(miss);
        bind(counts);
        mark(Phase.COMMITTED, Undo.withRcxSpilled(Undo.NONE, true));
        unspillRcx();
    }

    // ---- segment bases ----

    /**
     * Inline swapgs: exchanges GS_BASE and KERNEL_GS_BASE and loads the host FS base with dynfold
     * of the new GS base (the user's is lower-half; a plain fold of it would not be canonical).
     * Uses slots A and B. Postcondition: committed.
     */
    public void swapgs() {
        spill(Slot.A, Reg.rax);
        spill(Slot.B, Reg.rbx);
        movq(Reg.rbx, vcpu(VcpuPageLayout.KERNEL_GS_BASE));
        dynamicFoldInto(Reg.rax, Reg.rbx);
        wrfsbase(Reg.rax);
        movq(Reg.rax, vcpu(VcpuPageLayout.GS_BASE));
        int spills = undo;
        movq(vcpu(VcpuPageLayout.GS_BASE), Reg.rbx);
        mark(Undo.ROLL_FORWARD);
        movq(vcpu(VcpuPageLayout.KERNEL_GS_BASE), Reg.rax);
        mark(Phase.COMMITTED, spills);
        unspill(Slot.B);
        unspill(Slot.A);
    }

    /** Inline {@code rdfsbase dst}, 64-bit. */
    public void readFsBase(Reg dst) {
        movq(dst, vcpu(VcpuPageLayout.FS_BASE));
    }

    /** Inline {@code rdgsbase dst}, 64-bit. */
    public void readGsBase(Reg dst) {
        movq(dst, vcpu(VcpuPageLayout.GS_BASE));
    }

    /**
     * Inline {@code wrfsbase src}, 64-bit: only the guest's word; the host FS base serves the
     * guest's GS.
     */
    public void writeFsBase(Reg src) {
        movq(vcpu(VcpuPageLayout.FS_BASE), src);
        mark(Phase.COMMITTED, undo);
    }

    /**
     * Inline {@code wrgsbase src}, 64-bit: loads the host FS base with dynfold(src), then the
     * guest's word. Uses slot A. Precondition: src ≠ rsp. Postcondition: committed.
     */
    public void writeGsBase(Reg src) {
        Reg scratch = src == Reg.rax ? Reg.rdx : Reg.rax;
        spill(Slot.A, scratch);
        dynamicFoldInto(scratch, src);
        wrfsbase(scratch);
        movq(vcpu(VcpuPageLayout.GS_BASE), src);
        mark(Phase.COMMITTED, undo);
        unspill(Slot.A);
    }

    // ---- between user mode and kernel mode ----

    /**
     * What every way from user mode into the guest kernel has in common: the host's GS base. Here
     * belongs what opens the kernel's memory to it; with isolation=shared it is always open.
     *
     * @param fold holds FOLD
     */
    public void enterKernelMode(Reg fold) {
        wrgsbase(fold);
    }

    /**
     * What every way from the guest kernel to user mode has in common: the user's segment bases.
     * Here belongs what closes the kernel's memory, as {@link #enterKernelMode} opens it; what
     * follows it still needs the vCPU page.
     *
     * @param scratch overwritten
     */
    public void enterUserMode(Reg scratch) {
        movq(scratch, vcpu(VcpuPageLayout.FS_BASE));
        wrfsbase(scratch);
        movq(scratch, vcpu(VcpuPageLayout.GS_BASE));
        wrgsbase(scratch);
    }

    // ---- branches and exits ----

    /** The branch-table entry of the guest RIP in RCX. */
    public static Mem branchTableEntry() {
        return Mem.indexed(null, Reg.rcx, 8, AddressMap.BRANCH_TABLE_DISP32).gs();
    }

    /**
     * Near return through the flat table. An absent entry is 0, so that the stop is at host RIP 0
     * with the target in RCX, RCX spilled and all else as after the return; up to the jump the undo
     * gives the state before it.
     */
    public void returnIndirect() {
        spillRcx();
        pop(Reg.rcx);
        mark(Undo.withRspDelta(undo, -8));
        jmp(branchTableEntry());
    }

    /**
     * Indirect jump to a register through the flat table. With rsp the caller has taken the fold
     * out before.
     */
    public void jumpIndirect(Reg target) {
        spillRcx();
        if (target != Reg.rcx) {
            movq(Reg.rcx, target);
        }
        jmp(branchTableEntry());
    }

    /** Indirect jump to a memory operand (already folded) through the flat table. */
    public void jumpIndirect(Mem target) {
        spillRcx();
        movq(Reg.rcx, target);
        jmp(branchTableEntry());
    }

    /**
     * What every indirect entry begins with: RCX back from its spill word. Marked as before the
     * block's first insn.
     */
    public void indirectEntry() {
        mark(Phase.BEFORE, Undo.withRcxSpilled(Undo.NONE, true));
        unspillRcx();
    }

    /**
     * Publishes an exit and jumps to the exit stub. Precondition: registers are the guest's. The
     * position counts as unchanged: undoing here is as good as exiting.
     */
    public void exit(ExitReason reason, long guestRip, long exitHva) {
        movqImm(vcpu(VcpuPageLayout.EXIT_REASON), reason.code());
        storeImm64(vcpu(VcpuPageLayout.EXIT_GUEST_RIP), guestRip);
        jmp(exitHva);
    }

    /** As {@link #exit(ExitReason, long, long)} with a detail. */
    public void exit(ExitReason reason, long guestRip, long detail, long exitHva) {
        storeImm64(vcpu(VcpuPageLayout.EXIT_DETAIL), detail);
        exit(reason, guestRip, exitHva);
    }

    /** Jumps to the sysret or iret stub on behalf of the instruction at guestRip. */
    public void enterStub(long guestRip, long stubHva) {
        storeImm64(vcpu(VcpuPageLayout.STUB_GUEST_RIP), guestRip);
        jmp(stubHva);
    }

    private void addConstant(Reg dst, Reg src, int constantOffset) {
        requireDifferent(dst, src);
        int before = undo;
        movq(dst, vcpu(constantOffset));
        if (dst == Reg.rsp) {
            mark(Undo.ROLL_FORWARD);
        }
        // RSP cannot be an index.
        leaq(dst, src == Reg.rsp ? Mem.indexed(src, dst, 1, 0) : Mem.indexed(dst, src, 1, 0));
        if (dst == Reg.rsp) {
            mark(Phase.COMMITTED, before);
        }
    }

    private void addConstantTo(Reg reg, Reg scratch, int constantOffset) {
        requireDifferent(reg, scratch);
        movq(scratch, vcpu(constantOffset));
        leaq(reg, Mem.indexed(reg, scratch, 1, 0));
    }

    private static void requireDifferent(Reg a, Reg b) {
        if (a == b) {
            throw new IllegalArgumentException("registers must differ: " + a);
        }
    }
}
