// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.linuxonlinux.asm.Reg.r10;
import static org.linuxonlinux.asm.Reg.r11;
import static org.linuxonlinux.asm.Reg.r12;
import static org.linuxonlinux.asm.Reg.r13;
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

import java.util.Arrays;
import org.linuxonlinux.asm.Cond;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.GatePosition.Kind;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.host.HostAbi;

/**
 * The gate's machine code: generates the stubs once at start and answers where a host RIP is in
 * them. Immutable after generation; safe for all threads.
 *
 * <p>All stubs switch RSP to the private gate stack before they use a stack, except {@code iret},
 * which reads the guest's frame; none of them writes guest memory. Gaps are int3.
 */
public final class GateCode {
    private static final int INT80_VECTOR = 0x80;
    private static final int RFLAGS_TF = 0x100;
    private static final int RFLAGS_NT = 0x4000;
    private static final int RFLAGS_VM = 0x2_0000;
    private static final int RFLAGS_AC = 0x4_0000;

    /** Descriptor of the RAM file in every context process. */
    public static final int RAM_FD = 3;

    private static final int MAP_RAM_FLAGS =
            HostAbi.MAP_SHARED | HostAbi.MAP_FIXED | HostAbi.MAP_NORESERVE;

    // Page-table entries (Intel SDM vol. 3A §4.5).
    private static final int PTE_WRITABLE = 1 << 1;
    private static final int PTE_PRESENT_USER_ACCESSED = 1 | 1 << 2 | 1 << 5;
    private static final int PTE_DIRTY = 1 << 6;
    private static final int PTE_LARGE = 1 << 7;
    private static final long PTE_FRAME_MASK = 0x000f_ffff_ffff_f000L;
    private static final int TOP_LEVEL_SHIFT = 39;
    private static final int LEVEL_BITS = 9;
    private static final int PAGE_SHIFT = 12;

    /** Where an absent entry of the branch table leads. */
    private static final long ABSENT_ENTRY = 0;

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

    /** How stubs hand over to the monitor. */
    public enum Form {
        /** By SIGTRAP, which stops a traced process. */
        TRACED,
        /** By shared memory, with signals handled in the process itself. */
        IN_PROCESS
    }

    /** The signal that a kick is in the in-process form. */
    public static final int KICK_SIGNAL = HostAbi.SIGURG;

    private final byte[] bytes;
    private final SymbolMap symbols;
    private final long exitHva;
    private final long resumeHva;
    private final long resumeKernelHva;
    private final long resumeSegmentsHva;
    private final long resumeUserHva;
    private final long runCommandsHva;
    private final long commandsDoneHva;
    private final long sysretHva;
    private final long iretHva;
    private final long callGateHva;
    private final long onSignalHva;
    private final long awaitHandHva;
    private final long saveVectorsHva;
    private final long writeCr3Hva;
    // Ascending HVAs from which kind and undo hold.
    private final long[] markHvas;
    private final Kind[] markKinds;
    private final int[] markUndos;

    private GateCode(Generator generator) {
        StubWriter writer = generator.writer;
        if (generator.form == Form.TRACED) {
            exitHva = writer.stub("exit", generator::exit);
            // No gap: the exit stub falls into resume.
            resumeHva = writer.stubHere("resume", generator::resume);
            resumeKernelHva = writer.stub("resumeKernel", generator::resumeKernel);
            resumeSegmentsHva = writer.stub("resumeSegments", generator::resumeSegments);
            resumeUserHva = writer.stub("resumeUser", generator::resumeUser);
            runCommandsHva = writer.stub("runCommands", generator::runCommands);
            saveVectorsHva = 0;
        } else {
            exitHva = writer.stub("exit", generator::exit);
            saveVectorsHva = writer.stub("saveVectors", generator.inProcess::saveVectors);
            runCommandsHva = writer.stub("runCommands", generator::runCommands);
            resumeHva = writer.stub("resume", generator::resume);
            resumeKernelHva = writer.stub("resumeKernel", generator::resumeKernel);
            resumeSegmentsHva = writer.stub("resumeSegments", generator::resumeSegments);
            resumeUserHva = writer.stub("resumeUser", generator::resumeUser);
            writer.stub(
                    "resumeSwitched",
                    () -> generator.inProcess.resumeSwitched(generator.resumeKernelHva));
            generator.inProcess.endOfResume(resumeHva);
        }
        commandsDoneHva = generator.commandsDoneHva;
        sysretHva = writer.stub("sysret", generator::sysret);
        iretHva = writer.stub("iret", generator::iret);
        if (generator.form == Form.IN_PROCESS) {
            writer.stub("enterKernel", generator.inProcess::enterKernel);
            writeCr3Hva =
                    writer.stub(
                            "writeCr3",
                            () ->
                                    generator.inProcess.writeCr3(
                                            () -> generator.slowExit(ExitReason.INSTRUCTION)));
            callGateHva = writer.stub("callGate", generator.inProcess::callGate);
            onSignalHva = writer.stub("onSignal", generator.inProcess::onSignal);
            awaitHandHva = generator.inProcess.awaitHandHva();
        } else {
            callGateHva = 0;
            onSignalHva = 0;
            awaitHandHva = 0;
            writeCr3Hva = 0;
        }
        generator.masm.close();
        byte[] code = writer.code.toByteArray();
        bytes = Arrays.copyOf(code, AddressMap.GATE_CODE_SIZE_BYTES);
        Arrays.fill(bytes, code.length, bytes.length, (byte) 0xcc);
        symbols = new SymbolMap(writer.symbols);
        int count = writer.markHvas.size();
        markHvas = new long[count];
        markKinds = writer.markKinds.toArray(new Kind[0]);
        markUndos = new int[count];
        for (int i = 0; i < count; i++) {
            markHvas[i] = writer.markHvas.get(i);
            markUndos[i] = writer.markUndos.get(i);
        }
    }

    /** Generates all stubs for {@link AddressMap#GATE_CODE_HVA}. */
    public static GateCode generate(Form form) {
        return new GateCode(new Generator(form));
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

    /** Entry of the resume stub that first loads segment registers, and then as for kernel mode. */
    public long resumeSegmentsHva() {
        return resumeSegmentsHva;
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

    /** In-process form: where call sites in user code lead that have been patched. */
    public long callGateHva() {
        return callGateHva;
    }

    /** In-process form: entry of the handler of all signals. */
    public long onSignalHva() {
        return onSignalHva;
    }

    /** In-process form: where a context process waits for the hand, first of all. */
    public long awaitHandHva() {
        return awaitHandHva;
    }

    /**
     * Whether a process that stopped here was in guest kernel mode: in translated code or a stub,
     * with the kernel's base. User code that has jumped there is still user code, except where
     * stubs load segment bases; so is user code with the kernel's base elsewhere.
     *
     * @param gsBase the host's GS base there
     * @param scratch overwritten
     */
    public boolean isKernelMode(long hostRip, long gsBase, GatePosition scratch) {
        if (AddressMap.isGateCode(hostRip)) {
            locate(hostRip, scratch);
            boolean loadsBases = scratch.kind() != Kind.NOWHERE && scratch.kind() != Kind.EXITING;
            return loadsBases || gsBase == AddressMap.FOLD;
        }
        boolean translated = AddressMap.isCodeCache(hostRip) || hostRip == ABSENT_ENTRY;
        return translated && gsBase == AddressMap.FOLD;
    }

    /** In-process form: entry of the stub that saves the vector registers and exits. */
    public long saveVectorsHva() {
        return saveVectorsHva;
    }

    /** Entry of the stub for writes of CR3; 0 = there is none, each goes to the monitor. */
    public long writeCr3Hva() {
        return writeCr3Hva;
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
        private final Form form;
        private final StubWriter writer = new StubWriter();
        private final MacroAssembler masm = writer.masm;
        private final InProcessStubs inProcess = new InProcessStubs(writer);
        private long exitHva;
        private long resumeHva;
        private long resumeKernelHva;
        private long commandsDoneHva;

        Generator(Form form) {
            this.form = form;
        }

        private void mark(Kind kind, int undo) {
            writer.mark(kind, undo);
        }

        /** The one place that hands over to the monitor. */
        private void waitForMonitor() {
            if (form == Form.TRACED) {
                masm.int3();
            } else {
                inProcess.publishExit();
            }
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
            inProcess.startOfDeafness();
            masm.pushfq();
            masm.pop(vcpu(VcpuPageLayout.RFLAGS));
            waitForMonitor();
            if (form == Form.IN_PROCESS) {
                mark(Kind.EXITING, Undo.NONE);
                inProcess.handOver();
            }
        }

        /**
         * Executes the command list, loads all registers and goes on.
         *
         * <pre>
         * Entered from  the exit stub behind its stop; the resume variants; the monitor, by setting RIP
         * Leaves to     RESUME_HOST_RIP
         * In, out       COMMAND_COUNT and COMMANDS in, results and a count of 0 out; all GPRs from the vCPU page;
         *               segment bases untouched
         * RFLAGS        from the vCPU page (TF must be clear there)
         * Faults inside none; where the list is empty a stop inside may repeat the stub from its start
         * </pre>
         */
        private void resume() {
            Label noCommands = new Label("no commands");
            resumeHva = masm.hva();
            mark(Kind.RESUMING, Undo.NONE);
            masm.cmpqImm(vcpu(VcpuPageLayout.COMMAND_COUNT), 0);
            masm.jcc(Cond.e, noCommands);
            mark(Kind.RUNNING_COMMANDS, Undo.NONE);
            commandLoop();
            masm.movqImm(vcpu(VcpuPageLayout.COMMAND_COUNT), 0);
            masm.bind(noCommands);
            mark(Kind.RESUMING, Undo.NONE);
            switchToGateStack();
            Label byIret = new Label("by iret");
            if (form == Form.IN_PROCESS) {
                inProcess.leaveUnlessKicked(byIret);
            }
            masm.push(vcpu(VcpuPageLayout.RFLAGS));
            masm.popfq();
            loadAllButRsp();
            masm.movq(rsp, vcpu(VcpuPageLayout.gpr(rsp.number())));
            masm.jmp(vcpu(VcpuPageLayout.RESUME_HOST_RIP));
            if (form == Form.IN_PROCESS) {
                masm.bind(byIret);
                masm.push(vcpu(VcpuPageLayout.RESUME_SS));
                masm.push(vcpu(VcpuPageLayout.gpr(rsp.number())));
                masm.push(vcpu(VcpuPageLayout.RFLAGS));
                masm.push(vcpu(VcpuPageLayout.RESUME_CS));
                masm.push(vcpu(VcpuPageLayout.RESUME_HOST_RIP));
                loadAllButRsp();
                masm.iretq();
            }
        }

        private void loadAllButRsp() {
            for (int i = 0; i < 16; i++) {
                if (i != rsp.number()) {
                    masm.movq(Reg.of(i), vcpu(VcpuPageLayout.gpr(i)));
                }
            }
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
            resumeKernelHva = masm.hva();
            mark(Kind.RESUMING, Undo.NONE);
            masm.movq(rax, vcpu(VcpuPageLayout.FOLD_CONST));
            masm.enterKernelMode(rax);
            masm.movq(rax, vcpu(VcpuPageLayout.GS_BASE));
            masm.dynamicFoldInto(rcx, rax);
            masm.wrfsbase(rcx);
            masm.jmp(resumeHva);
        }

        /**
         * Loads segment registers and goes on as in kernel mode, for the guest kernel's loads of
         * them. ES, DS, FS and GS are the guest's at all times: it reads them as they are.
         *
         * <pre>
         * Entered from  the monitor, by setting RIP; it has made the host's descriptors the guest's
         * Leaves to     resumeKernel
         * In, out       LOAD_SEGMENTS and the selectors in, a LOAD_SEGMENTS of 0 out; clobbers rax
         * RFLAGS        clobbered (resume loads them)
         * Faults inside none, provided the host has the selectors
         * </pre>
         */
        private void resumeSegments() {
            mark(Kind.RESUMING, Undo.NONE);
            masm.movq(rax, vcpu(VcpuPageLayout.LOAD_SEGMENTS));
            loadSegment(0, VcpuPageLayout.ES_SEL);
            loadSegment(3, VcpuPageLayout.DS_SEL);
            loadSegment(4, VcpuPageLayout.FS_SEL);
            loadSegment(5, VcpuPageLayout.GS_SEL);
            masm.movqImm(vcpu(VcpuPageLayout.LOAD_SEGMENTS), 0);
            masm.jmp(resumeKernelHva);
        }

        private void loadSegment(int number, int selectorOffset) {
            Label next = new Label("next segment");
            masm.testlImm(rax, 1 << number);
            masm.jcc(Cond.e, next);
            masm.loadSegment(number, vcpu(selectorOffset));
            masm.bind(next);
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
            masm.enterUserMode(rax);
            masm.jmp(resumeHva);
        }

        /**
         * Executes the command list as host system calls, in order, whatever their results.
         *
         * <pre>
         * Entered from  the monitor, by setting RIP; the state of the vCPU must be in the vCPU page
         * Leaves to     the monitor (COMMANDS_DONE), then resume
         * In, out       COMMAND_COUNT and COMMANDS in, results and a count of 0 out; clobbers all GPRs
         * RFLAGS        clobbered (resume loads them)
         * Faults inside none; run it with a resume mode that lets system calls through
         * </pre>
         */
        private void runCommands() {
            mark(Kind.RUNNING_COMMANDS, Undo.NONE);
            commandLoop();
            masm.movqImm(vcpu(VcpuPageLayout.COMMAND_COUNT), 0);
            masm.movqImm(vcpu(VcpuPageLayout.EXIT_REASON), ExitReason.COMMANDS_DONE.code());
            waitForMonitor();
            commandsDoneHva = masm.hva();
            if (form == Form.TRACED) {
                mark(Kind.RESUMING, Undo.NONE);
                masm.jmp(resumeHva);
            }
        }

        /**
         * Executes COMMAND_COUNT commands; clobbers what a host call does and rbx, r12, r13, flags.
         */
        private void commandLoop() {
            Label next = new Label("next command");
            Label done = new Label("commands done");
            Label compatible = new Label("by int 0x80");
            Label called = new Label("called");
            masm.leaq(r13, vcpu(VcpuPageLayout.COMMANDS));
            masm.movq(r12, vcpu(VcpuPageLayout.COMMAND_COUNT));
            masm.bind(next);
            masm.subqImm(r12, 1);
            masm.jcc(Cond.b, done);
            masm.movq(rax, Mem.base(r13, VcpuPageLayout.COMMAND_NUMBER_OFFSET));
            Reg[] arguments = {rdi, rsi, rdx, r10, r8, r9};
            for (int i = 0; i < arguments.length; i++) {
                int offset = VcpuPageLayout.COMMAND_ARGUMENTS_OFFSET + 8 * i;
                masm.movq(arguments[i], Mem.base(r13, offset));
            }
            masm.testq(rax, rax);
            masm.jcc(Cond.s, compatible);
            masm.syscall();
            masm.bind(called);
            masm.movq(Mem.base(r13, VcpuPageLayout.COMMAND_RESULT_OFFSET), rax);
            masm.addqImm(r13, VcpuPageLayout.COMMAND_SIZE_BYTES);
            masm.jmp(next);
            masm.bind(compatible);
            masm.negq(rax);
            masm.movq(rbx, rdi);
            masm.interrupt(INT80_VECTOR);
            masm.jmp(called);
            masm.bind(done);
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
            if (form == Form.IN_PROCESS) {
                inProcess.chooseUserTarget();
            }
            masm.addqImm(vcpu(VcpuPageLayout.COUNT_SYSRET), 1);
            masm.movl(rax, r11);
            masm.andlImm(rax, MacroAssembler.RFLAGS_IF);
            masm.movq(vcpu(VcpuPageLayout.VIRTUAL_IF), rax);
            masm.subtractFold(rax, rsp);
            masm.movq(vcpu(VcpuPageLayout.SPILL_B), rax);
            masm.enterUserMode(rax);
            masm.movq(rax, vcpu(VcpuPageLayout.SPILL_A));
            switchToGateStack();
            masm.push(r11);
            masm.popfq();
            masm.movq(rsp, vcpu(VcpuPageLayout.SPILL_B));
            mark(Kind.USER_JUMP, Undo.NONE);
            if (form == Form.IN_PROCESS) {
                masm.jmp(vcpu(VcpuPageLayout.USER_TARGET));
            } else {
                masm.jmp(rcx);
            }
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
         * In, out       frame at RSP; all GPRs as iret leaves them; kernel: RCX spilled until the indirect entry;
         *               user: the page at PREMAP_GVA is mapped if possible
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
            int raxSpilled = masm.undo();
            Label premap = new Label("premap");
            Label noPremap = new Label("no premap");
            masm.cmpqImm(vcpu(VcpuPageLayout.PREMAP_GVA), 0);
            masm.jcc(Cond.ne, premap);
            masm.bind(noPremap);
            masm.movl(rax, FRAME_RFLAGS);
            masm.andlImm(rax, MacroAssembler.RFLAGS_IF);
            masm.movq(vcpu(VcpuPageLayout.VIRTUAL_IF), rax);
            mark(Kind.BEFORE, Undo.withVirtualIfWasClear(masm.undo(), true));
            masm.addqImm(vcpu(VcpuPageLayout.COUNT_IRET_USER), 1);
            masm.enterUserMode(rax);
            mark(Kind.BEFORE, Undo.withUserBases(masm.undo(), true));
            masm.unspill(Slot.A);
            masm.iretq();

            masm.bind(premap);
            mark(Kind.ROLL_FORWARD, Undo.NONE);
            premap();
            mark(Kind.BEFORE, raxSpilled);
            masm.jmp(noPremap);
        }

        /**
         * Maps the page at PREMAP_GVA if the guest's tables have it for user mode, as a small page
         * with accessed bits set all the way. It saves the host fault that would follow at once.
         * Clobbers rax and flags; the other registers are kept in PREMAP_SAVED.
         */
        private void premap() {
            Reg[] clobbered = {rcx, rdx, rsi, rdi, r8, r9, r10, r11};
            Label done = new Label("premap done");
            for (int i = 0; i < clobbered.length; i++) {
                masm.movq(vcpu(VcpuPageLayout.PREMAP_SAVED + 8 * i), clobbered[i]);
            }
            masm.movq(rdi, vcpu(VcpuPageLayout.PREMAP_GVA));
            masm.movabs(r8, PTE_FRAME_MASK);
            masm.movabs(r9, AddressMap.RAM_WINDOW_HVA);
            masm.movq(rax, vcpu(VcpuPageLayout.CR3));
            // r10: what all entries have; r11: what any has. Whether one was absent shows at the
            // end;
            // what such an entry leads to is never outside the window.
            masm.movImm(r10, -1);
            masm.xorl(r11, r11);
            for (int shift = TOP_LEVEL_SHIFT; shift >= PAGE_SHIFT; shift -= LEVEL_BITS) {
                toRamFileOffset(rax, done);
                masm.addq(rax, r9);
                masm.rorxq(rcx, rdi, shift);
                masm.andlImm(rcx, (1 << LEVEL_BITS) - 1);
                masm.movq(rax, Mem.indexed(rax, rcx, 8, 0));
                masm.andq(r10, rax);
                masm.orq(r11, rax);
                if (shift != TOP_LEVEL_SHIFT && shift != PAGE_SHIFT) {
                    masm.testlImm(rax, PTE_LARGE);
                    masm.jcc(Cond.ne, done);
                }
            }
            masm.movl(rcx, r10);
            masm.andlImm(rcx, PTE_PRESENT_USER_ACCESSED);
            masm.cmplImm(rcx, PTE_PRESENT_USER_ACCESSED);
            masm.jcc(Cond.ne, done);
            masm.movq(vcpu(VcpuPageLayout.PREMAPPED_LEAF), rax);
            premapProtection();
            masm.movq(vcpu(VcpuPageLayout.PREMAPPED_PROT), rdx);
            toRamFileOffset(rax, done);
            masm.movq(r9, rax);
            masm.movImm(rax, HostAbi.SYS_mmap);
            masm.movImm(rsi, 1 << PAGE_SHIFT);
            masm.movImm(r10, MAP_RAM_FLAGS);
            masm.movImm(r8, RAM_FD);
            masm.syscall();
            masm.cmpq(rax, rdi);
            masm.jcc(Cond.ne, done);
            masm.movq(vcpu(VcpuPageLayout.PREMAPPED_GVA), rdi);
            masm.movqImm(vcpu(VcpuPageLayout.PREMAP_GVA), 0);
            masm.bind(done);
            for (int i = 0; i < clobbered.length; i++) {
                masm.movq(clobbered[i], vcpu(VcpuPageLayout.PREMAP_SAVED + 8 * i));
            }
        }

        /** RDX = host protection for leaf RAX: writable only if dirty, as the MMU does it. */
        private void premapProtection() {
            Label notWritable = new Label("not writable");
            Label notExecutable = new Label("not executable");
            masm.movImm(rdx, HostAbi.PROT_READ);
            masm.testlImm(r10, PTE_WRITABLE);
            masm.jcc(Cond.e, notWritable);
            masm.testlImm(rax, PTE_DIRTY);
            masm.jcc(Cond.e, notWritable);
            masm.orqImm(rdx, HostAbi.PROT_WRITE);
            masm.bind(notWritable);
            masm.testq(r11, r11);
            masm.jcc(Cond.s, notExecutable);
            masm.orqImm(rdx, HostAbi.PROT_EXEC);
            masm.bind(notExecutable);
        }

        /** Turns an entry with a frame into the frame's offset in the RAM file; mask in r8. */
        private void toRamFileOffset(Reg entry, Label notRam) {
            Label low = new Label("low RAM");
            masm.andq(entry, r8);
            masm.cmpq(entry, vcpu(VcpuPageLayout.LOW_RAM_BYTES));
            masm.jcc(Cond.b, low);
            masm.subq(entry, vcpu(VcpuPageLayout.RAM_HOLE_BYTES));
            masm.cmpq(entry, vcpu(VcpuPageLayout.LOW_RAM_BYTES));
            masm.jcc(Cond.b, notRam);
            masm.cmpq(entry, vcpu(VcpuPageLayout.RAM_BYTES));
            masm.jcc(Cond.ae, notRam);
            masm.bind(low);
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
