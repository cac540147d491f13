// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.concurrent.locks.LockSupport;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.DamagedPageException;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.GatePosition;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.translate.HostPosition;
import org.linuxonlinux.translate.TranslationBlock;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.exit.ExitStatistics.Kind;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.PvEoi;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;
import org.linuxonlinux.vmm.mmu.Mmu;
import org.linuxonlinux.vmm.mmu.NotRamException;

/**
 * One virtual CPU: runs guest code in its context process and acts on each stop.
 *
 * <p>The loop alternates between {@link ExitTransport#run} and one handler. Between two runs the
 * registers are either left as they stopped (a page was mapped; go on in the middle of things), or
 * they have been loaded into {@link GuestState}, changed there, and are entered anew at the
 * translation of the state's RIP. {@link #loaded} tells which.
 *
 * <p>Everything runs on the vCPU thread except {@link #kick} and {@link #requestStop}.
 */
public final class Vcpu {
    private static final int SYSCALL_OPCODE_BYTES = 2;
    private static final int INT80_VECTOR = 0x80;
    private static final int MAX_FETCH_ATTEMPTS = 3;

    /** More than all the instructions of the longest way through the gate, a full command list. */
    private static final int MAX_STOPS_BETWEEN_BOUNDARIES = 20_000;

    private static final String[] REGISTER_NAMES = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15"
    };

    private final GuestState state;
    private final ControlState control;
    private final VcpuPage page;
    private final ExitTransport transport;
    private final Translator translator;
    private final Mmu mmu;
    private final EventDelivery events;
    private final LocalApic apic;
    private final PvEoi pvEoi;
    private final MsrModel msrs;
    private final InstructionEmulator emulator;
    private final GuestInstructions instructions;
    private final Premap premap;
    private final SystemCallEntry systemCallEntry;
    private final ThreadAreas threadAreas;
    private final Faults faults;
    private final DeadlineTimer timer;
    private final InlineUart inlineUart;
    private final ExitStatistics statistics = new ExitStatistics();
    private final GateCode gate;
    private final HostPosition position = new HostPosition();
    private final GatePosition gatePosition = new GatePosition();

    /** Whether {@link #state} is what the next run starts from. */
    private boolean loaded = true;

    /** For the dump: the block where the monitor last let kernel code go on; null = none yet. */
    private TranslationBlock enteredBlock;

    /** Thread-local segments are to be looked at on return to user mode. */
    private boolean threadAreaCalled;

    private boolean stepping;
    private int stopsBetweenBoundaries;
    private volatile boolean halted;
    private volatile boolean stopRequested;
    private volatile Thread thread;

    /** Call {@link #run} on the thread that owns the context process. */
    public Vcpu(VcpuParts parts) {
        state = parts.state();
        control = parts.control();
        page = parts.page();
        inlineUart = new InlineUart(page);
        transport = parts.transport();
        translator = parts.translator();
        gate = parts.gate();
        mmu = parts.mmu();
        events = parts.events();
        apic = parts.apic();
        pvEoi = parts.pvEoi();
        msrs = parts.msrs();
        instructions = new GuestInstructions(mmu);
        emulator = new InstructionEmulator(parts);
        premap = new Premap(page, mmu, translator, parts.canPremap());
        systemCallEntry = new SystemCallEntry(state, msrs, parts.cpuid().isAmd());
        threadAreas = parts.threadAreas();
        faults = new Faults(parts, instructions, emulator, premap, systemCallEntry);
        timer =
                new DeadlineTimer(
                        this::nextDeadlineNanos, this::isHalted, this::kick, this::openTimer);
        apic.connectDeadline(page::takeTimerDeadline);
    }

    /**
     * Runs the guest from {@link GuestState} until {@link #requestStop}.
     *
     * @throws GuestDiedException if the guest cannot go on
     */
    public void run() {
        thread = Thread.currentThread();
        try (timer) {
            timer.start();
            transport.pin();
            loop();
        } catch (NotRamException e) {
            throw new GuestDiedException(
                    String.format("%s, guestRip=0x%x", e.getMessage(), state.rip()), e);
        } catch (DamagedPageException e) {
            throw new GuestDiedException(
                    "the guest damaged its context process: " + e.getMessage(), e);
        } finally {
            inlineUart.onRest();
        }
    }

    private long nextDeadlineNanos() {
        return Math.min(apic.nextDeadlineNanos(), inlineUart.deadlineNanos());
    }

    /** Timer thread: lets the guest program its timer by itself for a time not before this. */
    private void openTimer(long wakeNanos) {
        long floorTsc = wakeNanos == LocalApic.NEVER ? -1 : apic.tscAt(wakeNanos);
        if (floorTsc < 0) {
            page.closeTimer();
        } else {
            page.openTimer(floorTsc);
        }
    }

    /** What translated code does about the UART by itself. */
    public InlineUart inlineUart() {
        return inlineUart;
    }

    private void loop() {
        while (!stopRequested) {
            offerInterrupt();
            if (loaded) {
                enterLoadedState();
                loaded = false;
            }
            pvEoi.onEntry();
            ExitTransport.Stop stop = transport.run(stepping);
            stepping = false;
            long since = System.nanoTime();
            inlineUart.onStop(since);
            premap.onStop();
            pvEoi.onStop();
            if (transport.takeKick()) {
                apic.expireTimers(since);
            }
            Kind kind = handle(stop);
            statistics.add(kind, System.nanoTime() - since);
            if (kind == Kind.HALT) {
                inlineUart.onRest();
                sleepUntilInterrupt();
            }
        }
    }

    private Kind handle(ExitTransport.Stop stop) {
        switch (stop) {
            case EXIT:
                return onExit();
            case SYSCALL:
                onSystemCall();
                return Kind.SYSTEM_CALL;
            case FAULT:
                Faults.Resume resume =
                        transport.inKernelMode() ? faults.onKernelFault() : faults.onUserFault();
                loaded = resume == Faults.Resume.LOADED;
                if (faults.kind() == Kind.INSTRUCTION) {
                    timer.deadlineChanged();
                }
                return faults.kind();
            case STEP:
                return Kind.STEP;
            case KICK:
                apic.expireTimers(System.nanoTime());
                return Kind.KICK;
            default:
                throw new AssertionError(stop);
        }
    }

    // --- Entry ----------------------------------------------------------------------------------

    private void enterLoadedState() {
        if (!state.isKernelMode()) {
            transport.enterAt(state, state.rip());
            return;
        }
        for (int attempt = 0; attempt < MAX_FETCH_ATTEMPTS; attempt++) {
            TranslationBlock block = translator.blockAt(state.rip());
            if (block != null) {
                enteredBlock = block;
                transport.enterAt(state, block.entryHva());
                return;
            }
            long gva = translator.fetchFaultGva();
            if (!Mmu.isCanonical(gva)) {
                events.exception(state, Vector.GP);
                continue;
            }
            if (mmu.resolve(gva, AddressMap.gvaToHva(gva), Access.EXECUTE, false)
                    != Mmu.Outcome.PAGE_FAULT) {
                throw new GuestDiedException(
                        String.format(
                                "kernel code is not in RAM: guestRip=0x%x, gva=0x%x",
                                state.rip(), gva));
            }
            events.pageFault(state, gva, mmu.errorCode());
        }
        throw new GuestDiedException(
                String.format("page-fault handler is not mapped: guestRip=0x%x", state.rip()));
    }

    // --- Interrupts -----------------------------------------------------------------------------

    /**
     * Delivers an interrupt if one is due and the guest can take it now; otherwise leaves word in
     * the vCPU page, so that emitted code exits as soon as it can.
     */
    private void offerInterrupt() {
        boolean deliverable = apic.hasDeliverable();
        page.setPendingRelease(deliverable || threadAreaCalled);
        if (!deliverable) {
            return;
        }
        if (!loaded) {
            if (page.get(VcpuPageLayout.VIRTUAL_IF) == 0) {
                return;
            }
            if (!loadAtBoundary()) {
                requireProgress();
                return;
            }
            stopsBetweenBoundaries = 0;
        }
        if (state.interruptsEnabled()) {
            events.interrupt(state, apic.acknowledge());
            page.setPendingRelease(apic.hasDeliverable() || threadAreaCalled);
        }
    }

    /**
     * Takes the state out of a process stopped anywhere.
     *
     * @return false where that is only possible a little later
     */
    private boolean loadAtBoundary() {
        long hostRip = transport.hostRip();
        if (transport.inKernelMode()) {
            if (AddressMap.isGateCode(hostRip)) {
                return loadInStub(hostRip);
            }
            if (!translator.locate(hostRip, position)) {
                stepping = true; // on to the fault
                return false;
            }
            if (position.isExiting()) {
                return false;
            }
            if (Undo.isRollForward(position.undo())) {
                stepping = true;
                return false;
            }
            transport.load(state);
            PreciseState.restore(position.undo(), page, state);
            state.setRip(position.guestRip());
        } else if (AddressMap.isThunk(hostRip)) {
            stepping = true; // on to the gate, or to the user's code
            return false;
        } else {
            transport.load(state);
        }
        loaded = true;
        return true;
    }

    private void requireProgress() {
        if (++stopsBetweenBoundaries > MAX_STOPS_BETWEEN_BOUNDARIES) {
            throw new GuestDiedException(
                    String.format(
                            "the guest damaged its context process: it does not leave the gate,"
                                    + " hostRip=0x%x",
                            transport.hostRip()));
        }
    }

    private boolean loadInStub(long hostRip) {
        gate.locate(hostRip, gatePosition);
        switch (gatePosition.kind()) {
            case BEFORE:
                transport.load(state);
                PreciseState.restore(gatePosition.undo(), page, state);
                state.setRip(page.get(VcpuPageLayout.STUB_GUEST_RIP));
                loaded = true;
                return true;
            case EXITING:
                return false;
            default:
                stepping = true;
                return false;
        }
    }

    /** HLT: no host CPU is used until a timer expires or a device calls. */
    private void sleepUntilInterrupt() {
        if (!state.interruptsEnabled()) {
            throw new GuestHaltedException(state.rip());
        }
        halted = true;
        while (!stopRequested) {
            long now = System.nanoTime();
            apic.expireTimers(now);
            if (apic.hasDeliverable()) {
                break;
            }
            long deadline = apic.nextDeadlineNanos();
            if (deadline == Long.MAX_VALUE) {
                LockSupport.park(this);
            } else if (deadline > now) {
                LockSupport.parkNanos(this, deadline - now);
            }
        }
        halted = false;
    }

    /** An interrupt was raised or a deadline passed. Any thread. */
    public void kick() {
        if (Thread.currentThread() == thread) {
            return;
        }
        if (halted) {
            LockSupport.unpark(thread);
        } else {
            transport.kick();
        }
    }

    /** Makes {@link #run} return. Any thread. */
    public void requestStop() {
        stopRequested = true;
        if (thread != null) {
            LockSupport.unpark(thread);
        }
        transport.kick();
    }

    /** Whether the guest sleeps in HLT. Any thread. */
    public boolean isHalted() {
        return halted;
    }

    // --- Exits ----------------------------------------------------------------------------------

    private Kind onExit() {
        transport.load(state);
        loaded = true;
        switch (page.exitReason()) {
            case LINK:
                translator.link((int) page.get(VcpuPageLayout.EXIT_DETAIL));
                return Kind.LINK;
            case INSTRUCTION:
                return emulate(Kind.INSTRUCTION);
            case INTERRUPT_WINDOW:
                return Kind.INTERRUPT_WINDOW;
            case INDIRECT:
                state.setRip(page.get(VcpuPageLayout.EXIT_DETAIL));
                return Kind.INDIRECT;
            case IRET_SLOW:
            case SYSRET_SLOW:
                Kind kind = emulate(Kind.SLOW_RETURN);
                updateThreadAreas();
                return kind;
            default:
                throw new DamagedPageException("unexpected exit: reason=" + page.exitReason());
        }
    }

    /** A program has changed its thread-local segments and comes back from the kernel. */
    private void updateThreadAreas() {
        if (!threadAreaCalled || state.isKernelMode()) {
            return;
        }
        threadAreaCalled = false;
        try {
            threadAreas.update();
        } catch (GuestPageFaultException e) {
            throw new GuestDiedException("the GDT is not mapped: " + e.getMessage(), e);
        }
    }

    private Kind emulate(Kind kind) {
        Instruction instruction = instructions.at(state.rip());
        if (instruction == null) {
            throw new GuestDiedException(
                    String.format(
                            "unknown instruction in kernel mode: guestRip=0x%x, bytes=%s",
                            state.rip(), instructions.hex()));
        }
        boolean halts = emulator.emulate(instruction) == InstructionEmulator.Outcome.HALT;
        transport.setSystemCallEntry(msrs.syscallEntry64(), msrs.syscallFlagMask());
        page.forgetGateReturn();
        timer.deadlineChanged();
        return halts ? Kind.HALT : kind;
    }

    /** Enters the guest kernel as SYSCALL or INT 0x80 would. */
    private void onSystemCall() {
        if (transport.inKernelMode()) {
            throw new GuestDiedException(
                    String.format(
                            "the guest damaged its context process: call that is not admitted,"
                                    + " hostRip=0x%x",
                            transport.hostRip()));
        }
        transport.load(state);
        loaded = true;
        long vsyscallRip = transport.vsyscallRip();
        if (vsyscallRip != 0) {
            onVsyscall(vsyscallRip);
            return;
        }
        long nextRip = state.rip();
        Instruction instruction = instructions.at(nextRip - SYSCALL_OPCODE_BYTES);
        if (instruction != null && instructions.byteAt(0) == 0xcd) {
            threadAreaCalled |=
                    (int) state.gpr(GuestState.RAX) == HostCommandQueue.I386_SET_THREAD_AREA;
            events.softwareInterrupt(state, INT80_VECTOR, nextRip - SYSCALL_OPCODE_BYTES);
            return;
        }
        if (state.cs() == GuestSelectors.USER32_CS) {
            systemCallEntry.enterFrom32();
            return;
        }
        mmu.patchCallSite(nextRip, state.gpr(GuestState.RAX));
        page.forgetGateReturn();
        systemCallEntry.enter(nextRip);
    }

    /** Has the guest's kernel emulate a call of the vsyscall page, as it does on hardware. */
    private void onVsyscall(long rip) {
        state.setRip(rip);
        // The return address is still there.
        state.setGpr(GuestState.RSP, state.gpr(GuestState.RSP) - Long.BYTES);
        mmu.resolve(rip, rip, Access.EXECUTE, true);
        events.pageFault(state, rip, mmu.errorCode());
    }

    /** Counters; complete once {@link #run} has returned. */
    public ExitStatistics statistics() {
        return statistics;
    }

    /** Registers and the last exit as text; any thread, best effort while the vCPU runs. */
    public String describe() {
        StringBuilder text = new StringBuilder(1024);
        text.append(
                String.format(
                        "vCPU 0: guestRip=0x%x, rflags=0x%x, kernelMode=%b, cs=0x%x, ss=0x%x%n",
                        state.rip(), state.rflags(), state.isKernelMode(), state.cs(), state.ss()));
        for (int i = 0; i < REGISTER_NAMES.length; i++) {
            text.append(String.format("  %-3s 0x%016x", REGISTER_NAMES[i], state.gpr(i)));
            text.append(i % 4 == 3 ? System.lineSeparator() : "");
        }
        text.append(
                String.format(
                        "  cr0 0x%x  cr2 0x%x  cr3 0x%x  cr4 0x%x  gs base 0x%x  fs base 0x%x%n",
                        control.cr0(),
                        control.cr2(),
                        control.cr3(),
                        control.cr4(),
                        control.gsBase(),
                        control.fsBase()));
        describeBlock("holds guestRip", translator.blockContaining(state.rip()), text);
        describeBlock("of the last fault", faults.lastBlock(), text);
        describeBlock("last entered by the monitor", enteredBlock, text);
        return text.toString();
    }

    private static void describeBlock(String what, TranslationBlock block, StringBuilder text) {
        if (block != null) {
            text.append(
                    String.format(
                            "block: guestRip=0x%x, guestBytes=0x%x, instructions=%d, hostRip=0x%x,"
                                    + " hostBytes=0x%x, dead=%b (%s)%n",
                            block.guestRip(),
                            block.guestBytes(),
                            block.instructionCount(),
                            block.indirectEntryHva(),
                            block.hostBytes(),
                            block.isDead(),
                            what));
        }
    }
}
