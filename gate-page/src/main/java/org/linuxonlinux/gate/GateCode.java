// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.linuxonlinux.asm.Reg.r10;
import static org.linuxonlinux.asm.Reg.r11;
import static org.linuxonlinux.asm.Reg.r12;
import static org.linuxonlinux.asm.Reg.r8;
import static org.linuxonlinux.asm.Reg.r9;
import static org.linuxonlinux.asm.Reg.rax;
import static org.linuxonlinux.asm.Reg.rbx;
import static org.linuxonlinux.asm.Reg.rcx;
import static org.linuxonlinux.asm.Reg.rdi;
import static org.linuxonlinux.asm.Reg.rdx;
import static org.linuxonlinux.asm.Reg.rsi;
import static org.linuxonlinux.asm.Reg.rsp;
import static org.linuxonlinux.gate.MacroAssembler.vcpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Cond;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.GatePosition.Kind;
import org.linuxonlinux.gate.Undo.Slot;

/**
 * The gate's machine code: generates the stubs once at start and answers where a host RIP is in
 * them. Immutable after generation; safe for all threads.
 *
 * <p>All stubs switch RSP to the private gate stack before they use a stack, except {@code iret},
 * which reads the guest's frame; none of them writes guest memory. Gaps are int3.
 */
public final class GateCode {
    private static final int STUB_ALIGNMENT = 64;
    private static final int RFLAGS_TF = 0x100;
    private static final int RFLAGS_NT = 0x4000;
    private static final int RFLAGS_VM = 0x2_0000;
    private static final int RFLAGS_AC = 0x4_0000;

    // Selectors that host and guest Linux share (Linux v6.1 arch/x86/include/asm/segment.h).
    private static final int USER_CS = 0x33;
    private static final int USER32_CS = 0x23;
    private static final int USER_DS = 0x2b;

    // The interrupt frame at the guest's stack pointer (Intel SDM vol. 3A §6.14.2).
    private static final Mem FRAME_RIP = Mem.base(rsp);
    private static final Mem FRAME_CS = Mem.base(rsp, 8);
    private static final Mem FRAME_RFLAGS = Mem.base(rsp, 16);
    private static final Mem FRAME_RSP = Mem.base(rsp, 24);
    private static final Mem FRAME_SS = Mem.base(rsp, 32);

    private final byte[] bytes;
    private final SymbolMap symbols;
    private final long exitHva;
    private final long resumeHva;
    private final long resumeKernelHva;
    private final long resumeUserHva;
    private final long runCommandsHva;
    private final long commandsDoneHva;
    private final long sysretHva;
    private final long iretHva;
    // Ascending HVAs from which kind and undo hold.
    private final long[] markHvas;
    private final Kind[] markKinds;
    private final int[] markUndos;

    private GateCode(Generator generator) {
        exitHva = generator.stub("exit", generator::exit);
        // No gap: the exit stub falls into resume.
        resumeHva = generator.stubHere("resume", generator::resume);
        resumeKernelHva = generator.stub("resumeKernel", generator::resumeKernel);
        resumeUserHva = generator.stub("resumeUser", generator::resumeUser);
        runCommandsHva = generator.stub("runCommands", generator::runCommands);
        commandsDoneHva = generator.commandsDoneHva;
        sysretHva = generator.stub("sysret", generator::sysret);
        iretHva = generator.stub("iret", generator::iret);
        generator.masm.close();
        byte[] code = generator.code.toByteArray();
        bytes = Arrays.copyOf(code, AddressMap.GATE_CODE_SIZE_BYTES);
        Arrays.fill(bytes, code.length, bytes.length, (byte) 0xcc);
        symbols = new SymbolMap(generator.symbols);
        int count = generator.markHvas.size();
        markHvas = new long[count];
        markKinds = generator.markKinds.toArray(new Kind[0]);
        markUndos = new int[count];
        for (int i = 0; i < count; i++) {
            markHvas[i] = generator.markHvas.get(i);
            markUndos[i] = generator.markUndos.get(i);
        }
    }

    /** Generates all stubs for {@link AddressMap#GATE_CODE_HVA}. */
    public static GateCode generate() {
        return new GateCode(new Generator());
    }

    /** The bytes of the whole gate code area. */
    public byte[] bytes() {
        return bytes.clone();
    }

    /** Names of all stubs. */
    public SymbolMap symbols() {
        return symbols;
    }

    /** Entry of the exit stub: publish the registers and wait for the monitor. */
    public long exitHva() {
        return exitHva;
    }

    /** Entry of the resume stub; also the host RIP after the exit stub's stop. */
    public long resumeHva() {
        return resumeHva;
    }

    /** Entry of the resume stub that first loads the segment bases of kernel mode. */
    public long resumeKernelHva() {
        return resumeKernelHva;
    }

    /** Entry of the resume stub that first loads the segment bases of user mode. */
    public long resumeUserHva() {
        return resumeUserHva;
    }

    /** Entry of the stub that executes the command list. */
    public long runCommandsHva() {
        return runCommandsHva;
    }

    /** Host RIP after the stop that follows a batch of commands. */
    public long commandsDoneHva() {
        return commandsDoneHva;
    }

    /** Entry of the sysret stub. */
    public long sysretHva() {
        return sysretHva;
    }

    /** Entry of the iret stub. */
    public long iretHva() {
        return iretHva;
    }

    /**
     * Says where a host RIP is.
     *
     * @return false if it is outside the gate code area; out is then {@link Kind#NOWHERE}
     */
    public boolean locate(long hostRip, GatePosition out) {
        int found = Arrays.binarySearch(markHvas, hostRip);
        int index = found >= 0 ? found : -found - 2;
        out.kind = index < 0 ? Kind.NOWHERE : markKinds[index];
        out.undo = index < 0 ? Undo.NONE : markUndos[index];
        return AddressMap.isGateCode(hostRip);
    }

    /** Emits the stubs and records symbols and marks. Lives only while the gate is generated. */
    private static final class Generator {
        private final CodeBuffer code = new CodeBuffer(AddressMap.GATE_CODE_HVA, 4096);
        private final MacroAssembler masm = new MacroAssembler(code, this::onMark);
        private final List<SymbolMap.Symbol> symbols = new ArrayList<>();
        private final List<Long> markHvas = new ArrayList<>();
        private final List<Kind> markKinds = new ArrayList<>();
        private final List<Integer> markUndos = new ArrayList<>();
        private long exitHva;
        private long resumeHva;
        private long commandsDoneHva;

        private long stub(String name, Runnable emit) {
            masm.alignWithInt3(STUB_ALIGNMENT);
            return stubHere(name, emit);
        }

        private long stubHere(String name, Runnable emit) {
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

        private void mark(Kind kind, int undo) {
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

        /** The one place that hands over to the monitor: the ptrace form, a SIGTRAP stop. */
        private void waitForMonitor() {
            masm.int3();
        }

        private void switchToGateStack() {
            masm.leaq(rsp, vcpu(VcpuPageLayout.GATE_STACK_TOP));
        }

        /**
         * Publishes the registers and waits for the monitor, then falls into resume.
         *
         * <pre>
         * Entered from  per-site code that has stored EXIT_REASON, EXIT_GUEST_RIP (and EXIT_DETAIL), by jmp
         * Leaves to     the monitor, then resume
         * In, out       all GPRs and RFLAGS to the vCPU page; segment bases untouched; clobbers RSP
         * RFLAGS        saved
         * Faults inside none; a stop before int3 rolls forward
         * </pre>
         */
        private void exit() {
            exitHva = masm.hva();
            mark(Kind.EXITING, Undo.NONE);
            for (int i = 0; i < 16; i++) {
                masm.movq(vcpu(VcpuPageLayout.gpr(i)), Reg.of(i));
            }
            switchToGateStack();
            masm.pushfq();
            masm.pop(vcpu(VcpuPageLayout.RFLAGS));
            waitForMonitor();
        }

        /**
         * Loads all registers and goes on.
         *
         * <pre>
         * Entered from  the exit stub behind its stop; the resume variants; the monitor, by setting RIP
         * Leaves to     RESUME_HOST_RIP
         * In, out       all GPRs from the vCPU page; segment bases untouched
         * RFLAGS        from the vCPU page (TF must be clear there)
         * Faults inside none; a stop inside may repeat the stub from its start
         * </pre>
         */
        private void resume() {
            resumeHva = masm.hva();
            mark(Kind.RESUMING, Undo.NONE);
            switchToGateStack();
            masm.push(vcpu(VcpuPageLayout.RFLAGS));
            masm.popfq();
            for (int i = 0; i < 16; i++) {
                if (i != rsp.number()) {
                    masm.movq(Reg.of(i), vcpu(VcpuPageLayout.gpr(i)));
                }
            }
            masm.movq(rsp, vcpu(VcpuPageLayout.gpr(rsp.number())));
            masm.jmp(vcpu(VcpuPageLayout.RESUME_HOST_RIP));
        }

        /**
         * Loads the segment bases of kernel mode and resumes.
         *
         * <pre>
         * Entered from  the monitor, by setting RIP
         * Leaves to     resume
         * In, out       host GS base = FOLD, host FS base = dynfold(GS_BASE); clobbers rax, rcx
         * RFLAGS        unchanged (resume loads them)
         * Faults inside none, provided GS_BASE is canonical
         * </pre>
         */
        private void resumeKernel() {
            mark(Kind.RESUMING, Undo.NONE);
            masm.movq(rax, vcpu(VcpuPageLayout.FOLD_CONST));
            masm.wrgsbase(rax);
            masm.movq(rax, vcpu(VcpuPageLayout.GS_BASE));
            masm.dynamicFoldInto(rcx, rax);
            masm.wrfsbase(rcx);
            masm.jmp(resumeHva);
        }

        /**
         * Loads the segment bases of user mode and resumes. Only for CS = 0x33; compatibility mode
         * needs the iret stub or the monitor's own means.
         *
         * <pre>
         * Entered from  the monitor, by setting RIP
         * Leaves to     resume
         * In, out       host FS base = FS_BASE, host GS base = GS_BASE; clobbers rax
         * RFLAGS        unchanged (resume loads them)
         * Faults inside none, provided the bases are canonical lower-half addresses
         * </pre>
         */
        private void resumeUser() {
            mark(Kind.RESUMING, Undo.NONE);
            loadUserBases();
            masm.jmp(resumeHva);
        }

        /**
         * Executes the command list as host system calls, in order, whatever their results.
         *
         * <pre>
         * Entered from  the monitor, by setting RIP; the state of the vCPU must be in the vCPU page
         * Leaves to     the monitor (COMMANDS_DONE), then resume
         * In, out       COMMAND_COUNT and COMMANDS in, results out; clobbers all GPRs
         * RFLAGS        clobbered (resume loads them)
         * Faults inside none; run it with a resume mode that lets system calls through
         * </pre>
         */
        private void runCommands() {
            mark(Kind.RUNNING_COMMANDS, Undo.NONE);
            Label next = new Label("next command");
            Label done = new Label("commands done");
            masm.leaq(rbx, vcpu(VcpuPageLayout.COMMANDS));
            masm.movq(r12, vcpu(VcpuPageLayout.COMMAND_COUNT));
            masm.bind(next);
            masm.subqImm(r12, 1);
            masm.jcc(Cond.b, done);
            masm.movq(rax, Mem.base(rbx, VcpuPageLayout.COMMAND_NUMBER_OFFSET));
            Reg[] arguments = {rdi, rsi, rdx, r10, r8, r9};
            for (int i = 0; i < arguments.length; i++) {
                int offset = VcpuPageLayout.COMMAND_ARGUMENTS_OFFSET + 8 * i;
                masm.movq(arguments[i], Mem.base(rbx, offset));
            }
            masm.syscall();
            masm.movq(Mem.base(rbx, VcpuPageLayout.COMMAND_RESULT_OFFSET), rax);
            masm.addqImm(rbx, VcpuPageLayout.COMMAND_SIZE_BYTES);
            masm.jmp(next);
            masm.bind(done);
            masm.movqImm(vcpu(VcpuPageLayout.EXIT_REASON), ExitReason.COMMANDS_DONE.code());
            waitForMonitor();
            commandsDoneHva = masm.hva();
            mark(Kind.RESUMING, Undo.NONE);
            masm.jmp(resumeHva);
        }

        /**
         * 64-bit sysret to user mode.
         *
         * <pre>
         * Entered from  translated code that has stored STUB_GUEST_RIP, by jmp; swapgs is already done
         * Leaves to     user mode at RCX; exit with SYSRET_SLOW if an interrupt is pending, R11 has TF or RCX is negative
         * In, out       RCX = RIP, R11 = RFLAGS, RSP = user's + FOLD; all GPRs as sysret leaves them, RSP unfolded
         * RFLAGS        from R11; dead before
         * Faults inside only the final jump, with a non-canonical RCX: the user's #GP
         * </pre>
         */
        private void sysret() {
            Label slow = new Label("sysret slow");
            mark(Kind.BEFORE, Undo.NONE);
            masm.cmpqImm(vcpu(VcpuPageLayout.PENDING), 0);
            masm.jcc(Cond.ne, slow);
            masm.testlImm(r11, RFLAGS_TF);
            masm.jcc(Cond.ne, slow);
            masm.testq(rcx, rcx);
            masm.jcc(Cond.s, slow);
            masm.movq(vcpu(VcpuPageLayout.SPILL_A), rax);
            mark(Kind.ROLL_FORWARD, Undo.NONE);
            masm.addqImm(vcpu(VcpuPageLayout.COUNT_SYSRET), 1);
            masm.movl(rax, r11);
            masm.andlImm(rax, MacroAssembler.RFLAGS_IF);
            masm.movq(vcpu(VcpuPageLayout.VIRTUAL_IF), rax);
            masm.subtractFold(rax, rsp);
            masm.movq(vcpu(VcpuPageLayout.SPILL_B), rax);
            loadUserBases();
            masm.movq(rax, vcpu(VcpuPageLayout.SPILL_A));
            switchToGateStack();
            masm.push(r11);
            masm.popfq();
            masm.movq(rsp, vcpu(VcpuPageLayout.SPILL_B));
            mark(Kind.USER_JUMP, Undo.NONE);
            masm.jmp(rcx);
            masm.bind(slow);
            slowExit(ExitReason.SYSRET_SLOW);
        }

        /**
         * 64-bit iret, to kernel or user mode by the frame's CS.
         *
         * <pre>
         * Entered from  translated code that has stored STUB_GUEST_RIP, by jmp
         * Leaves to     the target through the branch table; user mode by iretq; exit with INTERRUPT_WINDOW at the
         *               target, or with IRET_SLOW before the instruction
         * In, out       frame at RSP; all GPRs as iret leaves them; kernel: RCX spilled until the indirect entry
         * RFLAGS        from the frame; dead before
         * Faults inside reads of the frame and iretq (BEFORE); an absent branch table entry stops
         *               at host RIP 0 with the target in RCX
         * </pre>
         */
        private void iret() {
            Label toUser = new Label("iret to user mode");
            Label slowWithAll = new Label("iret slow, three spills");
            Label slowWithRax = new Label("iret slow, rax spilled");
            mark(Kind.BEFORE, Undo.NONE);
            masm.spill(Slot.A, rax);
            int raxSpilled = masm.undo();
            masm.movl(rax, FRAME_CS);
            masm.cmpq(rax, vcpu(VcpuPageLayout.CS_SEL));
            masm.jcc(Cond.ne, toUser);
            iretToKernel(slowWithAll);

            masm.bind(slowWithAll);
            mark(Kind.BEFORE, Undo.withRcxSpilled(Undo.withSpill(raxSpilled, Slot.B, rdx), true));
            masm.unspillRcx();
            masm.unspill(Slot.B);
            masm.bind(slowWithRax);
            masm.unspill(Slot.A);
            slowExit(ExitReason.IRET_SLOW);

            masm.bind(toUser);
            mark(Kind.BEFORE, raxSpilled);
            iretToUser(slowWithRax);
        }

        private void iretToKernel(Label slow) {
            Label window = new Label("interrupt window");
            Label noWindow = new Label("no interrupt window");
            masm.spill(Slot.B, rdx);
            masm.spillRcx();
            // The target must be in the top 2 GB, which is what sign-extends from 32 bits and is
            // negative.
            masm.movsxd(rcx, FRAME_RIP);
            masm.cmpq(rcx, FRAME_RIP);
            masm.jcc(Cond.ne, slow);
            masm.testq(rcx, rcx);
            masm.jcc(Cond.ns, slow);
            masm.movq(rdx, FRAME_RFLAGS);
            masm.testlImm(rdx, RFLAGS_TF | RFLAGS_NT | RFLAGS_VM | RFLAGS_AC);
            masm.jcc(Cond.ne, slow);
            masm.movl(rax, FRAME_SS);
            masm.movq(vcpu(VcpuPageLayout.SPILL_D), rax);
            masm.movq(rax, FRAME_RSP);
            // The frame is read; from here on nothing faults.
            mark(Kind.ROLL_FORWARD, Undo.NONE);
            masm.addq(rax, vcpu(VcpuPageLayout.FOLD_CONST));
            masm.movq(vcpu(VcpuPageLayout.SPILL_C), rax);
            masm.movq(rax, vcpu(VcpuPageLayout.SPILL_D));
            masm.movq(vcpu(VcpuPageLayout.SS_SEL), rax);
            masm.addqImm(vcpu(VcpuPageLayout.COUNT_IRET_KERNEL), 1);
            switchToGateStack();
            masm.push(rdx);
            masm.andlImm(rdx, MacroAssembler.RFLAGS_IF);
            masm.movq(vcpu(VcpuPageLayout.VIRTUAL_IF), rdx);
            masm.jcc(Cond.e, noWindow);
            masm.cmpqImm(vcpu(VcpuPageLayout.PENDING), 0);
            masm.jcc(Cond.ne, window);
            masm.bind(noWindow);
            loadIretState();
            mark(Kind.BRANCH_TABLE_JUMP, Undo.withRcxSpilled(Undo.NONE, true));
            masm.jmp(MacroAssembler.branchTableEntry());

            masm.bind(window);
            mark(Kind.EXITING, Undo.NONE);
            masm.movq(vcpu(VcpuPageLayout.EXIT_GUEST_RIP), rcx);
            masm.movqImm(vcpu(VcpuPageLayout.EXIT_REASON), ExitReason.INTERRUPT_WINDOW.code());
            loadIretState();
            masm.movq(rcx, vcpu(VcpuPageLayout.SPILL_RCX));
            masm.jmp(exitHva);
        }

        /** Takes RAX, RDX, flags (on the gate stack) and RSP of a kernel iret; RCX stays. */
        private void loadIretState() {
            masm.movq(rax, vcpu(VcpuPageLayout.SPILL_A));
            masm.movq(rdx, vcpu(VcpuPageLayout.SPILL_B));
            masm.popfq();
            masm.movq(rsp, vcpu(VcpuPageLayout.SPILL_C));
        }

        private void iretToUser(Label slow) {
            Label knownCs = new Label("known user CS");
            masm.cmplImm(rax, USER_CS);
            masm.jccShort(Cond.e, knownCs);
            masm.cmplImm(rax, USER32_CS);
            masm.jcc(Cond.ne, slow);
            masm.bind(knownCs);
            masm.cmplImm(FRAME_SS, USER_DS);
            masm.jcc(Cond.ne, slow);
            masm.testlImm(FRAME_RFLAGS, RFLAGS_NT | RFLAGS_VM);
            masm.jcc(Cond.ne, slow);
            masm.cmpqImm(vcpu(VcpuPageLayout.PENDING), 0);
            masm.jcc(Cond.ne, slow);
            // The undo of a fault at iretq knows only this value.
            masm.cmpqImm(vcpu(VcpuPageLayout.VIRTUAL_IF), 0);
            masm.jcc(Cond.ne, slow);
            masm.cmpqImm(FRAME_RIP, 0);
            masm.jcc(Cond.s, slow);
            masm.movl(rax, FRAME_RFLAGS);
            masm.andlImm(rax, MacroAssembler.RFLAGS_IF);
            masm.movq(vcpu(VcpuPageLayout.VIRTUAL_IF), rax);
            mark(Kind.BEFORE, Undo.withVirtualIfWasClear(masm.undo(), true));
            masm.addqImm(vcpu(VcpuPageLayout.COUNT_IRET_USER), 1);
            loadUserBases();
            mark(Kind.BEFORE, Undo.withUserBases(masm.undo(), true));
            masm.unspill(Slot.A);
            masm.iretq();
        }

        /** Clobbers rax. */
        private void loadUserBases() {
            masm.movq(rax, vcpu(VcpuPageLayout.FS_BASE));
            masm.wrfsbase(rax);
            masm.movq(rax, vcpu(VcpuPageLayout.GS_BASE));
            masm.wrgsbase(rax);
        }

        /** Exits before the instruction at STUB_GUEST_RIP; nothing is spilled. */
        private void slowExit(ExitReason reason) {
            masm.mark(Undo.NONE);
            masm.spill(Slot.A, rax);
            masm.movq(rax, vcpu(VcpuPageLayout.STUB_GUEST_RIP));
            masm.movq(vcpu(VcpuPageLayout.EXIT_GUEST_RIP), rax);
            masm.movqImm(vcpu(VcpuPageLayout.EXIT_REASON), reason.code());
            masm.unspill(Slot.A);
            masm.jmp(exitHva);
        }
    }
}
