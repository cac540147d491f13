// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.host.HostAbi.MAP_FIXED;
import static org.linuxonlinux.host.HostAbi.MAP_NORESERVE;
import static org.linuxonlinux.host.HostAbi.MAP_SHARED;
import static org.linuxonlinux.host.HostAbi.PROT_EXEC;
import static org.linuxonlinux.host.HostAbi.PROT_READ;
import static org.linuxonlinux.host.HostAbi.PROT_WRITE;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.memory.MemoryRegion;
import org.linuxonlinux.ptrace.RemoteCalls;
import org.linuxonlinux.ptrace.StubProgram;
import org.linuxonlinux.ptrace.TracedProcess;
import org.linuxonlinux.redirect.CallSites;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.translate.BranchTable;
import org.linuxonlinux.translate.CodeCache;
import org.linuxonlinux.translate.FlatBranchTable;

/**
 * The memory that the monitor shares with every context process beside guest RAM: gate code, vCPU
 * page, code cache and branch table. The monitor writes them all; context processes may write only
 * the vCPU page.
 */
public final class GateMemory implements AutoCloseable {
    /** Descriptor numbers in the context process. */
    public static final int RAM_FD = GateCode.RAM_FD;

    /** Descriptor number of the patched call sites' file in the context process. */
    public static final int SITES_FD = 4;

    static final int GATE_FD = 5;
    static final int CODE_FD = 6;
    static final int TABLE_FD = 7;

    /** Sparse; about 40 boots' worth of code. */
    static final int CODE_CACHE_SIZE_BYTES = 128 << 20;

    private final GateCode.Form form;
    private final CallSites callSites;
    private final GateCode gate;
    private final HostFile gateFile;
    private final FlatBranchTable branchTable = FlatBranchTable.create();
    private final NativeMemory gateMemory;
    private final VcpuPage page;
    private boolean hasSyscallFilter;
    private boolean hasRamWindow;
    private final CodeCache codeCache = CodeCache.create(CODE_CACHE_SIZE_BYTES);

    /**
     * @param redirect how system calls of user code are caught
     */
    public GateMemory(RedirectMode redirect) {
        form = redirect == RedirectMode.PTRACE ? GateCode.Form.TRACED : GateCode.Form.IN_PROCESS;
        gate = GateCode.generate(form);
        callSites = redirect == RedirectMode.GATE ? new CallSites(gate.callGateHva()) : null;
        int pageOffset = AddressMap.GATE_CODE_SIZE_BYTES;
        long gateSize = pageOffset + (long) AddressMap.VCPU_PAGE_SIZE_BYTES;
        gateFile = HostFile.memfd("lol-gate", gateSize);
        gateMemory = NativeMemory.mapShared(gateFile, 0, gateSize);
        byte[] code = gate.bytes();
        gateMemory.put(0, code, 0, code.length);
        page = new VcpuPage(gateMemory.buffer().position(pageOffset).slice());
        page.initialise();
    }

    public GateCode gate() {
        return gate;
    }

    public VcpuPage page() {
        return page;
    }

    /** Patched call sites in user code; null = none are patched. */
    public CallSites callSites() {
        return callSites;
    }

    public CodeCache codeCache() {
        return codeCache;
    }

    public BranchTable branchTable() {
        return branchTable;
    }

    /**
     * Starts a traced context process that has the gate mapped and nothing else. The calling thread
     * becomes its tracer; the process dies with it.
     */
    public TracedProcess startTraced(GuestMemory memory) {
        try (StubProgram program = StubProgram.create(AddressMap.STUB_HVA, "lol-context")) {
            TracedProcess process = TracedProcess.spawn(program, files(memory));
            process.unmapAllExcept(List.of());
            try (RemoteCalls calls = process.borrow()) {
                mapGate(calls);
                hasRamWindow = mapRamWindow(calls, memory);
                // An inherited filter's refusal would win over ours, which asks the tracer, and the
                // guest would see the host's errors. PTRACE_SYSEMU stops before any filter.
                hasSyscallFilter = !CapabilityProbes.isUnderFilter() && installSyscallFilter(calls);
            }
            return process;
        }
    }

    /** What a context process has open. */
    Map<Integer, HostFile> files(GuestMemory memory) {
        Map<Integer, HostFile> files = new HashMap<>();
        files.put(RAM_FD, memory.backingFd());
        files.put(GATE_FD, gateFile);
        files.put(CODE_FD, codeCache.file());
        files.put(TABLE_FD, branchTable.file());
        if (callSites != null) {
            files.put(SITES_FD, callSites.file());
        }
        return files;
    }

    /** Where a field of the vCPU page lies in the monitor. */
    long monitorHva(int offset) {
        return gateMemory.hva() + AddressMap.GATE_CODE_SIZE_BYTES + offset;
    }

    /** A context process has been set up in the in-process form. */
    void hasSetUp(boolean withRamWindow) {
        hasSyscallFilter = true;
        hasRamWindow = withRamWindow;
    }

    /** Puts bytes into the vCPU page area. */
    void putIntoPage(int offset, byte[] bytes) {
        gateMemory.put(AddressMap.GATE_CODE_SIZE_BYTES + offset, bytes, 0, bytes.length);
    }

    /** Maps guest RAM for the stubs, if it is not larger than the window. */
    private boolean mapRamWindow(RemoteCalls calls, GuestMemory memory) {
        long sizeBytes = describeRam(memory);
        if (sizeBytes == 0) {
            return false;
        }
        int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
        calls.mmap(AddressMap.RAM_WINDOW_HVA, sizeBytes, PROT_READ, flags, RAM_FD, 0);
        return true;
    }

    /**
     * Tells the stubs how guest RAM lies; returns how much to map for them, 0 = it is too large.
     */
    long describeRam(GuestMemory memory) {
        List<MemoryRegion> regions = memory.regions();
        long lowBytes = regions.get(0).sizeBytes();
        MemoryRegion last = regions.get(regions.size() - 1);
        long allBytes = last.fileOffsetBytes() + last.sizeBytes();
        if (allBytes > AddressMap.RAM_WINDOW_MAX_BYTES) {
            return 0;
        }
        page.setRam(lowBytes, last.gpa() - last.fileOffsetBytes(), allBytes);
        return allBytes;
    }

    /** Whether the iret stub can map pages by itself. */
    public boolean canPremap() {
        return hasSyscallFilter && hasRamWindow;
    }

    /** Where the host has seccomp: the filter is put into the command area, which is still free. */
    private boolean installSyscallFilter(RemoteCalls calls) {
        int offset = VcpuPageLayout.COMMANDS;
        putIntoPage(offset, GateSyscallFilter.program(VcpuPageLayout.hva(offset), form));
        return GateSyscallFilter.install(calls, VcpuPageLayout.hva(offset));
    }

    /** Whether the context process carries a {@link GateSyscallFilter}. */
    public boolean hasSyscallFilter() {
        return hasSyscallFilter;
    }

    private static void mapGate(RemoteCalls calls) {
        int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
        calls.mmap(
                AddressMap.GATE_CODE_HVA,
                AddressMap.GATE_CODE_SIZE_BYTES,
                PROT_READ | PROT_EXEC,
                flags,
                GATE_FD,
                0);
        calls.mmap(
                AddressMap.VCPU_PAGE_HVA,
                AddressMap.VCPU_PAGE_SIZE_BYTES,
                PROT_READ | PROT_WRITE,
                flags,
                GATE_FD,
                AddressMap.GATE_CODE_SIZE_BYTES);
        calls.mmap(
                AddressMap.LOW_PAGE_HVA,
                AddressMap.LOW_PAGE_SIZE_BYTES,
                PROT_READ,
                flags,
                GATE_FD,
                AddressMap.GATE_CODE_SIZE_BYTES);
        calls.mmap(
                AddressMap.CODE_CACHE_HVA,
                CODE_CACHE_SIZE_BYTES,
                PROT_READ | PROT_EXEC,
                flags,
                CODE_FD,
                0);
        calls.mmap(
                AddressMap.BRANCH_TABLE_HVA,
                AddressMap.BRANCH_TABLE_SIZE_BYTES,
                PROT_READ,
                flags,
                TABLE_FD,
                0);
    }

    @Override
    public void close() {
        if (callSites != null) {
            callSites.close();
        }
        codeCache.close();
        gateMemory.close();
        gateFile.close();
        branchTable.close();
    }
}
