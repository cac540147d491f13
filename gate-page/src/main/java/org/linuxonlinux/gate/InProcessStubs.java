// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.linuxonlinux.asm.Reg.r10;
import static org.linuxonlinux.asm.Reg.r11;
import static org.linuxonlinux.asm.Reg.r8;
import static org.linuxonlinux.asm.Reg.r9;
import static org.linuxonlinux.asm.Reg.rax;
import static org.linuxonlinux.asm.Reg.rbp;
import static org.linuxonlinux.asm.Reg.rbx;
import static org.linuxonlinux.asm.Reg.rcx;
import static org.linuxonlinux.asm.Reg.rdi;
import static org.linuxonlinux.asm.Reg.rdx;
import static org.linuxonlinux.asm.Reg.rsi;
import static org.linuxonlinux.asm.Reg.rsp;
import static org.linuxonlinux.gate.MacroAssembler.vcpu;

import org.linuxonlinux.asm.Cond;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.GatePosition.Kind;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.SignalFrame;

/**
 * The part of the gate that does without a tracer: hand-over to the monitor through shared memory,
 * and the handler of all signals.
 *
 * <p>While the monitor has the hand the vCPU's state is in the vCPU page; only vector registers may
 * still lie in a signal frame ({@code SIGNAL_FPU_STATE}). Handlers leave without sigreturn, so that
 * signals are never blocked and a kick may come at any instruction. What becomes of it depends on
 * where it hits:
 *
 * <pre>
 *   guest code, stubs      the state goes to the vCPU page, the monitor gets the hand
 *   deaf code              from where an exit is published to where resume looks at KICKED, the
 *                          way from one process to another, and the handler itself: go on; KICKED
 *                          is seen in time
 *   the rest of resume     the page still holds the whole state: back to the monitor, NOT_STARTED
 * </pre>
 */
final class InProcessStubs {
    /** Selectors that the host's 64-bit processes have. */
    private static final int USER_CS = 0x33;

    private static final int USER_DS = 0x2b;

    private static final int PAGE_SHIFT = 12;

    // The process's own area; in RBP from where it gives the hand away to where it has it again.
    private static final Mem OWN_WAKE = Mem.base(rbp, ContextAreaLayout.WAKE);
    private static final Mem OWN_SLEEPS = Mem.base(rbp, ContextAreaLayout.SLEEPS);

    // Segment registers by number.
    private static final int ES = 0;
    private static final int DS = 3;
    private static final int FS = 4;
    private static final int GS = 5;

    private static final int RFLAGS_FIXED = 2;
    private static final int RFLAGS_TF = 0x100;
    private static final int RFLAGS_NT = 0x4000;
    private static final int RFLAGS_RF = 0x1_0000;

    /** DF, NT, AC and ID: what a kernel may not find set where it masks them. */
    private static final int RFLAGS_CLEARED = 0x400 | 0x4000 | 0x4_0000 | 0x20_0000;

    // Selectors of the guest kernel (Linux v6.1 arch/x86/include/asm/segment.h).
    private static final int KERNEL_CS = 0x10;
    private static final int KERNEL_DS = 0x18;

    private final StubWriter writer;
    private final MacroAssembler masm;
    private final Label publish = new Label("publish");
    private final Label notStarted = new Label("not started");
    private final Label sleep = new Label("sleep");
    private final Label handed = new Label("handed");
    private long deafFromHva;
    private long awaitHandHva;
    private long restartFromHva;
    private long restartEndHva;
    private long resumeHva;
    private long enterKernelHva;
    private long resumeSwitchedHva;
    private long switchFromHva;
    private long switchEndHva;

    InProcessStubs(StubWriter writer) {
        this.writer = writer;
        this.masm = writer.masm;
    }

    long awaitHandHva() {
        return awaitHandHva;
    }

    /** From here on to {@link #leaveUnlessKicked} kicks are put off. */
    void startOfDeafness() {
        deafFromHva = masm.hva();
    }

    /** Hands over after an exit stub. */
    void publishExit() {
        masm.movImm(rax, VcpuPageLayout.HAND_EXIT);
        masm.jmp(publish);
    }

    /**
     * Gives the hand to the monitor and waits until it comes back.
     *
     * <pre>
     * Entered from  stubs, with the value of HAND in rax; new processes, behind the first part
     * Leaves to     RESUME_ENTRY
     * In, out       new processes: their area in rbp; vector registers from SIGNAL_FPU_STATE, if they are
     *               there; clobbers all GPRs but rsp
     * RFLAGS        clobbered
     * Faults inside none
     * </pre>
     */
    void handOver() {
        Label spin = new Label("spin");
        Label loaded = new Label("vector registers are loaded");
        Label await = new Label("await");
        masm.bind(publish);
        // From the exchange on the monitor may make another process the active one.
        masm.movq(rbp, vcpu(VcpuPageLayout.ACTIVE_AREA));
        masm.xchgq(vcpu(VcpuPageLayout.HAND), rax);
        masm.cmpqImm(vcpu(VcpuPageLayout.MONITOR_SLEEPS), 0);
        masm.jcc(Cond.e, await);
        masm.leaq(rdi, vcpu(VcpuPageLayout.HAND));
        futexWake();
        masm.bind(await);
        awaitHandHva = masm.hva();
        masm.movq(rbx, vcpu(VcpuPageLayout.SPIN_COUNT));
        masm.bind(spin);
        masm.cmpqImm(OWN_WAKE, 0);
        masm.jcc(Cond.ne, handed);
        masm.subqImm(rbx, 1);
        masm.jcc(Cond.b, sleep);
        masm.pause();
        masm.jmp(spin);

        masm.bind(sleep);
        masm.movImm(rax, 1);
        masm.xchgq(OWN_SLEEPS, rax);
        masm.cmpqImm(OWN_WAKE, 0);
        masm.jcc(Cond.ne, handed);
        futexWait();
        masm.jmp(sleep);

        masm.bind(handed);
        masm.movqImm(OWN_SLEEPS, 0);
        masm.movqImm(OWN_WAKE, 0);
        masm.movq(rbx, vcpu(VcpuPageLayout.SIGNAL_FPU_STATE));
        masm.testq(rbx, rbx);
        masm.jcc(Cond.e, loaded);
        loadVectorRegisters(rbx);
        masm.movqImm(vcpu(VcpuPageLayout.SIGNAL_FPU_STATE), 0);
        masm.bind(loaded);
        masm.jmp(vcpu(VcpuPageLayout.RESUME_ENTRY));

        masm.bind(notStarted);
        masm.movImm(rax, VcpuPageLayout.HAND_NOT_STARTED);
        masm.jmp(publish);
    }

    /** Wakes who sleeps on the word at RDI. */
    private void futexWake() {
        masm.movImm(rax, HostAbi.SYS_futex);
        masm.movImm(rsi, HostAbi.FUTEX_WAKE);
        masm.movImm(rdx, 1);
        masm.syscall();
    }

    /** Sleeps while the process's own WAKE is 0. */
    private void futexWait() {
        masm.movImm(rax, HostAbi.SYS_futex);
        masm.leaq(rdi, OWN_WAKE);
        masm.movImm(rsi, HostAbi.FUTEX_WAIT);
        masm.xorl(rdx, rdx);
        masm.xorl(r10, r10);
        masm.syscall();
    }

    /** Clobbers rax, rdx. */
    private void loadVectorRegisters(Reg stateHva) {
        masm.movImm(rax, -1);
        masm.movImm(rdx, -1);
        masm.xrstor64(Mem.base(stateHva));
    }

    /**
     * The last look at KICKED: whatever kick comes later is noticed by the handler, which finds the
     * whole state in the page as long as RIP is below {@link #endOfResume}.
     */
    void leaveUnlessKicked(Label byIret) {
        masm.cmpqImm(vcpu(VcpuPageLayout.KICKED), 0);
        restartFromHva = masm.hva();
        masm.jcc(Cond.ne, notStarted);
        masm.cmpqImm(vcpu(VcpuPageLayout.RESUME_BY_IRET), 0);
        masm.jcc(Cond.ne, byIret);
    }

    /** Where the code ends in which the page holds the whole state. */
    void endOfResume(long resumeStubHva) {
        resumeHva = resumeStubHva;
        restartEndHva = masm.hva();
    }

    /**
     * The handler of all signals.
     *
     * <pre>
     * Entered from  the host kernel, on the signal stack, vector registers in their initial state
     * Leaves to     the monitor (SIGNAL, NOT_STARTED); the code it interrupted; for a 64-bit system call: resume
     * In, out       edi = signal, rsi = siginfo, rdx = ucontext; GPRs, RFLAGS, RIP, CS, SS to the vCPU page
     * RFLAGS        saved
     * Faults inside none
     * </pre>
     */
    void onSignal() {
        int startOffset = offset(masm.hva());
        Label elsewhere = new Label("elsewhere");
        Label restart = new Label("restart");
        Label goOn = new Label("go on");
        Label nested = new Label("nested task");
        Label notNested = new Label("no nested task");
        writer.mark(Kind.EXITING, Undo.NONE);
        // The host hands this flag on, and IRETQ refuses it.
        masm.testlImm(Mem.base(rdx, SignalFrame.RFLAGS), RFLAGS_NT);
        masm.jcc(Cond.ne, nested);
        masm.bind(notNested);
        masm.movq(rax, Mem.base(rdx, SignalFrame.RIP));
        masm.movabs(r8, AddressMap.GATE_CODE_HVA);
        masm.movq(rcx, rax);
        masm.subq(rcx, r8);
        masm.cmpqImm(rcx, AddressMap.GATE_CODE_SIZE_BYTES);
        masm.jcc(Cond.ae, elsewhere);
        masm.cmplImm(rdi, GateCode.KICK_SIGNAL);
        masm.jcc(Cond.ne, elsewhere);
        masm.cmpqImm(rcx, offset(deafFromHva));
        masm.jcc(Cond.b, elsewhere);
        masm.cmpqImm(rcx, offset(restartFromHva));
        masm.jcc(Cond.b, goOn);
        masm.cmpqImm(rcx, offset(restartEndHva));
        masm.jcc(Cond.b, restart);
        masm.cmpqImm(rcx, offset(switchFromHva));
        masm.jcc(Cond.b, elsewhere);
        masm.cmpqImm(rcx, offset(switchEndHva));
        masm.jcc(Cond.b, goOn);
        // The handler is the gate's last stub.
        masm.cmpqImm(rcx, startOffset);
        masm.jcc(Cond.ae, goOn);

        masm.bind(elsewhere);
        publishSignal();

        masm.bind(restart);
        masm.movq(rbx, Mem.base(rdx, SignalFrame.FPU_STATE));
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_FPU_STATE), rbx);
        masm.jmp(notStarted);

        masm.bind(nested);
        masm.pushImm(RFLAGS_FIXED);
        masm.popfq();
        masm.jmp(notNested);

        masm.bind(goOn);
        returnFromSignal();
    }

    /** Saves the state; enters the guest kernel for a system call, else hands over. rax = RIP. */
    private void publishSignal() {
        Label monitor = new Label("to the monitor");
        masm.movq(vcpu(VcpuPageLayout.RESUME_HOST_RIP), rax);
        for (int i = 0; i < 16; i++) {
            masm.movq(rcx, Mem.base(rdx, SignalFrame.gpr(i)));
            masm.movq(vcpu(VcpuPageLayout.gpr(i)), rcx);
        }
        masm.movq(rbx, Mem.base(rdx, SignalFrame.RFLAGS));
        masm.movq(vcpu(VcpuPageLayout.RFLAGS), rbx);
        masm.movzxw(rcx, Mem.base(rdx, SignalFrame.CS));
        masm.movq(vcpu(VcpuPageLayout.RESUME_CS), rcx);
        masm.movzxw(rcx, Mem.base(rdx, SignalFrame.SS));
        masm.movq(vcpu(VcpuPageLayout.RESUME_SS), rcx);
        masm.rdfsbase(r8);
        masm.rdgsbase(r9);
        masm.cmplImm(rdi, HostAbi.SIGSYS);
        masm.jcc(Cond.ne, monitor);
        masm.cmplImm(Mem.base(rsi, SignalFrame.SI_ARCH), HostAbi.AUDIT_ARCH_X86_64);
        masm.jcc(Cond.ne, monitor);
        // A call of the vsyscall page has no instruction in the guest.
        masm.cmpqImm(Mem.base(rsi, SignalFrame.SI_ADDRESS), 0);
        masm.jcc(Cond.s, monitor);
        countCall(monitor);
        masm.movq(rcx, vcpu(VcpuPageLayout.SYSCALL_ENTRY));
        masm.testq(rcx, rcx);
        masm.jcc(Cond.e, monitor);
        systemCall();

        masm.bind(monitor);
        masm.movq(vcpu(VcpuPageLayout.HOST_FS_BASE), r8);
        masm.movq(vcpu(VcpuPageLayout.HOST_GS_BASE), r9);
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_NUMBER), rdi);
        masm.movsxd(rcx, Mem.base(rsi, SignalFrame.SI_CODE));
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_CODE), rcx);
        masm.movq(rcx, Mem.base(rsi, SignalFrame.SI_ADDRESS));
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_ADDRESS), rcx);
        masm.movq(rcx, Mem.base(rdx, SignalFrame.ERROR_CODE));
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_ERROR_CODE), rcx);
        masm.movq(rcx, Mem.base(rdx, SignalFrame.FPU_STATE));
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_FPU_STATE), rcx);
        masm.movImm(rax, VcpuPageLayout.HAND_SIGNAL);
        masm.jmp(publish);
    }

    /**
     * What SYSCALL does (Intel SDM vol. 2, SYSCALL), on the state in the vCPU page. rax = return
     * RIP, rbx = flags, rcx = the kernel's entry, r8 and r9 = the user's bases. The host's FS base
     * serves the kernel's GS from its first SWAPGS on, which loads it.
     */
    private void systemCall() {
        masm.movq(vcpu(VcpuPageLayout.FS_BASE), r8);
        masm.movq(vcpu(VcpuPageLayout.GS_BASE), r9);
        masm.movq(vcpu(VcpuPageLayout.SPILL_RCX), rax);
        masm.movq(vcpu(VcpuPageLayout.gpr(rcx.number())), rcx);
        // The host's IF always reads 1.
        masm.andqImm(rbx, ~(MacroAssembler.RFLAGS_IF | RFLAGS_RF));
        masm.orq(rbx, vcpu(VcpuPageLayout.VIRTUAL_IF));
        masm.movq(vcpu(VcpuPageLayout.gpr(Reg.r11.number())), rbx);
        masm.andq(rbx, vcpu(VcpuPageLayout.SYSCALL_FLAGS_KEPT));
        masm.movl(rcx, rbx);
        masm.andlImm(rcx, MacroAssembler.RFLAGS_IF);
        masm.movq(vcpu(VcpuPageLayout.VIRTUAL_IF), rcx);
        masm.orqImm(rbx, RFLAGS_FIXED);
        masm.movq(vcpu(VcpuPageLayout.RFLAGS), rbx);
        masm.movq(rcx, vcpu(VcpuPageLayout.gpr(rsp.number())));
        masm.movq(r8, vcpu(VcpuPageLayout.FOLD_CONST));
        masm.addq(rcx, r8);
        masm.movq(vcpu(VcpuPageLayout.gpr(rsp.number())), rcx);
        masm.movqImm(vcpu(VcpuPageLayout.CS_SEL), KERNEL_CS);
        masm.movqImm(vcpu(VcpuPageLayout.SS_SEL), KERNEL_DS);
        masm.leaq(rcx, Mem.ripRelative(enterKernelHva));
        masm.movq(vcpu(VcpuPageLayout.RESUME_HOST_RIP), rcx);
        masm.movqImm(vcpu(VcpuPageLayout.RESUME_BY_IRET), 0);
        masm.leaq(rcx, Mem.ripRelative(resumeHva));
        masm.movq(vcpu(VcpuPageLayout.RESUME_ENTRY), rcx);
        masm.movq(vcpu(VcpuPageLayout.HOST_GS_BASE), r8);
        masm.addqImm(vcpu(VcpuPageLayout.COUNT_SYSCALL), 1);
        masm.movq(rbx, Mem.base(rdx, SignalFrame.FPU_STATE));
        loadVectorRegisters(rbx);
        masm.enterKernelMode(r8);
        masm.jmp(resumeHva);
    }

    /**
     * Goes on where the signal came, with the kick left to be seen in KICKED. rdx = ucontext.
     * Another kick may come in between: it does the same.
     */
    private void returnFromSignal() {
        masm.pushImm(USER_DS);
        masm.push(Mem.base(rdx, SignalFrame.gpr(rsp.number())));
        masm.push(Mem.base(rdx, SignalFrame.RFLAGS));
        masm.pushImm(USER_CS);
        masm.push(Mem.base(rdx, SignalFrame.RIP));
        masm.movq(r8, rdx);
        masm.movq(rbx, Mem.base(r8, SignalFrame.FPU_STATE));
        loadVectorRegisters(rbx);
        for (int i = 0; i < 16; i++) {
            if (i != rsp.number() && i != r8.number()) {
                masm.movq(Reg.of(i), Mem.base(r8, SignalFrame.gpr(i)));
            }
        }
        masm.movq(r8, Mem.base(r8, SignalFrame.gpr(r8.number())));
        masm.iretq();
    }

    /**
     * Enters the guest kernel at the address in RCX, for a system call.
     *
     * <pre>
     * Entered from  resume, RCX = SYSCALL_ENTRY, the user's in SPILL_RCX
     * Leaves to     the indirect entry of the block there
     * In, out       as the indirect entry finds them
     * RFLAGS        unchanged
     * Faults inside an absent branch table entry stops at host RIP 0
     * </pre>
     */
    void enterKernel() {
        enterKernelHva = masm.hva();
        writer.mark(Kind.BRANCH_TABLE_JUMP, Undo.withRcxSpilled(Undo.NONE, true));
        masm.jmp(MacroAssembler.branchTableEntry());
    }

    /**
     * Saves vector and segment registers for another context process that is to go on in this one's
     * place.
     *
     * <pre>
     * Entered from  the monitor, as RESUME_ENTRY
     * Leaves to     the monitor
     * In, out       vector registers to VECTOR_STATE; clobbers rax, rdx, rbp
     * RFLAGS        clobbered
     * Faults inside none
     * </pre>
     */
    void saveVectors() {
        writer.mark(Kind.EXITING, Undo.NONE);
        saveSegment(ES, VcpuPageLayout.ES_SEL);
        saveSegment(DS, VcpuPageLayout.DS_SEL);
        saveSegment(FS, VcpuPageLayout.FS_SEL);
        saveSegment(GS, VcpuPageLayout.GS_SEL);
        saveVectorRegisters();
        masm.movImm(rax, VcpuPageLayout.HAND_EXIT);
        masm.jmp(publish);
    }

    private void saveSegment(int segment, int offset) {
        masm.readSegment(rax, segment);
        masm.movq(vcpu(offset), rax);
    }

    private void saveVectorRegisters() {
        masm.leaq(rbp, vcpu(VcpuPageLayout.VECTOR_STATE));
        masm.movImm(rax, -1);
        masm.movImm(rdx, -1);
        masm.xsave64(Mem.base(rbp));
        masm.movq(vcpu(VcpuPageLayout.SIGNAL_FPU_STATE), rbp);
    }

    /**
     * Goes on in kernel mode in another context process than before. The guest's ES, DS, FS and GS
     * are 0.
     *
     * <pre>
     * Entered from  handOver, as RESUME_ENTRY
     * Leaves to     resumeKernel
     * In, out       ES, DS, FS, GS = 0; clobbers rax, rcx
     * RFLAGS        clobbered
     * Faults inside none
     * </pre>
     */
    void resumeSwitched(long resumeKernelHva) {
        Label clean = new Label("no segments");
        resumeSwitchedHva = masm.hva();
        writer.mark(Kind.RESUMING, Undo.NONE);
        orSegments(rax, rcx);
        masm.testq(rax, rax);
        masm.jcc(Cond.e, clean);
        masm.xorl(rax, rax);
        for (int segment : new int[] {ES, DS, FS, GS}) {
            masm.loadSegment(segment, rax);
        }
        masm.bind(clean);
        masm.jmp(resumeKernelHva);
    }

    private void orSegments(Reg dst, Reg scratch) {
        masm.readSegment(dst, ES);
        for (int segment : new int[] {DS, FS, GS}) {
            masm.readSegment(scratch, segment);
            masm.orq(dst, scratch);
        }
    }

    /**
     * A write of CR3 by the guest kernel: goes on in the context process that has the address
     * space, if there is one that is up to date.
     *
     * <pre>
     * Entered from  translated code that has stored STUB_GUEST_RIP, STUB_NEXT_RIP and NEW_CR3, by jmp
     * Leaves to     the indirect entry of STUB_NEXT_RIP in the process of the address space; the monitor, before
     *               the instruction
     * In, out       CR3 in the vCPU page; all GPRs kept; vector registers through VECTOR_STATE
     * RFLAGS        the arithmetic ones are undefined, as the instruction leaves them
     * Faults inside none but an absent branch table entry, which stops at host RIP 0
     * </pre>
     */
    void writeCr3(Runnable slowExit) {
        Label slow = new Label("switch slow");
        Label next = new Label("next slot");
        Label awake = new Label("target is awake");
        writer.mark(Kind.BEFORE, Undo.NONE);
        masm.spill(Slot.A, rax);
        masm.spill(Slot.B, rbx);
        masm.spill(Slot.C, rcx);
        masm.spill(Slot.D, rdx);
        masm.movq(rax, vcpu(VcpuPageLayout.NEW_CR3));
        masm.testq(rax, rax);
        masm.jcc(Cond.ns, slow);
        masm.movabs(rdx, Long.MAX_VALUE);
        masm.andq(rax, rdx);
        masm.leaq(rcx, vcpu(VcpuPageLayout.SLOT_CR3));
        masm.movImm(rbx, AddressMap.MAX_CONTEXTS);
        masm.bind(next);
        masm.subqImm(rbx, 1);
        masm.jcc(Cond.b, slow);
        masm.cmpq(rax, Mem.indexed(rcx, rbx, Long.BYTES, 0));
        masm.jcc(Cond.ne, next);
        masm.cmpqImm(vcpu(VcpuPageLayout.PREMAPPED_GVA), 0);
        masm.jcc(Cond.ne, slow);
        orSegments(rcx, rdx);
        masm.testq(rcx, rcx);
        masm.jcc(Cond.ne, slow);
        // The next instruction must have an entry in the branch table.
        masm.movsxd(rcx, vcpu(VcpuPageLayout.STUB_NEXT_RIP));
        masm.testq(rcx, rcx);
        masm.jcc(Cond.ns, slow);
        masm.cmpq(rcx, vcpu(VcpuPageLayout.STUB_NEXT_RIP));
        masm.jcc(Cond.ne, slow);

        switchFromHva = masm.hva();
        writer.mark(Kind.EXITING, Undo.NONE);
        masm.movq(vcpu(VcpuPageLayout.CR3), rax);
        masm.movq(vcpu(VcpuPageLayout.gpr(rcx.number())), rcx);
        moveWord(VcpuPageLayout.gpr(rax.number()), VcpuPageLayout.SPILL_A, rax);
        moveWord(VcpuPageLayout.gpr(rbx.number()), VcpuPageLayout.SPILL_B, rax);
        moveWord(VcpuPageLayout.SPILL_RCX, VcpuPageLayout.SPILL_C, rax);
        moveWord(VcpuPageLayout.gpr(rdx.number()), VcpuPageLayout.SPILL_D, rax);
        for (int i = rsp.number(); i < 16; i++) {
            masm.movq(vcpu(VcpuPageLayout.gpr(i)), Reg.of(i));
        }
        masm.leaq(rsp, vcpu(VcpuPageLayout.GATE_STACK_TOP));
        masm.pushfq();
        masm.pop(vcpu(VcpuPageLayout.RFLAGS));
        saveVectorRegisters();
        masm.leaq(rcx, Mem.ripRelative(enterKernelHva));
        masm.movq(vcpu(VcpuPageLayout.RESUME_HOST_RIP), rcx);
        masm.movqImm(vcpu(VcpuPageLayout.RESUME_BY_IRET), 0);
        moveWord(VcpuPageLayout.HOST_GS_BASE, VcpuPageLayout.FOLD_CONST, rcx);
        masm.leaq(rcx, Mem.ripRelative(resumeSwitchedHva));
        masm.movq(vcpu(VcpuPageLayout.RESUME_ENTRY), rcx);
        masm.movqImm(vcpu(VcpuPageLayout.PREMAP_GVA), 0);
        masm.addqImm(vcpu(VcpuPageLayout.COUNT_SWITCH), 1);
        masm.movq(rdx, vcpu(VcpuPageLayout.ACTIVE_SLOT));
        exchangeReturn(VcpuPageLayout.SLOT_RETURN_RIP, VcpuPageLayout.GATE_RETURN_RIP);
        exchangeReturn(VcpuPageLayout.SLOT_RETURN_TO, VcpuPageLayout.GATE_RETURN_TO);
        masm.movq(rbp, vcpu(VcpuPageLayout.ACTIVE_AREA));
        masm.leaq(rcx, vcpu(VcpuPageLayout.SLOT_AREA));
        masm.movq(r10, Mem.indexed(rcx, rbx, Long.BYTES, 0));
        masm.movq(vcpu(VcpuPageLayout.ACTIVE_AREA), r10);
        masm.movq(vcpu(VcpuPageLayout.ACTIVE_SLOT), rbx);
        masm.cmpq(r10, rbp);
        masm.jcc(Cond.e, handed);
        masm.movImm(rax, 1);
        masm.xchgq(Mem.base(r10, ContextAreaLayout.WAKE), rax);
        masm.cmpqImm(Mem.base(r10, ContextAreaLayout.SLEEPS), 0);
        masm.jcc(Cond.e, awake);
        masm.leaq(rdi, Mem.base(r10, ContextAreaLayout.WAKE));
        futexWake();
        masm.bind(awake);
        masm.jmp(sleep);
        switchEndHva = masm.hva();

        masm.bind(slow);
        writer.mark(
                Kind.BEFORE,
                Undo.withSpill(
                        Undo.withSpill(
                                Undo.withSpill(Undo.withSpill(Undo.NONE, Slot.A, rax), Slot.B, rbx),
                                Slot.C,
                                rcx),
                        Slot.D,
                        rdx));
        masm.unspill(Slot.D);
        masm.unspill(Slot.C);
        masm.unspill(Slot.B);
        masm.unspill(Slot.A);
        slowExit.run();
    }

    /** Saves a word by the slot in RDX and loads it by the slot in RBX. Clobbers rax, rcx. */
    private void exchangeReturn(int bySlotOffset, int offset) {
        masm.leaq(rcx, vcpu(bySlotOffset));
        masm.movq(rax, vcpu(offset));
        masm.movq(Mem.indexed(rcx, rdx, Long.BYTES, 0), rax);
        masm.movq(rax, Mem.indexed(rcx, rbx, Long.BYTES, 0));
        masm.movq(vcpu(offset), rax);
    }

    private void moveWord(int toOffset, int fromOffset, Reg scratch) {
        masm.movq(scratch, vcpu(fromOffset));
        masm.movq(vcpu(toOffset), scratch);
    }

    /**
     * USER_TARGET = RCX, or where the return point is that a patch has overwritten. Clobbers rax.
     */
    void chooseUserTarget() {
        Label target = new Label("user target");
        masm.movq(rax, rcx);
        masm.cmpq(rcx, vcpu(VcpuPageLayout.GATE_RETURN_RIP));
        masm.jcc(Cond.ne, target);
        masm.movq(rax, vcpu(VcpuPageLayout.GATE_RETURN_TO));
        masm.bind(target);
        masm.movq(vcpu(VcpuPageLayout.USER_TARGET), rax);
    }

    /**
     * Counts a call from the site in rax; to the monitor with some. The word of another site is
     * taken over, or every new program's sites would wait for the counts of old ones to go round.
     * Clobbers rcx, r10–r13.
     */
    private void countCall(Label monitor) {
        Label same = new Label("counter of this site");
        Reg index = r10;
        Reg counters = r11;
        Reg tag = Reg.r12;
        Reg count = Reg.r13;
        masm.rorxq(index, rax, PAGE_SHIFT);
        masm.addq(index, rax);
        masm.andlImm(index, VcpuPageLayout.SITE_COUNTER_COUNT - 1);
        masm.leaq(counters, vcpu(VcpuPageLayout.SITE_COUNTERS));
        Mem counter = Mem.indexed(counters, index, Long.BYTES, 0);
        masm.rorxq(tag, rax, Long.SIZE - VcpuPageLayout.SITE_COUNT_BITS);
        masm.movq(rcx, counter);
        masm.movq(count, rcx);
        masm.subq(count, tag);
        masm.cmpqImm(count, (1 << VcpuPageLayout.SITE_COUNT_BITS) - 1);
        masm.jcc(Cond.be, same);
        masm.movq(rcx, tag);
        masm.bind(same);
        masm.addqImm(rcx, 1);
        masm.movq(counter, rcx);
        masm.subq(rcx, tag);
        masm.cmpqImm(rcx, VcpuPageLayout.SITE_HOT_CALLS);
        masm.jcc(Cond.e, monitor);
        masm.testlImm(rcx, VcpuPageLayout.SITE_RETRY_CALLS - 1);
        masm.jcc(Cond.e, monitor);
    }

    /**
     * What SYSCALL does, for user code whose call sites jump here.
     *
     * <pre>
     * Entered from  user mode, by the jump of a patched call site's thunk
     * Leaves to     the guest kernel's SYSCALL_ENTRY
     * In, out       RCX = return RIP; all other registers the user's; kernel mode's bases but for the host's FS
     *               base, which serves the kernel's GS from its first SWAPGS on, and that loads it
     * RFLAGS        to R11; then those that matter in the kernel are clear and the arithmetic ones undefined
     * Faults inside an absent branch table entry stops at host RIP 0
     * </pre>
     */
    void callGate() {
        Label flags = new Label("flags to be cleared");
        Label cleared = new Label("flags are clear");
        Label unusable = new Label("no entry");
        writer.mark(Kind.ROLL_FORWARD, Undo.NONE);
        masm.movq(vcpu(VcpuPageLayout.SPILL_A), rsp);
        masm.leaq(rsp, vcpu(VcpuPageLayout.GATE_STACK_TOP));
        masm.pushfq();
        masm.pop(Reg.r11);
        masm.testlImm(Reg.r11, RFLAGS_CLEARED);
        masm.jcc(Cond.ne, flags);
        masm.bind(cleared);
        masm.movq(vcpu(VcpuPageLayout.SPILL_B), rax);
        // TF is the monitor's own if it steps through here: a user's has trapped in the thunk.
        masm.andqImm(Reg.r11, ~(MacroAssembler.RFLAGS_IF | RFLAGS_RF | RFLAGS_TF));
        masm.orq(Reg.r11, vcpu(VcpuPageLayout.VIRTUAL_IF));
        masm.rdfsbase(rax);
        masm.movq(vcpu(VcpuPageLayout.FS_BASE), rax);
        masm.rdgsbase(rax);
        masm.movq(vcpu(VcpuPageLayout.GS_BASE), rax);
        masm.movq(rax, vcpu(VcpuPageLayout.FOLD_CONST));
        masm.movq(rsp, vcpu(VcpuPageLayout.SPILL_A));
        masm.addq(rsp, rax);
        masm.enterKernelMode(rax);
        masm.movqImm(vcpu(VcpuPageLayout.VIRTUAL_IF), 0);
        masm.movqImm(vcpu(VcpuPageLayout.CS_SEL), KERNEL_CS);
        masm.movqImm(vcpu(VcpuPageLayout.SS_SEL), KERNEL_DS);
        masm.addqImm(vcpu(VcpuPageLayout.COUNT_GATE_CALL), 1);
        masm.movq(rax, vcpu(VcpuPageLayout.SPILL_B));
        masm.movq(vcpu(VcpuPageLayout.SPILL_RCX), rcx);
        masm.movq(rcx, vcpu(VcpuPageLayout.SYSCALL_ENTRY));
        masm.jrcxz(unusable);
        writer.mark(Kind.BRANCH_TABLE_JUMP, Undo.withRcxSpilled(Undo.NONE, true));
        masm.jmp(MacroAssembler.branchTableEntry());

        writer.mark(Kind.ROLL_FORWARD, Undo.NONE);
        masm.bind(flags);
        masm.pushImm(RFLAGS_FIXED);
        masm.popfq();
        masm.jmp(cleared);
        masm.bind(unusable);
        masm.ud2();
    }

    private static int offset(long hva) {
        return (int) (hva - AddressMap.GATE_CODE_HVA);
    }
}
