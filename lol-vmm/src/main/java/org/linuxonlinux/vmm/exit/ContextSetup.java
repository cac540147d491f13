// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.asm.Reg.r10;
import static org.linuxonlinux.asm.Reg.r8;
import static org.linuxonlinux.asm.Reg.r9;
import static org.linuxonlinux.asm.Reg.rax;
import static org.linuxonlinux.asm.Reg.rbp;
import static org.linuxonlinux.asm.Reg.rdi;
import static org.linuxonlinux.asm.Reg.rdx;
import static org.linuxonlinux.asm.Reg.rsi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.ContextAreaLayout;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.Errno;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.ptrace.StubProgram;
import org.linuxonlinux.ptrace.TracedProcess;
import org.linuxonlinux.redirect.CallSites;

/**
 * Makes a context process that needs no tracer: its program maps the gate and waits for the hand;
 * everything else are host calls that the gate makes on the monitor's behalf. The last of them
 * takes from the process the right to make others.
 */
final class ContextSetup {
    private static final String NAME = "lol-context";
    private static final int MAP_FLAGS =
            HostAbi.MAP_SHARED | HostAbi.MAP_FIXED | HostAbi.MAP_NORESERVE;

    private static final long MAX_FD = 0xffff_ffffL;
    private static final int[] SIGNALS = {
        HostAbi.SIGSEGV,
        HostAbi.SIGBUS,
        HostAbi.SIGSYS,
        HostAbi.SIGILL,
        HostAbi.SIGFPE,
        HostAbi.SIGTRAP,
        GateCode.KICK_SIGNAL
    };

    /** Arguments in memory go where signal frames will, in the process's area. */
    private static final int SCRATCH = ContextAreaLayout.SIGNAL_STACK;

    private final GateMemory gateMemory;
    private final VcpuPage page;
    private final int slot;
    private final List<String> names = new ArrayList<>();
    private int scratchUsed;

    private ContextSetup(GateMemory gateMemory, int slot) {
        this.gateMemory = gateMemory;
        this.page = gateMemory.page();
        this.slot = slot;
    }

    /**
     * Starts the context process of the next slot; it dies with the calling thread. The monitor has
     * the hand before and after.
     *
     * @param handOver gets the process
     * @param hasUserDispatch whether the host has syscall user dispatch; otherwise the filter
     *     catches system calls
     * @throws HostCallException names the call that the host refused
     */
    static void start(
            GateMemory gateMemory, GuestMemory memory, HandOver handOver, boolean hasUserDispatch) {
        int slot = handOver.processes().size();
        ContextSetup setup = new ContextSetup(gateMemory, slot);
        VcpuPage page = gateMemory.page();
        page.holdHand();
        int activeSlot = page.activeSlot();
        long vectors = page.get(VcpuPageLayout.SIGNAL_FPU_STATE);
        long reason = page.get(VcpuPageLayout.EXIT_REASON);
        byte[] code = startCode(gateMemory.gate(), slot);
        try (StubProgram program = StubProgram.create(AddressMap.STUB_HVA, NAME, code)) {
            handOver.add(ContextProcess.start(program.file(), gateMemory.files(memory)));
        }
        page.activate(slot);
        // Of the guest's registers, which stay in the page, the new process is to load none.
        page.set(VcpuPageLayout.SIGNAL_FPU_STATE, 0);
        setup.addCalls(memory, hasUserDispatch);
        handOver.give(gateMemory.gate().runCommandsHva());
        handOver.await();
        setup.checkResults();
        page.set(VcpuPageLayout.SIGNAL_FPU_STATE, vectors);
        page.set(VcpuPageLayout.EXIT_REASON, reason);
        page.activate(activeSlot);
    }

    /** Maps gate code and vCPU page, then waits for the hand. */
    private static byte[] startCode(GateCode gate, int slot) {
        MacroAssembler masm = new MacroAssembler(new CodeBuffer(0, 256));
        emitMap(
                masm,
                AddressMap.GATE_CODE_HVA,
                AddressMap.GATE_CODE_SIZE_BYTES,
                HostAbi.PROT_READ | HostAbi.PROT_EXEC,
                0);
        emitMap(
                masm,
                AddressMap.VCPU_PAGE_HVA,
                AddressMap.VCPU_PAGE_SIZE_BYTES,
                HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                AddressMap.GATE_CODE_SIZE_BYTES);
        emitMap(
                masm,
                AddressMap.CONTEXT_AREAS_HVA,
                AddressMap.CONTEXT_AREAS_SIZE_BYTES,
                HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                GateMemory.AREAS_OFFSET);
        masm.movabs(rbp, ContextAreaLayout.hva(slot));
        masm.movabs(rax, gate.awaitHandHva());
        masm.jmp(rax);
        masm.close();
        return masm.code().toByteArray();
    }

    private static void emitMap(
            MacroAssembler masm, long hva, int sizeBytes, int protection, int offsetBytes) {
        masm.movabs(rdi, hva);
        masm.movImm(rsi, sizeBytes);
        masm.movImm(rdx, protection);
        masm.movImm(r10, MAP_FLAGS);
        masm.movImm(r8, GateMemory.GATE_FD);
        masm.movImm(r9, offsetBytes);
        masm.movImm(rax, HostAbi.SYS_mmap);
        masm.syscall();
    }

    private void addCalls(GuestMemory memory, boolean hasUserDispatch) {
        long endOfAreas = AddressMap.CONTEXT_AREAS_HVA + AddressMap.CONTEXT_AREAS_SIZE_BYTES;
        add("munmap", HostAbi.SYS_munmap, 0, AddressMap.GATE_CODE_HVA);
        add("munmap", HostAbi.SYS_munmap, endOfAreas, TracedProcess.TASK_END_HVA - endOfAreas);
        add(
                "mmap",
                HostAbi.SYS_mmap,
                AddressMap.LOW_PAGE_HVA,
                AddressMap.LOW_PAGE_SIZE_BYTES,
                HostAbi.PROT_READ,
                MAP_FLAGS,
                GateMemory.GATE_FD,
                AddressMap.GATE_CODE_SIZE_BYTES);
        addMap(
                AddressMap.CODE_CACHE_HVA,
                GateMemory.CODE_CACHE_SIZE_BYTES,
                HostAbi.PROT_READ | HostAbi.PROT_EXEC,
                GateMemory.CODE_FD);
        addMap(
                AddressMap.BRANCH_TABLE_HVA,
                AddressMap.BRANCH_TABLE_SIZE_BYTES,
                HostAbi.PROT_READ,
                GateMemory.TABLE_FD);
        if (gateMemory.callSites() != null) {
            addMap(
                    AddressMap.SITE_TABLE_HVA,
                    AddressMap.SITE_TABLE_SIZE_BYTES,
                    HostAbi.PROT_READ,
                    GateMemory.SITES_FD);
            add(
                    "mmap",
                    HostAbi.SYS_mmap,
                    AddressMap.THUNKS_HVA,
                    AddressMap.THUNKS_SIZE_BYTES,
                    HostAbi.PROT_READ | HostAbi.PROT_EXEC,
                    MAP_FLAGS,
                    GateMemory.SITES_FD,
                    CallSites.thunksFileOffset());
        }
        long windowBytes = gateMemory.describeRam(memory);
        if (windowBytes != 0) {
            addMap(AddressMap.RAM_WINDOW_HVA, windowBytes, HostAbi.PROT_READ, GateMemory.RAM_FD);
        }
        add("close_range", HostAbi.SYS_close_range, GateMemory.GATE_FD, MAX_FD);
        long nameHva = putBytes((NAME + "\0").getBytes(StandardCharsets.US_ASCII));
        add("prctl(PR_SET_NAME)", HostAbi.SYS_prctl, HostAbi.PR_SET_NAME, nameHva);
        long noLimitHva = putWords(0, 0);
        add("prlimit64", HostAbi.SYS_prlimit64, 0, HostAbi.RLIMIT_CORE, noLimitHva, 0);
        addSignals();
        if (hasUserDispatch) {
            add(
                    "prctl(PR_SET_SYSCALL_USER_DISPATCH)",
                    HostAbi.SYS_prctl,
                    HostAbi.PR_SET_SYSCALL_USER_DISPATCH,
                    HostAbi.PR_SYS_DISPATCH_ON,
                    AddressMap.GATE_CODE_HVA,
                    AddressMap.GATE_CODE_SIZE_BYTES,
                    0);
        }
        add(
                "prctl(PR_SET_NO_NEW_PRIVS)",
                HostAbi.SYS_prctl,
                HostAbi.PR_SET_NO_NEW_PRIVS,
                1,
                0,
                0,
                0);
        long filterHva = scratchHva();
        putBytes(GateSyscallFilter.program(filterHva, GateCode.Form.IN_PROCESS));
        add(
                "seccomp",
                HostAbi.SYS_seccomp,
                GateSyscallFilter.SECCOMP_SET_MODE_FILTER,
                GateSyscallFilter.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                filterHva);
    }

    /** Handlers on a stack of their own; no signal is ever blocked, for handlers do not return. */
    private void addSignals() {
        long stackHva = ContextAreaLayout.hva(slot) + ContextAreaLayout.SIGNAL_STACK;
        long stackArgument = putWords(stackHva, 0, ContextAreaLayout.SIGNAL_STACK_SIZE_BYTES);
        add("sigaltstack", HostAbi.SYS_sigaltstack, stackArgument, 0);
        int flags =
                HostAbi.SA_SIGINFO | HostAbi.SA_ONSTACK | HostAbi.SA_NODEFER | HostAbi.SA_RESTORER;
        long handlerHva = gateMemory.gate().onSignalHva();
        // The restorer is needed and never used.
        long actionHva = putWords(handlerHva, flags, AddressMap.GATE_CODE_HVA, 0);
        for (int signal : SIGNALS) {
            add("rt_sigaction", HostAbi.SYS_rt_sigaction, signal, actionHva, 0, Long.BYTES);
        }
        long emptyMask = putWords(0);
        add(
                "rt_sigprocmask",
                HostAbi.SYS_rt_sigprocmask,
                HostAbi.SIG_SETMASK,
                emptyMask,
                0,
                Long.BYTES);
    }

    private void addMap(long hva, long sizeBytes, int protection, int fd) {
        add("mmap", HostAbi.SYS_mmap, hva, sizeBytes, protection, MAP_FLAGS, fd, 0);
    }

    private void add(String name, long number, long... arguments) {
        long[] a = new long[6];
        System.arraycopy(arguments, 0, a, 0, arguments.length);
        page.addCommand(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        names.add(name);
    }

    private long putWords(long... words) {
        ByteBuffer bytes =
                ByteBuffer.allocate(words.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            bytes.putLong(word);
        }
        return putBytes(bytes.array());
    }

    private long putBytes(byte[] bytes) {
        long hva = scratchHva();
        gateMemory.putIntoArea(slot, SCRATCH + scratchUsed, bytes);
        scratchUsed += (bytes.length + Long.BYTES - 1) & -Long.BYTES;
        return hva;
    }

    private long scratchHva() {
        return ContextAreaLayout.hva(slot) + SCRATCH + scratchUsed;
    }

    private void checkResults() {
        for (int i = 0; i < names.size(); i++) {
            long result = page.commandResult(i);
            if (Errno.isError(result)) {
                throw new HostCallException(names.get(i), (int) -result, "of a context process");
            }
        }
        page.clearCommands();
        gateMemory.hasSetUp(page.get(VcpuPageLayout.RAM_BYTES) != 0);
    }
}
