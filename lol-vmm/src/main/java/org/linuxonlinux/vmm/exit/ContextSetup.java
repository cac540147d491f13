// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.asm.Reg.r10;
import static org.linuxonlinux.asm.Reg.r8;
import static org.linuxonlinux.asm.Reg.r9;
import static org.linuxonlinux.asm.Reg.rax;
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
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.Errno;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.ptrace.StubProgram;
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

    /** End of what the host lets processes map (TASK_SIZE_MAX, 4-level paging). */
    private static final long TASK_END_HVA = 0x7fff_ffff_f000L;

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

    /** Arguments in memory go where signal frames will. */
    private static final int SCRATCH = VcpuPageLayout.SIGNAL_STACK;

    private final GateMemory gateMemory;
    private final VcpuPage page;
    private final List<String> names = new ArrayList<>();
    private int scratchUsed;

    private ContextSetup(GateMemory gateMemory) {
        this.gateMemory = gateMemory;
        this.page = gateMemory.page();
    }

    /**
     * Starts a context process that dies with the calling thread.
     *
     * @param policy how to wait for it
     * @param hasUserDispatch whether the host has syscall user dispatch; otherwise the filter
     *     catches system calls
     * @return what to hand over with; the process is {@link HandOver#process}
     * @throws HostCallException names the call that the host refused
     */
    static HandOver start(
            GateMemory gateMemory, GuestMemory memory, SpinPolicy policy, boolean hasUserDispatch) {
        ContextSetup setup = new ContextSetup(gateMemory);
        VcpuPage page = gateMemory.page();
        page.holdHand();
        ContextProcess process;
        try (StubProgram program =
                StubProgram.create(AddressMap.STUB_HVA, NAME, startCode(gateMemory.gate()))) {
            process = ContextProcess.start(program.file(), gateMemory.files(memory));
        }
        HandOver handOver =
                new HandOver(page, gateMemory.monitorHva(VcpuPageLayout.HAND), process, policy);
        boolean done = false;
        try {
            setup.addCalls(memory, hasUserDispatch);
            handOver.give(gateMemory.gate().runCommandsHva());
            handOver.await();
            setup.checkResults();
            done = true;
            return handOver;
        } finally {
            if (!done) {
                process.close();
                handOver.close();
            }
        }
    }

    /** Maps gate code and vCPU page, then waits for the hand. */
    private static byte[] startCode(GateCode gate) {
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
        long endOfPage = AddressMap.VCPU_PAGE_HVA + AddressMap.VCPU_PAGE_SIZE_BYTES;
        add("munmap", HostAbi.SYS_munmap, 0, AddressMap.GATE_CODE_HVA);
        add("munmap", HostAbi.SYS_munmap, endOfPage, TASK_END_HVA - endOfPage);
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
        long filterHva = VcpuPageLayout.hva(SCRATCH + scratchUsed);
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
        long stackHva = VcpuPageLayout.hva(VcpuPageLayout.SIGNAL_STACK);
        long stackArgument = putWords(stackHva, 0, VcpuPageLayout.SIGNAL_STACK_SIZE_BYTES);
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
        int offset = SCRATCH + scratchUsed;
        gateMemory.putIntoPage(offset, bytes);
        scratchUsed += (bytes.length + Long.BYTES - 1) & -Long.BYTES;
        return VcpuPageLayout.hva(offset);
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
