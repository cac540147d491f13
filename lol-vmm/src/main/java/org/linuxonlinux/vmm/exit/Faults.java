// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.GatePosition;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.translate.HostPosition;
import org.linuxonlinux.translate.TranslationBlock;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.exit.ExitStatistics.Kind;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Acts on faults of the context process: maps what the guest's tables permit, and turns the rest
 * into the guest's exceptions.
 *
 * <p>Used on the vCPU thread between two runs. Each handler says whether the process may go on
 * where it stopped ({@link Resume#UNCHANGED}) or {@link GuestState} now holds what to enter ({@link
 * Resume#LOADED}).
 */
final class Faults {
    /** How the vCPU goes on. */
    enum Resume {
        UNCHANGED,
        LOADED
    }

    private static final int SIGILL = 4;
    private static final int SIGTRAP = 5;
    private static final int SIGBUS = 7;
    private static final int SIGFPE = 8;
    private static final int SIGSEGV = 11;

    private static final int SI_KERNEL = 0x80;
    private static final int FPE_INTDIV = 1;
    private static final int FPE_INTOVF = 2;
    private static final int BUS_ADRALN = 1;
    private static final int TRAP_BRKPT = 1;
    private static final int TRAP_TRACE = 2;

    static final long DR6_BS = 1L << 14;
    private static final int MAX_INSTRUCTION_BYTES = 15;
    private static final long PAGE_SIZE = 4096;

    /** Low addresses below this fold into the host's user half: 4 TB. */
    private static final long LOW_WINDOW_END = (1L << 47) - AddressMap.FOLD;

    private final GuestState state;
    private final VcpuPage page;
    private final ExitTransport transport;
    private final Translator translator;
    private final GateCode gate;
    private final Mmu mmu;
    private final EventDelivery events;
    private final GuestInstructions instructions;
    private final MemoryAccesses accesses;
    private final MmioEmulator mmio;
    private final HiddenPageEmulator hiddenPages;
    private final InstructionEmulator emulator;
    private final Premap premap;
    private final CallSiteRepairs repairs;
    private final ThreadAreas threadAreas;
    private final HostPosition position = new HostPosition();
    private final GatePosition gatePosition = new GatePosition();

    private Kind kind = Kind.KERNEL_PAGE;

    Faults(
            VcpuParts parts,
            GuestInstructions instructions,
            InstructionEmulator emulator,
            Premap premap,
            SystemCallEntry systemCallEntry) {
        this.state = parts.state();
        this.page = parts.page();
        this.transport = parts.transport();
        this.translator = parts.translator();
        this.gate = parts.gate();
        this.mmu = parts.mmu();
        this.events = parts.events();
        this.instructions = instructions;
        this.accesses = new MemoryAccesses(parts.control());
        this.mmio = new MmioEmulator(parts.state(), parts.control(), parts.mmio());
        this.hiddenPages = new HiddenPageEmulator(parts.state(), parts.control(), parts.mmu());
        this.emulator = emulator;
        this.premap = premap;
        this.threadAreas = parts.threadAreas();
        this.repairs = new CallSiteRepairs(parts.callSites(), parts, emulator, systemCallEntry);
    }

    /** What the last handled fault was, for the statistics. */
    Kind kind() {
        return kind;
    }

    /** For the dump: the block in which kernel code last faulted; null = none known. */
    TranslationBlock lastBlock() {
        return position.block();
    }

    // --- Kernel mode ----------------------------------------------------------------------------

    /** A fault while translated code or a gate stub ran. */
    Resume onKernelFault() {
        long hostRip = transport.hostRip();
        transport.load(state);
        if (AddressMap.isGateCode(hostRip)) {
            return onStubFault(hostRip);
        }
        if (!translator.locate(hostRip, position)) {
            return onWildHostRip(hostRip);
        }
        if (position.isBranchTableJump()) {
            return onBranchMiss();
        }
        long guestRip = position.guestRip();
        PreciseState.restore(position.undo(), page, state);
        state.setRip(guestRip);
        switch (transport.signal()) {
            case SIGSEGV:
            case SIGBUS:
                return onKernelMemoryFault(guestRip);
            default:
                return injectSignal();
        }
    }

    /** An absent branch-table entry shows as a jump to host address 0. */
    private Resume onWildHostRip(long hostRip) {
        if (hostRip == 0) {
            return onBranchMiss();
        }
        throw new GuestDiedException(
                String.format(
                        "kernel code jumped to nowhere: hostRip=0x%x, guest rcx=0x%x, rsp=0x%x",
                        hostRip, state.gpr(GuestState.RCX), state.gpr(GuestState.RSP)));
    }

    private Resume onBranchMiss() {
        kind = Kind.BRANCH_MISS;
        long targetRip = state.gpr(GuestState.RCX);
        state.setGpr(GuestState.RCX, page.get(VcpuPageLayout.SPILL_RCX));
        state.setRip(targetRip);
        if (AddressMap.hasBranchTableEntry(targetRip)) {
            translator.fillBranchTable(targetRip);
        }
        return Resume.LOADED;
    }

    /** Stubs touch guest memory only through RSP, to read an interrupt frame. */
    private Resume onStubFault(long hostRip) {
        gate.locate(hostRip, gatePosition);
        switch (gatePosition.kind()) {
            case BRANCH_TABLE_JUMP:
                return onBranchMiss();
            case USER_JUMP:
                return onUserReturnFault();
            case BEFORE:
                break;
            default:
                throw new GuestDiedException(
                        String.format(
                                "fault in the gate: hostRip=0x%x, stub=%s, faultHva=0x%x",
                                hostRip, gatePosition.kind(), transport.faultHva()));
        }
        PreciseState.restore(gatePosition.undo(), page, state);
        state.setRip(page.get(VcpuPageLayout.STUB_GUEST_RIP));
        if (transport.signal() != SIGSEGV || transport.signalCode() == SI_KERNEL) {
            kind = Kind.GUEST_EXCEPTION;
            events.exception(state, Vector.GP);
            return Resume.LOADED;
        }
        long hva = transport.faultHva();
        resolve(hva - AddressMap.FOLD, hva, Access.READ, false, null);
        // Not on from here: what the stub had done to the virtual IF has just been undone.
        return Resume.LOADED;
    }

    /** SYSRET to a non-canonical RIP: the guest is in user mode already. */
    private Resume onUserReturnFault() {
        kind = Kind.GUEST_EXCEPTION;
        state.setGpr(GuestState.RSP, state.gpr(GuestState.RSP) + AddressMap.FOLD);
        state.setRip(state.gpr(GuestState.RCX));
        state.setKernelMode(false);
        state.setCs(GuestSelectors.USER_CS);
        state.setSs(GuestSelectors.USER_DS);
        events.exception(state, Vector.GP);
        return Resume.LOADED;
    }

    private Resume onKernelMemoryFault(long guestRip) {
        Instruction instruction = instructions.at(guestRip);
        if (instruction == null) {
            throw new GuestDiedException(
                    String.format("faulting code is unreadable: guestRip=0x%x", guestRip));
        }
        boolean hasAddress = transport.signal() == SIGSEGV && transport.signalCode() != SI_KERNEL;
        long faultHva = transport.faultHva();
        boolean dynamic = translator.isDynamic(guestRip);
        accesses.collect(instruction, guestRip, state);
        for (int i = 0; i < accesses.count(); i++) {
            long gva = accesses.gva(i);
            boolean low = gva >= 0;
            long directHva = AddressMap.gvaToHva(gva);
            long foldedHva = gva + AddressMap.FOLD;
            int size = accesses.sizeBytes(i);
            if (hasAddress && covers(directHva, size, faultHva)) {
                return resolve(
                        gva + (faultHva - directHva),
                        faultHva,
                        accesses.access(i),
                        false,
                        instruction);
            }
            boolean hitByFold =
                    low
                            && (hasAddress
                                    ? covers(foldedHva, size, faultHva)
                                    : !Mmu.isUserHva(foldedHva));
            if (hitByFold) {
                return onFoldedLowAccess(i, instruction, guestRip, dynamic, faultHva);
            }
            if (!hasAddress && !Mmu.isCanonical(gva)) {
                kind = Kind.GUEST_EXCEPTION;
                events.exception(state, Vector.GP);
                return Resume.LOADED;
            }
        }
        if (!hasAddress) {
            // Misaligned SSE operand and the like: the host's #GP is the guest's.
            kind = Kind.GUEST_EXCEPTION;
            events.exception(state, transport.signal() == SIGBUS ? Vector.AC : Vector.GP);
            return Resume.LOADED;
        }
        throw new IllegalStateException(
                String.format(
                        "fault does not match the instruction: guestRip=0x%x, bytes=%s,"
                                + " hostRip=0x%x, faultHva=0x%x, accesses=%s",
                        guestRip, instructions.hex(), transport.hostRip(), faultHva, accesses));
    }

    private static boolean covers(long hva, int sizeBytes, long faultHva) {
        return faultHva - hva >= 0 && faultHva - hva < sizeBytes;
    }

    /** A low-half address went through the constant fold. */
    private Resume onFoldedLowAccess(
            int index, Instruction instruction, long guestRip, boolean dynamic, long faultHva) {
        long gva = accesses.gva(index);
        if (mmu.isLowWindowOpen() && gva < LOW_WINDOW_END) {
            long hva = gva + AddressMap.FOLD;
            return resolve(
                    gva + (faultHva - hva), faultHva, accesses.access(index), false, instruction);
        }
        if (accesses.isStack(index) || dynamic) {
            kind = Kind.GUEST_EXCEPTION;
            events.exception(state, Vector.GP);
            return Resume.LOADED;
        }
        kind = Kind.DYNAMIC_FOLD;
        translator.makeDynamic(guestRip);
        return Resume.LOADED;
    }

    // --- Common ---------------------------------------------------------------------------------

    /**
     * Resolves one access. The state is precise at the faulting instruction.
     *
     * @param instruction the faulting instruction, null in a gate stub
     */
    private Resume resolve(
            long gva, long hva, Access access, boolean userMode, Instruction instruction) {
        Mmu.Outcome outcome = mmu.resolve(gva, hva, access, userMode);
        switch (outcome) {
            case MAPPED:
                kind = userMode ? Kind.USER_PAGE : Kind.KERNEL_PAGE;
                if (!userMode) {
                    premap.onKernelPageMapped();
                }
                return userMode || instruction == null || !position.inDeadBlock()
                        ? Resume.UNCHANGED
                        : Resume.LOADED;
            case PAGE_FAULT:
                kind = Kind.GUEST_PAGE_FAULT;
                if (userMode) {
                    premap.onUserPageFault(gva);
                }
                events.pageFault(state, gva, mmu.errorCode());
                return Resume.LOADED;
            case MMIO:
                kind = Kind.MMIO;
                mmio.emulate(instruction, mmu.faultGpa(), access);
                return Resume.LOADED;
            case CODE_WRITE:
                kind = Kind.CODE_WRITE;
                return onCodeWrite(gva, hva, userMode);
            case UNPROTECTED_WRITE:
                kind = Kind.KERNEL_PAGE;
                stepStore();
                mmu.endUnprotectedWrite(gva, hva);
                return Resume.LOADED;
            case CONFLICT:
                boolean lowerHalfByKernel = !userMode && gva >= 0 && instruction != null;
                if (!lowerHalfByKernel || !emulateHidden(instruction)) {
                    kind = Kind.GUEST_EXCEPTION;
                    events.exception(state, Vector.GP);
                }
                return Resume.LOADED;
            default:
                throw new AssertionError(outcome);
        }
    }

    /** False: it is not supported, and nothing happened. */
    private boolean emulateHidden(Instruction instruction) {
        kind = Kind.HIDDEN_PAGE;
        try {
            return hiddenPages.emulate(instruction);
        } catch (GuestPageFaultException e) {
            kind = Kind.GUEST_PAGE_FAULT;
            events.pageFault(state, e.gva(), e.errorCode());
            return true;
        }
    }

    /**
     * The guest changes code that has been translated. Usually the frame's blocks are dropped and
     * the frame is left writable until it is executed again. A store from code in that same frame
     * would be translated and protected anew for ever: it is executed alone, on a page opened for
     * just that long.
     */
    private Resume onCodeWrite(long gva, long hva, boolean userMode) {
        long gfn = mmu.faultGpa() >>> 12;
        page.forgetGateReturn();
        boolean ownFrame = !userMode && mmu.gfnOf(state.rip()) == gfn;
        if (!ownFrame) {
            translator.invalidateFrame(gfn);
        }
        mmu.releaseCodePage(gfn);
        Mmu.Outcome outcome = mmu.resolve(gva, hva, Access.WRITE, userMode);
        boolean unprotected = outcome == Mmu.Outcome.UNPROTECTED_WRITE;
        if (outcome != Mmu.Outcome.MAPPED && !unprotected) {
            throw new IllegalStateException(
                    String.format("code page not writable: gva=0x%x, outcome=%s", gva, outcome));
        }
        if (!ownFrame && !unprotected) {
            return unlessDead(userMode);
        }
        stepStore();
        if (unprotected) {
            mmu.endUnprotectedWrite(gva, hva);
        }
        translator.invalidateFrame(gfn);
        return Resume.LOADED;
    }

    /**
     * Executes just the store. Where that faults on something else, the fault is handled and the
     * store has not happened.
     *
     * <p>Postcondition: the state is precise, and is what to enter.
     */
    private void stepStore() {
        ExitTransport.Stop stop;
        do {
            stop = transport.run(true);
        } while (stop == ExitTransport.Stop.KICK);
        if (stop == ExitTransport.Stop.FAULT) {
            onKernelFault();
            return;
        }
        transport.load(state);
        long hostRip = transport.hostRip();
        if (!translator.locate(hostRip, position)) {
            throw new IllegalStateException(
                    String.format("lost after a store to own code: hostRip=0x%x", hostRip));
        }
        PreciseState.restore(position.undo(), page, state);
        state.setRip(position.guestRip());
    }

    private Resume unlessDead(boolean userMode) {
        boolean dead =
                !userMode
                        && translator.locate(transport.hostRip(), position)
                        && position.inDeadBlock();
        return dead ? Resume.LOADED : Resume.UNCHANGED;
    }

    // --- User mode ------------------------------------------------------------------------------

    /** A fault while user code ran natively. */
    Resume onUserFault() {
        transport.load(state);
        mmu.closeLowWindow();
        if (isRepairedCallSite()) {
            kind = Kind.CALL_SITE;
            return Resume.LOADED;
        }
        if (transport.signal() != SIGSEGV) {
            return injectSignal();
        }
        long rip = state.rip();
        if (transport.signalCode() == SI_KERNEL) {
            return onUserGeneralProtection(rip);
        }
        long gva = transport.faultHva();
        Instruction instruction = null;
        Access access;
        if (state.cs() == GuestSelectors.USER32_CS) {
            access = accessOf32(gva, rip);
        } else if (isFetch(gva, rip)) {
            access = Access.EXECUTE;
        } else {
            instruction = instructions.at(rip);
            access = Access.READ;
            if (instruction != null) {
                accesses.collect(instruction, rip, state);
                access = accesses.accessAt(gva);
            }
        }
        return resolve(gva, gva, access, true, instruction);
    }

    /** The access of 32-bit code, which nothing here decodes. */
    private Access accessOf32(long gva, long rip) {
        int errorCode = transport.errorCode();
        if (errorCode == ExitTransport.NO_ERROR_CODE) {
            // What can be read already cannot have faulted by being read.
            return gva == rip ? Access.EXECUTE : mmu.isReadable(gva) ? Access.WRITE : Access.READ;
        }
        if ((errorCode & Mmu.PF_FETCH) != 0) {
            return Access.EXECUTE;
        }
        return (errorCode & Mmu.PF_WRITE) != 0 ? Access.WRITE : Access.READ;
    }

    private boolean isRepairedCallSite() {
        switch (transport.signal()) {
            case SIGILL:
                return repairs.onUndefined();
            case SIGTRAP:
                return AddressMap.isThunk(state.rip()) && repairs.onTrap();
            default:
                return false;
        }
    }

    /** Whether user code faulted while it was fetched, and not on data close behind it. */
    private boolean isFetch(long gva, long rip) {
        boolean onNextPage =
                gva - rip > 0 && gva - rip < MAX_INSTRUCTION_BYTES && gva % PAGE_SIZE == 0;
        if (!onNextPage) {
            return gva == rip;
        }
        Instruction instruction = instructions.at(rip);
        return instruction == null || rip + instruction.length() > gva;
    }

    /** INT n of a vector that user mode may not raise natively, a port access, or a true #GP. */
    private Resume onUserGeneralProtection(long rip) {
        kind = Kind.GUEST_EXCEPTION;
        if (hasNewThreadAreas()) {
            return Resume.LOADED;
        }
        Instruction instruction = instructions.at(rip);
        if (instruction != null && instructions.byteAt(0) == 0xcd) {
            state.setRip(rip + instruction.length());
            events.softwareInterrupt(state, instructions.byteAt(1), rip);
        } else if (instruction != null && emulator.emulateUserPortAccess(instruction)) {
            kind = Kind.INSTRUCTION;
        } else {
            events.exception(state, Vector.GP);
        }
        return Resume.LOADED;
    }

    /** Whether a load of a thread-local segment may fare otherwise if it is repeated. */
    private boolean hasNewThreadAreas() {
        try {
            return threadAreas.update();
        } catch (GuestPageFaultException e) {
            return false;
        }
    }

    /** Signals that stand for an exception other than #PF and #GP. */
    private Resume injectSignal() {
        kind = Kind.GUEST_EXCEPTION;
        int code = transport.signalCode();
        switch (transport.signal()) {
            case SIGILL:
                events.exception(state, Vector.UD);
                break;
            case SIGFPE:
                boolean integer = code == FPE_INTDIV || code == FPE_INTOVF;
                events.exception(state, integer ? Vector.DE : floatingPointVector());
                break;
            case SIGBUS:
                if (code != BUS_ADRALN) {
                    throw new IllegalStateException(
                            String.format(
                                    "guest RAM file cannot be read: si_code=%d, hva=0x%x",
                                    code, transport.faultHva()));
                }
                events.exception(state, Vector.AC);
                break;
            case SIGTRAP:
                injectTrap(code);
                break;
            default:
                throw new IllegalStateException("unexpected signal: signal=" + transport.signal());
        }
        return Resume.LOADED;
    }

    private int floatingPointVector() {
        Instruction instruction = instructions.at(state.rip());
        boolean x87 =
                instruction != null
                        && instruction.map() == 0
                        && ((instruction.opcode() >= 0xd8 && instruction.opcode() <= 0xdf)
                                || instruction.opcode() == 0x9b);
        return x87 ? Vector.MF : Vector.XM;
    }

    private void injectTrap(int code) {
        if (code == TRAP_TRACE) {
            emulator.setDebugStatus(DR6_BS);
            events.exception(state, Vector.DB);
        } else if (code == TRAP_BRKPT || code == SI_KERNEL) {
            // The host reports INT3 with RIP behind it.
            events.softwareInterrupt(state, Vector.BP, state.rip() - 1);
        } else {
            emulator.setDebugStatus((state.rflags() & Rflags.TF) != 0 ? DR6_BS : 0);
            events.exception(state, Vector.DB);
        }
    }
}
