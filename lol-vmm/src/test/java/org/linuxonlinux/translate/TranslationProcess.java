// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.VcpuPage;
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
 * A traced process with gate, code cache, branch table and folded guest memory: code, data, stack.
 * The guest's code pages are executable, so that guest code also runs there natively, at its folded
 * address.
 */
final class TranslationProcess implements AutoCloseable {
    static final long CODE_GVA = 0xffff_ffff_8100_0000L;
    static final int CODE_BYTES = 0x1_0000;
    static final long DATA_GVA = 0xffff_c900_0000_0000L;
    static final long LOW_DATA_GVA = 0x1000_0000L;
    static final int DATA_BYTES = 0x3000;
    static final long STACK_GVA = 0xffff_c900_1000_0000L;
    static final int STACK_BYTES = 0x2000;

    static final InlinePorts INLINE_PORTS = new InlinePorts(0x3fd, 0x3f8);

    private static final int CHILD_FD = 3;
    private static final int CHILD_CACHE_FD = 4;
    private static final int CHILD_TABLE_FD = 5;
    private static final int CACHE_BYTES = 1 << 22;

    // Parts of the shared file; the guest's memory comes first.
    private static final int CODE_AT = 0;
    private static final int DATA_AT = CODE_BYTES;
    private static final int STACK_AT = DATA_AT + DATA_BYTES;
    private static final int GUEST_BYTES = STACK_AT + STACK_BYTES;
    private static final int GATE_AT = 0x4_0000;
    private static final int VCPU_AT = 0x5_0000;
    private static final int FILE_BYTES = 0x7_0000;

    final GateCode gate = GateCode.generate(GateCode.Form.TRACED);
    final RegisterSet registers = new RegisterSet();
    final VcpuPage page;
    final TracedProcess process;
    final Translator translator;

    private final HostFile file = HostFile.memfd("translate-test", FILE_BYTES);
    private final NativeMemory shared = NativeMemory.mapShared(file, 0, FILE_BYTES);
    private final CodeCache codeCache = CodeCache.create(CACHE_BYTES);
    private final FlatBranchTable branchTable = FlatBranchTable.create();
    private final StubProgram stub = StubProgram.create(AddressMap.STUB_HVA, "translate-test");

    TranslationProcess() {
        process =
                TracedProcess.spawn(
                        stub,
                        Map.of(
                                CHILD_FD,
                                file,
                                CHILD_CACHE_FD,
                                codeCache.file(),
                                CHILD_TABLE_FD,
                                branchTable.file()));
        page = new VcpuPage(shared.buffer().slice(VCPU_AT, AddressMap.VCPU_PAGE_SIZE_BYTES));
        page.initialise();
        shared.put(GATE_AT, gate.bytes(), 0, AddressMap.GATE_CODE_SIZE_BYTES);
        translator =
                new Translator(
                        new Code(), codeCache, branchTable, GateEntries.of(gate), INLINE_PORTS);
        process.getRegisters(registers);
        process.unmapAllExcept(List.of());
        int all = HostAbi.PROT_READ | HostAbi.PROT_WRITE | HostAbi.PROT_EXEC;
        int readWrite = HostAbi.PROT_READ | HostAbi.PROT_WRITE;
        int readExecute = HostAbi.PROT_READ | HostAbi.PROT_EXEC;
        try (RemoteCalls calls = process.borrow()) {
            map(calls, CODE_GVA + AddressMap.FOLD, CODE_BYTES, all, CHILD_FD, CODE_AT);
            map(calls, DATA_GVA + AddressMap.FOLD, DATA_BYTES, readWrite, CHILD_FD, DATA_AT);
            map(calls, LOW_DATA_GVA, DATA_BYTES, readWrite, CHILD_FD, DATA_AT);
            map(calls, STACK_GVA + AddressMap.FOLD, STACK_BYTES, readWrite, CHILD_FD, STACK_AT);
            int gateBytes = AddressMap.GATE_CODE_SIZE_BYTES;
            map(calls, AddressMap.GATE_CODE_HVA, gateBytes, readExecute, CHILD_FD, GATE_AT);
            int vcpuBytes = AddressMap.VCPU_PAGE_SIZE_BYTES;
            map(calls, AddressMap.VCPU_PAGE_HVA, vcpuBytes, readWrite, CHILD_FD, VCPU_AT);
            map(calls, AddressMap.CODE_CACHE_HVA, CACHE_BYTES, readExecute, CHILD_CACHE_FD, 0);
            long tableBytes = AddressMap.BRANCH_TABLE_SIZE_BYTES;
            map(
                    calls,
                    AddressMap.BRANCH_TABLE_HVA,
                    tableBytes,
                    HostAbi.PROT_READ,
                    CHILD_TABLE_FD,
                    0);
        }
    }

    private static void map(
            RemoteCalls calls, long hva, long sizeBytes, int protection, int fd, int offset) {
        int flags = HostAbi.MAP_SHARED | HostAbi.MAP_FIXED | HostAbi.MAP_NORESERVE;
        calls.mmap(hva, sizeBytes, protection, flags, fd, offset);
    }

    /** The guest's code pages; frame = page number. */
    private final class Code implements GuestCode {
        @Override
        public int fetch(long guestRip, byte[] into, int maxBytes) {
            long offset = guestRip - CODE_GVA;
            if (offset < 0 || offset >= CODE_BYTES) {
                return 0;
            }
            int count = (int) Math.min(maxBytes, CODE_BYTES - offset);
            shared.get(CODE_AT + (int) offset, into, 0, count);
            return count;
        }

        @Override
        public long gfnOf(long guestRip) {
            long offset = guestRip - CODE_GVA;
            return offset < 0 || offset >= CODE_BYTES ? -1 : offset >>> 12;
        }

        @Override
        public void protectCodePage(long gfn) {}
    }

    /** Fills all guest memory with a pattern and puts code at a GVA. */
    void load(long codeGva, byte[] code) {
        byte[] memory = new byte[GUEST_BYTES];
        for (int i = 0; i < GUEST_BYTES; i++) {
            memory[i] = (byte) (i * 7 + (i >> 8) * 13);
        }
        // Code pages that are not code are int3: a wild jump stops.
        Arrays.fill(memory, CODE_AT, CODE_AT + 0x1000, (byte) 0xcc);
        Arrays.fill(memory, CODE_AT + 0x8000, CODE_AT + 0x9000, (byte) 0xcc);
        System.arraycopy(code, 0, memory, CODE_AT + (int) (codeGva - CODE_GVA), code.length);
        shared.put(0, memory, 0, GUEST_BYTES);
    }

    /** Guest memory as words. */
    long[] memory() {
        long[] words = new long[GUEST_BYTES / 8];
        for (int i = 0; i < words.length; i++) {
            words[i] = shared.getLong(8 * i);
        }
        return words;
    }

    int codeByte(long hva) {
        return shared.getByte(CODE_AT + (int) (hva - AddressMap.FOLD - CODE_GVA)) & 0xff;
    }

    /** Resumes with {@link #registers} and reads them at the next stop; returns the signal. */
    int resume(ResumeMode mode) {
        registers.setOrigRax(-1);
        process.setRegisters(registers);
        process.resume(mode, 0);
        int status = process.await();
        if (!WaitStatus.isStopped(status)) {
            throw new AssertionError("process has ended: " + WaitStatus.describe(status));
        }
        process.getRegisters(registers);
        return WaitStatus.stopSignal(status);
    }

    @Override
    public void close() {
        process.close();
        stub.close();
        registers.close();
        translator.close();
        codeCache.close();
        branchTable.close();
        shared.close();
        file.close();
    }
}
