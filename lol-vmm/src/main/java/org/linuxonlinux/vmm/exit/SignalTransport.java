// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.DamagedPageException;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.GatePosition;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.redirect.HostCapabilities;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * The exit transport without a tracer: the gate handles the signals of the context process, and
 * registers and commands travel through the vCPU page.
 *
 * <p>While the monitor has the hand, the page holds all registers. {@link #run} gives the hand back
 * together with the stub to go on at; queued mapping commands are executed by that stub on its way.
 */
public final class SignalTransport implements ExitTransport {
    private static final int TRAP_BRKPT = 1;
    private static final int TRAP_TRACE = 2;
    private static final int GPR_COUNT = 16;

    /**
     * What the gate clears on its way into the kernel: CF, PF, AF, ZF, SF, TF, IF, DF, OF, NT, AC.
     */
    private static final long FLAGS_MASKED = 0x4_4fd5;

    private static final int RSP = GuestState.RSP;

    private final ContextProcess process;
    private final VcpuPage page;
    private final ControlState control;
    private final GateCode gate;
    private final CommandBatch batch;
    private final HandOver handOver;
    private final SpinPolicy policy;
    private final GatePosition scratch = new GatePosition();

    /** How the hand came, {@code VcpuPageLayout.HAND_*}. */
    private int hand = VcpuPageLayout.HAND_EXIT;

    /** Stub to go on at. */
    private long resumeEntryHva;

    private boolean basesChanged = true;
    private long slowSystemCalls;

    private SignalTransport(
            GateMemory gateMemory,
            ControlState control,
            HostCommandQueue commands,
            HandOver handOver,
            SpinPolicy policy) {
        this.process = handOver.process();
        this.page = gateMemory.page();
        this.control = control;
        this.gate = gateMemory.gate();
        this.batch = new CommandBatch(page, commands);
        this.handOver = handOver;
        this.policy = policy;
    }

    /**
     * Starts a context process, which dies with the calling thread.
     *
     * @param gateMemory in the in-process form
     * @param host has seccomp filters; without syscall user dispatch they catch system calls
     * @throws org.linuxonlinux.host.HostCallException names the call that the host refused
     */
    public static SignalTransport start(
            GateMemory gateMemory,
            GuestMemory memory,
            ControlState control,
            HostCommandQueue commands,
            HostCapabilities host) {
        boolean separateCpus = Long.bitCount(HostCalls.schedGetaffinity(0)) > 1;
        SpinPolicy policy = new SpinPolicy(separateCpus);
        HandOver handOver = ContextSetup.start(gateMemory, memory, policy, host.userDispatch());
        return new SignalTransport(gateMemory, control, commands, handOver, policy);
    }

    // --- Running --------------------------------------------------------------------------------

    @Override
    public Stop run(boolean singleStep) {
        // Where a kick came between the parts of an exit, its reason is already there.
        long reason = hand == VcpuPageLayout.HAND_EXIT ? 0 : page.get(VcpuPageLayout.EXIT_REASON);
        while (!batch.isLast()) {
            batch.fillPage();
            handOver.give(gate.runCommandsHva());
            handOver.await();
            batch.checkResults();
        }
        batch.fillPage();
        long flags = page.get(VcpuPageLayout.RFLAGS) | (singleStep ? Rflags.TF : 0);
        page.set(VcpuPageLayout.RFLAGS, flags);
        boolean byIret =
                (flags & Rflags.TF) != 0
                        || page.get(VcpuPageLayout.RESUME_CS) != GuestSelectors.USER_CS;
        page.set(VcpuPageLayout.RESUME_BY_IRET, byIret ? 1 : 0);
        page.set(VcpuPageLayout.EXIT_REASON, reason);
        handOver.give(resumeEntryHva);
        hand = handOver.await();
        batch.checkResults();
        if (singleStep) {
            // The tracer's own TF: steps begin in stubs and translated code only, and end in user
            // mode only behind the sysret stub, which leaves a guest's TF to the monitor.
            page.set(VcpuPageLayout.RFLAGS, page.get(VcpuPageLayout.RFLAGS) & ~Rflags.TF);
        }
        switch (hand) {
            case VcpuPageLayout.HAND_EXIT:
                return Stop.EXIT;
            case VcpuPageLayout.HAND_SIGNAL:
                resumeEntryHva = gate.resumeHva();
                return classify(signal(), singleStep);
            case VcpuPageLayout.HAND_NOT_STARTED:
                resumeEntryHva = page.get(VcpuPageLayout.RESUME_ENTRY);
                return Stop.KICK;
            default:
                throw new DamagedPageException("hand given to nobody: hand=" + hand);
        }
    }

    private Stop classify(int signal, boolean singleStep) {
        switch (signal) {
            case HostAbi.SIGSYS:
                slowSystemCalls++;
                return Stop.SYSCALL;
            case HostAbi.SIGTRAP:
                boolean stepped =
                        singleStep && (signalCode() == TRAP_TRACE || signalCode() == TRAP_BRKPT);
                return stepped ? Stop.STEP : Stop.FAULT;
            case HostAbi.SIGILL:
            case HostAbi.SIGBUS:
            case HostAbi.SIGFPE:
            case HostAbi.SIGSEGV:
                // The host's own have codes above 0 (Linux include/uapi/asm-generic/siginfo.h).
                if (signalCode() <= 0) {
                    throw ExitTransport.sentFromOutside(signal);
                }
                return Stop.FAULT;
            default:
                return Stop.KICK;
        }
    }

    @Override
    public void pin() {
        long allowed = HostCalls.schedGetaffinity(0);
        long lowest = Long.lowestOneBit(allowed);
        if (lowest == 0) {
            return;
        }
        HostCalls.schedSetaffinity(process.pid(), lowest);
        HostCalls.schedSetaffinity(0, policy.hasSeparateCpus() ? allowed & ~lowest : lowest);
    }

    // --- State ----------------------------------------------------------------------------------

    @Override
    public long hostRip() {
        return hand == VcpuPageLayout.HAND_EXIT
                ? gate.resumeHva()
                : page.get(VcpuPageLayout.RESUME_HOST_RIP);
    }

    @Override
    public boolean inKernelMode() {
        return hand == VcpuPageLayout.HAND_EXIT
                || gate.isKernelMode(
                        page.get(VcpuPageLayout.RESUME_HOST_RIP),
                        page.get(VcpuPageLayout.HOST_GS_BASE),
                        scratch);
    }

    @Override
    public void load(GuestState state) {
        for (int i = 0; i < GPR_COUNT; i++) {
            state.setGpr(i, page.gpr(i));
        }
        boolean kernel = inKernelMode();
        state.setKernelMode(kernel);
        if (kernel) {
            state.setGpr(RSP, state.gpr(RSP) - AddressMap.FOLD);
            state.setCs(control.selector(ControlState.CS));
            state.setSs(control.selector(ControlState.SS));
            if (hand == VcpuPageLayout.HAND_EXIT) {
                state.setRip(page.get(VcpuPageLayout.EXIT_GUEST_RIP));
            }
        } else {
            state.setRip(page.get(VcpuPageLayout.RESUME_HOST_RIP));
            state.setCs((int) page.get(VcpuPageLayout.RESUME_CS));
            state.setSs((int) page.get(VcpuPageLayout.RESUME_SS));
            control.setFsBase(page.get(VcpuPageLayout.HOST_FS_BASE));
            control.setGsBase(page.get(VcpuPageLayout.HOST_GS_BASE));
        }
        long flags = page.get(VcpuPageLayout.RFLAGS);
        state.setRflags((flags & ~Rflags.IF) | page.get(VcpuPageLayout.VIRTUAL_IF));
    }

    @Override
    public void enterAt(GuestState state, long hostRip) {
        page.set(VcpuPageLayout.VIRTUAL_IF, state.rflags() & Rflags.IF);
        for (int i = 0; i < GPR_COUNT; i++) {
            page.setGpr(i, state.gpr(i));
        }
        page.set(VcpuPageLayout.RESUME_HOST_RIP, hostRip);
        if (state.isKernelMode()) {
            enterKernelAt(state);
        } else {
            page.set(VcpuPageLayout.RFLAGS, state.rflags() | Rflags.IF);
            page.set(VcpuPageLayout.RESUME_CS, state.cs());
            page.set(VcpuPageLayout.RESUME_SS, state.ss());
            page.set(VcpuPageLayout.HOST_FS_BASE, requireCanonical(control.fsBase()));
            page.set(VcpuPageLayout.HOST_GS_BASE, requireCanonical(control.gsBase()));
            resumeEntryHva = gate.resumeUserHva();
        }
        hand = VcpuPageLayout.HAND_NOT_STARTED;
        basesChanged = false;
    }

    private void enterKernelAt(GuestState state) {
        long fsBase = requireCanonical(AddressMap.gvaToHva(control.gsBase()));
        boolean basesLoaded =
                !basesChanged
                        && (hand == VcpuPageLayout.HAND_EXIT
                                || (hand == VcpuPageLayout.HAND_SIGNAL
                                        && page.get(VcpuPageLayout.HOST_GS_BASE) == AddressMap.FOLD
                                        && page.get(VcpuPageLayout.HOST_FS_BASE) == fsBase));
        if (control.segmentsToLoad() != 0) {
            resumeEntryHva = gate.resumeSegmentsHva();
        } else {
            resumeEntryHva = basesLoaded ? gate.resumeHva() : gate.resumeKernelHva();
        }
        control.setSelector(ControlState.CS, state.cs());
        control.setSelector(ControlState.SS, state.ss());
        page.setGpr(RSP, state.gpr(RSP) + AddressMap.FOLD);
        // AC has no effect at CPL 0 of a CPU without SMAP, but the host would act on it at CPL 3.
        page.set(VcpuPageLayout.RFLAGS, (state.rflags() & ~Rflags.AC) | Rflags.IF);
        page.set(VcpuPageLayout.RESUME_CS, GuestSelectors.USER_CS);
        page.set(VcpuPageLayout.RESUME_SS, GuestSelectors.USER_DS);
        page.set(VcpuPageLayout.HOST_FS_BASE, fsBase);
        page.set(VcpuPageLayout.HOST_GS_BASE, AddressMap.FOLD);
    }

    /** Segment bases come out of the vCPU page, and the stubs fault on those that no CPU takes. */
    private static long requireCanonical(long base) {
        if (!Mmu.isCanonical(base)) {
            throw new DamagedPageException(
                    String.format("segment base is not canonical: base=0x%x", base));
        }
        return base;
    }

    @Override
    public void basesChanged() {
        basesChanged = true;
    }

    @Override
    public void setSystemCallEntry(long entryRip, long flagMask) {
        boolean usual = (flagMask & FLAGS_MASKED) == FLAGS_MASKED;
        long direct = usual && AddressMap.hasBranchTableEntry(entryRip) ? entryRip : 0;
        page.set(VcpuPageLayout.SYSCALL_ENTRY, direct);
        page.set(VcpuPageLayout.SYSCALL_FLAGS_KEPT, ~flagMask);
    }

    @Override
    public long vsyscallRip() {
        return Math.min(page.get(VcpuPageLayout.SIGNAL_ADDRESS), 0);
    }

    @Override
    public int signal() {
        return (int) page.get(VcpuPageLayout.SIGNAL_NUMBER);
    }

    @Override
    public int signalCode() {
        return (int) page.get(VcpuPageLayout.SIGNAL_CODE);
    }

    @Override
    public int errorCode() {
        return (int) page.get(VcpuPageLayout.SIGNAL_ERROR_CODE);
    }

    @Override
    public long faultHva() {
        return page.get(VcpuPageLayout.SIGNAL_ADDRESS);
    }

    @Override
    public void kick() {
        // While the monitor has the hand no signal is needed: the resume stub looks at the note.
        if (page.noteKick() && page.handAcquire() == VcpuPageLayout.HAND_CONTEXT) {
            handOver.expect();
            process.kick();
        }
    }

    @Override
    public boolean takeKick() {
        return page.takeKick();
    }

    @Override
    public long systemCalls() {
        return slowSystemCalls
                + page.get(VcpuPageLayout.COUNT_SYSCALL)
                + page.get(VcpuPageLayout.COUNT_GATE_CALL);
    }

    @Override
    public void close() {
        process.close();
        handOver.close();
    }
}
