// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.ExitReason;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.GatePosition;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.ptrace.RegisterSet;
import org.linuxonlinux.ptrace.ResumeMode;
import org.linuxonlinux.ptrace.SignalInfo;
import org.linuxonlinux.ptrace.TracedProcess;
import org.linuxonlinux.ptrace.WaitStatus;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * The exit transport by ptrace: every signal and every system call of the context process stops it.
 *
 * <p>After an exit stub's stop the registers are in the vCPU page, and going on needs one ptrace
 * call. After other stops they are fetched with GETREGS and, where they changed, put back with
 * SETREGS.
 *
 * <p>Queued mapping commands are executed by the resume stub on the way where the process carries a
 * {@link GateSyscallFilter}; otherwise system calls are caught by SYSEMU and commands need a stop
 * of their own.
 */
public final class PtraceTransport implements ExitTransport {
    private static final int SIGTRAP = 5;
    private static final int SIGILL = 4;
    private static final int SIGBUS = 7;
    private static final int SIGFPE = 8;
    private static final int SIGSEGV = 11;
    private static final int TRAP_BRKPT = 1;
    private static final int TRAP_TRACE = 2;
    private static final int GPR_COUNT = 16;
    private static final int RSP = GuestState.RSP;
    private static final long ERRNO_MAX = 4095;

    private final TracedProcess process;
    private final VcpuPage page;
    private final ControlState control;
    private final GateCode gate;
    private final HostCommandQueue commands;
    private final RegisterSet registers = new RegisterSet();
    private final SignalInfo signalInfo = new SignalInfo();
    private final GatePosition gatePosition = new GatePosition();

    /** Whether {@link #registers} holds the process's registers. */
    private boolean registersValid;

    /** Whether {@link #registers} must be written back before the process goes on. */
    private boolean registersChanged;

    /** Whether the process stands behind the int3 of a stub and will load the vCPU page. */
    private boolean atResumeStub;

    /** Whether system calls stop the process by a filter that lets the gate's own pass. */
    private final boolean filtered;

    /** Commands in the page that the process executes, or has executed, while it goes on. */
    private int commandsUnderWay;

    private boolean basesChanged;

    /** Where in the vsyscall page the call of the last SYSCALL stop is to; 0 = it is not there. */
    private long vsyscallRip;

    /** Whether a kick may have been used up without a KICK stop. */
    private boolean kickTaken;

    private long systemCalls;

    /**
     * @param process seized, stopped, with the gate mapped and everything else unmapped
     * @param filtered whether it carries a {@link GateSyscallFilter}
     */
    public PtraceTransport(
            TracedProcess process,
            VcpuPage page,
            ControlState control,
            GateCode gate,
            HostCommandQueue commands,
            boolean filtered) {
        this.process = process;
        this.page = page;
        this.control = control;
        this.gate = gate;
        this.commands = commands;
        this.filtered = filtered;
    }

    // --- Running --------------------------------------------------------------------------------

    @Override
    public Stop run(boolean singleStep) {
        if (!commands.isEmpty()) {
            if (!singleStep && canExecuteOnTheWay()) {
                executeOnTheWay();
            } else {
                executeCommands();
            }
        }
        if (registersChanged) {
            setRegisters();
            registersChanged = false;
        }
        registersValid = false;
        atResumeStub = false;
        process.resume(resumeMode(singleStep), 0);
        int status = process.await();
        if (commandsUnderWay == 0) {
            return classify(status, singleStep);
        }
        boolean interrupted = page.commandCount() != 0;
        if (interrupted) {
            finishCommands(status);
        }
        checkResults(0, commandsUnderWay);
        commandsUnderWay = 0;
        return interrupted ? Stop.KICK : classify(status, singleStep);
    }

    /**
     * After a kick among the commands: lets the process go on to where the guest would, and no
     * further, with the guest's registers loaded.
     */
    private void finishCommands(int kickStatus) {
        long targetHostRip = page.get(VcpuPageLayout.RESUME_HOST_RIP);
        long trapHva = gate.commandsDoneHva() - 1;
        page.set(VcpuPageLayout.RESUME_HOST_RIP, trapHva);
        awaitTrap(kickStatus, trapHva);
        registersValid = true;
        registers.setRip(targetHostRip);
        registersChanged = true;
    }

    /**
     * Lets the process run through a stub to a trap and fetches the registers.
     *
     * @param firstStatus of its first stop on the way
     * @return whether there were kicks
     */
    private boolean awaitTrap(int firstStatus, long trapHva) {
        int status = firstStatus;
        boolean kicked = false;
        while (!WaitStatus.isSignalStop(status, SIGTRAP)) {
            requireKick(status);
            kicked = true;
            process.resume(ResumeMode.CONT, 0);
            status = process.await();
        }
        process.getRegisters(registers);
        if (registers.rip() != trapHva + 1) {
            throw damaged(String.format("trap in the mapping stub: hostRip=0x%x", registers.rip()));
        }
        return kicked;
    }

    private static void requireKick(int status) {
        if (WaitStatus.hasEnded(status)) {
            throw endedFromOutside(status);
        }
        boolean isSignal = WaitStatus.kind(status) == WaitStatus.Kind.SIGNAL;
        if (isSignal && isFault(WaitStatus.stopSignal(status))) {
            throw damaged("mapping stub failed: " + WaitStatus.describe(status));
        }
        if (WaitStatus.kind(status) == WaitStatus.Kind.SYSCALL) {
            throw damaged("mapping stub made a call that is not admitted");
        }
    }

    private static boolean isFault(int signal) {
        return signal == SIGTRAP
                || signal == SIGILL
                || signal == SIGBUS
                || signal == SIGFPE
                || signal == SIGSEGV;
    }

    /**
     * For what only a guest can bring about that has written to the vCPU page, jumped into the gate
     * or changed mappings through it.
     */
    private static GuestDiedException damaged(String how) {
        return new GuestDiedException("the guest damaged its context process: " + how);
    }

    /** Bases that ptrace does not write are those of the process, see {@link #setBases}. */
    private void setRegisters() {
        if (isWritable(registers.fsBase()) && isWritable(registers.gsBase())) {
            process.setRegisters(registers);
        } else {
            process.setRegistersButBases(registers);
        }
    }

    private static boolean isWritable(long base) {
        return Long.compareUnsigned(base, TracedProcess.TASK_END_HVA) < 0;
    }

    /** Prepares the entry into user or kernel mode with the segment bases of the vCPU page. */
    private void setBases(boolean kernel) {
        long fsBase = kernel ? AddressMap.gvaToHva(control.gsBase()) : control.fsBase();
        long gsBase = kernel ? AddressMap.FOLD : control.gsBase();
        boolean same = fsBase == registers.fsBase() && gsBase == registers.gsBase();
        if (!same && !(isWritable(fsBase) && isWritable(gsBase))) {
            if (!Mmu.isCanonical(fsBase) || !Mmu.isCanonical(gsBase)) {
                throw damaged(
                        String.format("segment bases: fsBase=0x%x, gsBase=0x%x", fsBase, gsBase));
            }
            loadBases(kernel ? gate.resumeKernelHva() : gate.resumeUserHva());
        }
        registers.setFsBase(fsBase);
        registers.setGsBase(gsBase);
    }

    /** Has a resume stub load bases that ptrace refuses, which a program may have. */
    private void loadBases(long stubHva) {
        long trapHva = gate.commandsDoneHva() - 1;
        page.clearCommands();
        page.set(VcpuPageLayout.RFLAGS, Rflags.FIXED);
        page.set(VcpuPageLayout.RESUME_HOST_RIP, trapHva);
        registers.setRip(stubHva);
        registers.setRflags(Rflags.FIXED);
        registers.setOrigRax(-1);
        registers.setRaw(RegisterSet.CS, GuestSelectors.USER_CS);
        registers.setRaw(RegisterSet.SS, GuestSelectors.USER_DS);
        setRegisters();
        process.resume(ResumeMode.CONT, 0);
        if (awaitTrap(process.await(), trapHva)) {
            process.kick();
        }
    }

    private ResumeMode resumeMode(boolean singleStep) {
        if (filtered) {
            return singleStep ? ResumeMode.SINGLESTEP : ResumeMode.CONT;
        }
        return singleStep ? ResumeMode.SYSEMU_SINGLESTEP : ResumeMode.SYSEMU;
    }

    private Stop classify(int status, boolean singleStep) {
        switch (WaitStatus.kind(status)) {
            case SYSCALL:
                onSystemCall();
                return Stop.SYSCALL;
            case SIGNAL:
                return classifySignal(WaitStatus.stopSignal(status), singleStep);
            case EVENT:
                fetchRegisters();
                return Stop.KICK;
            default:
                throw endedFromOutside(status);
        }
    }

    private static GuestDiedException endedFromOutside(int status) {
        return new GuestDiedException(
                "context process ended from outside: " + WaitStatus.describe(status));
    }

    /** Makes the registers those in front of the call, but for RIP, which is behind it. */
    private void onSystemCall() {
        fetchRegisters();
        systemCalls++;
        long number = registers.origRax();
        vsyscallRip = Math.min(registers.rip(), 0);
        if (vsyscallRip != 0) {
            returnFromVsyscall();
        }
        registers.setRax(number);
        registers.setOrigRax(-1);
        registersChanged = true;
    }

    /**
     * Has the host return from a call of the vsyscall page, without effect: it kills a process that
     * is made to go on elsewhere (Linux v6.1 arch/x86/entry/vsyscall/vsyscall_64.c). A kick stops
     * it before the next instruction.
     */
    private void returnFromVsyscall() {
        process.setRegister(RegisterSet.ORIG_RAX, -1);
        process.kick();
        int status;
        do {
            process.resume(ResumeMode.CONT, 0);
            status = process.await();
            if (WaitStatus.hasEnded(status)) {
                throw endedFromOutside(status);
            }
            boolean isSignal = WaitStatus.kind(status) == WaitStatus.Kind.SIGNAL;
            if (isSignal && isFault(WaitStatus.stopSignal(status))) {
                throw ExitTransport.sentFromOutside(WaitStatus.stopSignal(status));
            }
        } while (!WaitStatus.isSignalStop(status, TracedProcess.KICK_SIGNAL));
        kickTaken = true;
        process.getRegisters(registers);
    }

    private Stop classifySignal(int signal, boolean singleStep) {
        boolean stepped = false;
        if (singleStep && signal == SIGTRAP) {
            process.getSignalInfo(signalInfo);
            int code = signalInfo.code();
            // A step over a system-call instruction of the gate is reported as TRAP_BRKPT.
            stepped = code == TRAP_TRACE || code == TRAP_BRKPT;
        }
        if (signal == SIGTRAP && !stepped && page.get(VcpuPageLayout.EXIT_REASON) != 0) {
            registersValid = false;
            atResumeStub = true;
            return Stop.EXIT;
        }
        fetchRegisters();
        if (singleStep) {
            dropTrapFlag();
        }
        if (stepped) {
            return Stop.STEP;
        }
        switch (signal) {
            case SIGTRAP:
            case SIGILL:
            case SIGBUS:
            case SIGFPE:
            case SIGSEGV:
                process.getSignalInfo(signalInfo);
                // The host's own have codes above 0; of SIGTRAP some hosts send others.
                if (signal != SIGTRAP && signalInfo.code() <= 0) {
                    throw ExitTransport.sentFromOutside(signal);
                }
                return Stop.FAULT;
            case HostAbi.SIGTERM:
                throw ExitTransport.sentFromOutside(signal);
            default:
                return Stop.KICK;
        }
    }

    /**
     * Takes away the tracer's own TF. Linux forgets that it was the tracer's when POPFQ is stepped,
     * and from then on shows and keeps it until the next run without a step (seen on 6.18). Steps
     * begin in stubs and translated code only, and end in user mode only behind the sysret stub,
     * which leaves a guest's TF to the monitor: it is never the guest's.
     */
    private void dropTrapFlag() {
        if ((registers.rflags() & Rflags.TF) != 0) {
            registers.setRflags(registers.rflags() & ~Rflags.TF);
            registersChanged = true;
        }
    }

    private void fetchRegisters() {
        if (!registersValid) {
            process.getRegisters(registers);
            registersValid = true;
        }
    }

    /**
     * Whether the process may pass through the resume stub on its way: 64-bit code, no trap flag.
     */
    private boolean canExecuteOnTheWay() {
        boolean tooMany = commands.count() > VcpuPageLayout.COMMAND_CAPACITY;
        if (!filtered || tooMany || commands.hasThreadAreas()) {
            return false;
        }
        if (atResumeStub && !registersChanged) {
            return true;
        }
        return registers.getRaw(RegisterSet.CS) == GuestSelectors.USER_CS
                && (registers.rflags() & Rflags.TF) == 0
                && !AddressMap.isGateCode(registers.rip());
    }

    /** Has the resume stub execute the queued host calls before it loads the registers. */
    private void executeOnTheWay() {
        commandsUnderWay = commands.count();
        fillPage(0);
        commands.clear();
        if (atResumeStub && !registersChanged) {
            return;
        }
        for (int i = 0; i < GPR_COUNT; i++) {
            page.setGpr(i, registers.getGpr(i));
        }
        page.set(VcpuPageLayout.RFLAGS, registers.rflags());
        page.set(VcpuPageLayout.RESUME_HOST_RIP, registers.rip());
        page.clearExitReason();
        registers.setRip(gate.resumeHva());
        registers.setOrigRax(-1);
        registersChanged = true;
    }

    /** Lets the stub execute the queued host calls, then makes the process stand where it stood. */
    private void executeCommands() {
        boolean enteredByPage = atResumeStub && !registersChanged;
        if (enteredByPage) {
            fetchRegisters();
        }
        long resumeRip = registers.rip();
        long resumeFlags = registers.rflags();
        long resumeCs = registers.getRaw(RegisterSet.CS);
        // A guest that is single-stepped does not step through the stub, which is 64-bit code.
        registers.setRflags(resumeFlags & ~Rflags.TF);
        registers.setRaw(RegisterSet.CS, GuestSelectors.USER_CS);
        int next = 0;
        while (next < commands.count()) {
            next = fillPage(next);
            int filled = page.commandCount();
            registers.setRip(gate.runCommandsHva());
            registers.setOrigRax(-1);
            setRegisters();
            page.clearExitReason();
            awaitCommands();
            checkResults(next - filled, filled);
        }
        commands.clear();
        page.clearExitReason();
        registers.setRip(resumeRip);
        registers.setRflags(resumeFlags);
        registers.setRaw(RegisterSet.CS, resumeCs);
        registersChanged = true;
    }

    private int fillPage(int from) {
        page.clearCommands();
        int next = from;
        while (next < commands.count() && !page.isCommandListFull()) {
            page.addCommand(
                    commands.word(next, 0),
                    commands.word(next, 1),
                    commands.word(next, 2),
                    commands.word(next, 3),
                    commands.word(next, 4),
                    commands.word(next, 5),
                    commands.word(next, 6));
            next++;
        }
        return next;
    }

    private void awaitCommands() {
        boolean kicked = false;
        while (true) {
            process.resume(ResumeMode.CONT, 0);
            int status = process.await();
            if (WaitStatus.isSignalStop(status, SIGTRAP)
                    && page.get(VcpuPageLayout.EXIT_REASON) == ExitReason.COMMANDS_DONE.code()) {
                if (kicked) {
                    process.kick();
                }
                return;
            }
            requireKick(status);
            // A kick. It is sent again, since the guest runs next, without another look at timers.
            kicked = true;
        }
    }

    /**
     * @param first which of the queue's commands is the page's first
     */
    private void checkResults(int first, int count) {
        for (int i = 0; i < count; i++) {
            long result = page.commandResult(i);
            if (result < 0 && result >= -ERRNO_MAX) {
                String what =
                        String.format(
                                "host call of a context process failed: nr=%d, hva=0x%x,"
                                        + " sizeBytes=0x%x, arg2=0x%x, offset=0x%x, errno=%d",
                                page.commandNumber(i),
                                page.commandArgument(i, 0),
                                page.commandArgument(i, 1),
                                page.commandArgument(i, 2),
                                page.commandArgument(i, 5),
                                -result);
                // ENOMEM also means that a mapping is not there any more.
                if (result == -HostAbi.ENOMEM || !isAsQueued(first + i, i)) {
                    throw damaged(what);
                }
                throw new IllegalStateException(what);
            }
        }
    }

    private boolean isAsQueued(int queued, int index) {
        boolean same = page.commandNumber(index) == commands.word(queued, 0);
        for (int i = 0; i < HostCommandQueue.WORDS_PER_COMMAND - 1; i++) {
            same &= page.commandArgument(index, i) == commands.word(queued, i + 1);
        }
        return same;
    }

    @Override
    public void pin() {
        long lowestAllowed = Long.lowestOneBit(HostCalls.schedGetaffinity(0));
        if (lowestAllowed != 0) {
            HostCalls.schedSetaffinity(0, lowestAllowed);
            HostCalls.schedSetaffinity(process.pid(), lowestAllowed);
        }
    }

    // --- State ----------------------------------------------------------------------------------

    @Override
    public long hostRip() {
        return atResumeStub ? gate.resumeHva() : registers.rip();
    }

    @Override
    public boolean inKernelMode() {
        return atResumeStub || gate.isKernelMode(registers.rip(), registers.gsBase(), gatePosition);
    }

    @Override
    public void load(GuestState state) {
        long flags;
        if (atResumeStub) {
            for (int i = 0; i < GPR_COUNT; i++) {
                state.setGpr(i, page.gpr(i));
            }
            flags = page.get(VcpuPageLayout.RFLAGS);
            state.setRip(page.get(VcpuPageLayout.EXIT_GUEST_RIP));
        } else {
            for (int i = 0; i < GPR_COUNT; i++) {
                state.setGpr(i, registers.getGpr(i));
            }
            flags = registers.rflags();
        }
        boolean kernel = inKernelMode();
        state.setKernelMode(kernel);
        if (kernel) {
            state.setGpr(RSP, state.gpr(RSP) - AddressMap.FOLD);
            state.setCs(control.selector(ControlState.CS));
            state.setSs(control.selector(ControlState.SS));
        } else {
            state.setRip(registers.rip());
            state.setCs((int) registers.getRaw(RegisterSet.CS));
            state.setSs((int) registers.getRaw(RegisterSet.SS));
            control.setFsBase(registers.fsBase());
            control.setGsBase(registers.gsBase());
        }
        state.setRflags((flags & ~Rflags.IF) | page.get(VcpuPageLayout.VIRTUAL_IF));
    }

    @Override
    public void enterAt(GuestState state, long hostRip) {
        page.set(VcpuPageLayout.VIRTUAL_IF, state.rflags() & Rflags.IF);
        boolean kernel = state.isKernelMode();
        if (kernel) {
            control.setSelector(ControlState.CS, state.cs());
            control.setSelector(ControlState.SS, state.ss());
        }
        // AC has no effect at CPL 0 of a CPU without SMAP, but the host would act on it at CPL 3.
        long flags = kernel ? state.rflags() & ~Rflags.AC : state.rflags();
        boolean traps = (flags & Rflags.TF) != 0;
        if (atResumeStub && kernel && !basesChanged && !traps && !registersChanged) {
            for (int i = 0; i < GPR_COUNT; i++) {
                page.setGpr(i, state.gpr(i));
            }
            page.setGpr(RSP, state.gpr(RSP) + AddressMap.FOLD);
            page.set(VcpuPageLayout.RFLAGS, flags);
            page.set(VcpuPageLayout.RESUME_HOST_RIP, hostRip);
            page.clearExitReason();
            return;
        }
        fetchRegisters();
        page.clearExitReason();
        setBases(kernel);
        for (int i = 0; i < GPR_COUNT; i++) {
            registers.setGpr(i, state.gpr(i));
        }
        registers.setRip(hostRip);
        registers.setRflags(flags | Rflags.IF);
        registers.setOrigRax(-1);
        if (kernel) {
            registers.setRsp(state.gpr(RSP) + AddressMap.FOLD);
            registers.setRaw(RegisterSet.CS, GuestSelectors.USER_CS);
            registers.setRaw(RegisterSet.SS, GuestSelectors.USER_DS);
            loadSegments();
        } else {
            registers.setRaw(RegisterSet.CS, state.cs());
            registers.setRaw(RegisterSet.SS, state.ss());
        }
        basesChanged = false;
        registersChanged = true;
    }

    private void loadSegments() {
        int segments = control.segmentsToLoad();
        int[] registersOf = {
            RegisterSet.ES, -1, -1, RegisterSet.DS, RegisterSet.FS, RegisterSet.GS
        };
        for (int i = 0; i < registersOf.length; i++) {
            if ((segments >> i & 1) != 0) {
                registers.setRaw(registersOf[i], control.selector(i));
            }
        }
        control.segmentsLoaded();
    }

    @Override
    public void basesChanged() {
        basesChanged = true;
    }

    @Override
    public long vsyscallRip() {
        return vsyscallRip;
    }

    @Override
    public int signal() {
        return signalInfo.signo();
    }

    @Override
    public int signalCode() {
        return signalInfo.code();
    }

    @Override
    public int errorCode() {
        return NO_ERROR_CODE;
    }

    @Override
    public long faultHva() {
        return signalInfo.faultHva();
    }

    @Override
    public void kick() {
        process.kick();
    }

    @Override
    public void setSystemCallEntry(long entryRip, long flagMask) {}

    @Override
    public boolean takeKick() {
        boolean taken = kickTaken;
        kickTaken = false;
        return taken;
    }

    @Override
    public long systemCalls() {
        return systemCalls;
    }

    @Override
    public void close() {
        process.close();
        registers.close();
        signalInfo.close();
    }
}
