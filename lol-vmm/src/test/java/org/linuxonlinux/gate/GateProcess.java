// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.util.List;
import java.util.Map;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;
import org.linuxonlinux.ptrace.RegisterSet;
import org.linuxonlinux.ptrace.RemoteCalls;
import org.linuxonlinux.ptrace.ResumeMode;
import org.linuxonlinux.ptrace.StubProgram;
import org.linuxonlinux.ptrace.TracedProcess;
import org.linuxonlinux.ptrace.WaitStatus;

/**
 * A traced process with the gate, a piece of code cache, the branch table, a folded kernel stack
 * and a page of user code, and nothing else.
 */
final class GateProcess implements AutoCloseable {
    /** Kernel stack, in the middle of which tests put RSP. GVA ffff_c900_0000_0000. */
    static final long STACK_HVA = 0x4500_0000_0000L;

    static final int STACK_SIZE_BYTES = 0x4000;

    /** User code: all int3. Below 4 GB, so that compatibility mode reaches it too. */
    static final long USER_CODE_HVA = 0x40_0000L;

    /** RFLAGS bits that tests compare: CF PF AF ZF SF DF OF. */
    static final long COMPARED_FLAGS = 0xcd5;

    private static final long RFLAGS_TF = 0x100;
    private static final int CHILD_FD = GateCode.RAM_FD;
    private static final int CHILD_TABLE_FD = 4;
    private static final int CODE_SIZE_BYTES = 0x1_0000;
    private static final int PAGE_BYTES = 0x1000;

    // Parts of the shared file.
    private static final int GATE_AT = 0;
    private static final int VCPU_AT = 0x1_0000;
    private static final int CODE_AT = 0x4_0000;
    private static final int STACK_AT = 0x5_0000;
    private static final int USER_AT = 0x6_0000;
    private static final int TABLES_AT = 0x7_0000;
    private static final int FILE_SIZE_BYTES = 0x7_4000;

    /** Where the file is seen as guest RAM: GPA of the user code's page. */
    static final long USER_GPA = USER_AT;

    private static final int TABLE_LEVELS = 4;

    final GateCode gate = GateCode.generate(GateCode.Form.TRACED);
    final RegisterSet registers = new RegisterSet();
    final TracedProcess process;
    final VcpuPage page;

    private final HostFile file = HostFile.memfd("gate-test", FILE_SIZE_BYTES);
    private final NativeMemory shared = NativeMemory.mapShared(file, 0, FILE_SIZE_BYTES);
    private final HostFile table = HostFile.memfd("table-test", AddressMap.BRANCH_TABLE_SIZE_BYTES);
    private final StubProgram stub = StubProgram.create(AddressMap.STUB_HVA, "gate-test");

    GateProcess() {
        process = TracedProcess.spawn(stub, Map.of(CHILD_FD, file, CHILD_TABLE_FD, table));
        page = new VcpuPage(shared.buffer().slice(VCPU_AT, AddressMap.VCPU_PAGE_SIZE_BYTES));
        page.initialise();
        shared.put(GATE_AT, gate.bytes(), 0, AddressMap.GATE_CODE_SIZE_BYTES);
        for (int i = 0; i < PAGE_BYTES; i++) {
            shared.putByte(USER_AT + i, (byte) 0xcc);
        }
        process.getRegisters(registers);
        process.unmapAllExcept(List.of());
        int readExecute = HostAbi.PROT_READ | HostAbi.PROT_EXEC;
        int readWrite = HostAbi.PROT_READ | HostAbi.PROT_WRITE;
        try (RemoteCalls calls = process.borrow()) {
            map(calls, AddressMap.GATE_CODE_HVA, CODE_SIZE_BYTES, readExecute, GATE_AT);
            map(
                    calls,
                    AddressMap.VCPU_PAGE_HVA,
                    AddressMap.VCPU_PAGE_SIZE_BYTES,
                    readWrite,
                    VCPU_AT);
            map(calls, AddressMap.CODE_CACHE_HVA, CODE_SIZE_BYTES, readExecute, CODE_AT);
            map(calls, STACK_HVA, STACK_SIZE_BYTES, readWrite, STACK_AT);
            map(calls, USER_CODE_HVA, PAGE_BYTES, readExecute, USER_AT);
            map(calls, AddressMap.RAM_WINDOW_HVA, FILE_SIZE_BYTES, HostAbi.PROT_READ, 0);
            calls.mmap(
                    AddressMap.BRANCH_TABLE_HVA,
                    AddressMap.BRANCH_TABLE_SIZE_BYTES,
                    HostAbi.PROT_READ,
                    HostAbi.MAP_SHARED | HostAbi.MAP_FIXED | HostAbi.MAP_NORESERVE,
                    CHILD_TABLE_FD,
                    0);
        }
    }

    /** Makes guest page tables that lead to one leaf. */
    void mapGuestPage(long gva, long leaf) {
        page.setRam(FILE_SIZE_BYTES, 0, FILE_SIZE_BYTES);
        page.set(VcpuPageLayout.CR3, TABLES_AT);
        for (int level = 0; level < TABLE_LEVELS; level++) {
            boolean isLeaf = level == TABLE_LEVELS - 1;
            setTableEntry(gva, level, isLeaf ? leaf : tableAt(level + 1) | 0x67);
        }
    }

    /** Changes one entry on the way to a page; level 0 is the PML4. */
    void setTableEntry(long gva, int level, long entry) {
        int index = (int) (gva >>> (39 - 9 * level)) & 511;
        shared.putLong(tableAt(level) + 8 * index, entry);
    }

    private static int tableAt(int level) {
        return TABLES_AT + level * PAGE_BYTES;
    }

    private static void map(
            RemoteCalls calls, long hva, long sizeBytes, int protection, int offset) {
        int flags = HostAbi.MAP_SHARED | HostAbi.MAP_FIXED;
        calls.mmap(hva, sizeBytes, protection, flags, CHILD_FD, offset);
    }

    /** Puts assembled code where it says it belongs in the code cache. */
    void putCode(CodeBuffer code) {
        byte[] bytes = code.toByteArray();
        int offset = (int) (code.baseHva() - AddressMap.CODE_CACHE_HVA);
        shared.put(CODE_AT + offset, bytes, 0, bytes.length);
    }

    void putBranchTableEntry(long guestRip, long entryHva) {
        long offset = AddressMap.branchTableOffset(guestRip);
        long pageOffset = offset & -PAGE_BYTES;
        try (NativeMemory view = NativeMemory.mapShared(table, pageOffset, PAGE_BYTES)) {
            view.putLong((int) (offset - pageOffset), entryHva);
        }
    }

    long stackWord(long hva) {
        return shared.getLong(STACK_AT + (int) (hva - STACK_HVA));
    }

    void setStackWord(long hva, long value) {
        shared.putLong(STACK_AT + (int) (hva - STACK_HVA), value);
    }

    /** Reads one byte of the code at a host RIP of gate or code cache. */
    int codeByte(long hostRip) {
        int offset =
                AddressMap.isGateCode(hostRip)
                        ? GATE_AT + (int) (hostRip - AddressMap.GATE_CODE_HVA)
                        : CODE_AT + (int) (hostRip - AddressMap.CODE_CACHE_HVA);
        return shared.getByte(offset) & 0xff;
    }

    /** Loads RIP and the bases of kernel mode into {@link #registers} and the process. */
    void enterKernelCode(long hostRip) {
        registers.setRip(hostRip);
        registers.setOrigRax(-1);
        registers.setGsBase(AddressMap.FOLD);
        registers.setFsBase(AddressMap.gvaToHva(page.get(VcpuPageLayout.GS_BASE)));
        process.setRegisters(registers);
    }

    /** Runs to the next stop, executing system calls, and reads the registers. */
    int run() {
        return resume(ResumeMode.CONT);
    }

    /**
     * Executes one instruction and reads the registers.
     *
     * <p>The host's single-step flag leaks in two places: into the image that pushfq pushes, and,
     * measured on Linux 6.18, into RFLAGS of the instructions after a stepped popfq, where it stays
     * when the process is resumed at full speed. Both are taken out here.
     */
    int step() {
        boolean pushesFlags = codeByte(registers.rip()) == 0x9c;
        int status = resume(ResumeMode.SINGLESTEP);
        long rsp = registers.rsp();
        if (pushesFlags && rsp >= STACK_HVA && rsp < STACK_HVA + STACK_SIZE_BYTES) {
            setStackWord(rsp, stackWord(rsp) & ~RFLAGS_TF);
        }
        if ((registers.rflags() & RFLAGS_TF) != 0) {
            registers.setRflags(registers.rflags() & ~RFLAGS_TF);
            process.setRegisters(registers);
        }
        return status;
    }

    private int resume(ResumeMode mode) {
        process.resume(mode, 0);
        int status = process.await();
        if (!WaitStatus.isStopped(status)) {
            throw new AssertionError("process has ended: " + WaitStatus.describe(status));
        }
        process.getRegisters(registers);
        return status;
    }

    @Override
    public void close() {
        process.close();
        stub.close();
        registers.close();
        shared.close();
        file.close();
        table.close();
    }
}
