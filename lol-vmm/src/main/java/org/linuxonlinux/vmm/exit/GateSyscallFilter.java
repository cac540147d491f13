// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.Errno;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.ptrace.RemoteCalls;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;

/**
 * The seccomp filter of a context process. Host calls from the gate that change mappings of guest
 * RAM are executed, and so are waiting for the hand and setting thread-local segments. With it the
 * gate can map pages while the process goes on, and a guest program that jumps into the gate gains
 * nothing it could not do to its own guest.
 *
 * <p>Every other call has no effect. In the traced form it stops the process, as under
 * PTRACE_SYSEMU. In the in-process form it ends the process if it comes from the gate; elsewhere it
 * raises SIGSYS, which is how system calls are caught on hosts without syscall user dispatch.
 *
 * <p>Source: Linux v6.1 Documentation/userspace-api/seccomp_filter.rst,
 * include/uapi/linux/filter.h.
 */
public final class GateSyscallFilter {
    static final int SECCOMP_SET_MODE_FILTER = 1;

    /** Without it, hosts before 5.16 slow down all code of the process (speculative stores). */
    static final int SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

    private static final int SECCOMP_RET_ALLOW = 0x7fff_0000;
    private static final int SECCOMP_RET_TRACE = 0x7ff0_0000;

    // struct seccomp_data: nr, arch, instruction_pointer, args.
    private static final int NR_OFFSET = 0;
    private static final int ARCH_OFFSET = 4;
    private static final int RIP_OFFSET = 8;
    private static final int ARGUMENTS_OFFSET = 16;
    private static final int MMAP_FLAGS_ARGUMENT = 3;
    private static final int MMAP_FD_ARGUMENT = 4;

    private static final int BPF_LD_W_ABS = 0x20;
    private static final int BPF_JMP_JEQ_K = 0x15;
    private static final int BPF_JMP_JGE_K = 0x35;
    private static final int BPF_RET_K = 0x06;

    private static final int SOCK_FPROG_BYTES = 16;
    private static final int SOCK_FILTER_BYTES = 8;

    // The areas of AddressMap, in 4 GB units. The guest's own pages are nearly always outside.
    private static final int FIRST_AREA = (int) (AddressMap.STUB_HVA >>> 32);
    private static final int LAST_GATE_AREA = (int) (AddressMap.GATE_CODE_HVA >>> 32);
    private static final int TABLE_AREA = (int) (AddressMap.BRANCH_TABLE_HVA >>> 32);
    private static final int TABLE_END_AREA = TABLE_AREA + 4;
    private static final int TABLE_LOW_HALF = (int) AddressMap.BRANCH_TABLE_HVA;
    private static final int FOLD_AREA = (int) (AddressMap.FOLD >>> 32);

    private static final int FUTEX_OPERATION_ARGUMENT = 1;

    // Indexes of instructions.
    private static final int CHECK_FLAGS = 14;
    private static final int CHECK_ADDRESS = 16;
    private static final int TABLE_END = 25;
    private static final int CHECK_FUTEX = 27;
    private static final int ALLOW = 33;
    private static final int REFUSED = 34;
    private static final int OTHER_ARCHITECTURE = 35;
    private static final int ELSEWHERE = 46;
    private static final int LENGTH = 47;

    private final ByteBuffer bytes =
            ByteBuffer.allocate(SOCK_FPROG_BYTES + LENGTH * SOCK_FILTER_BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN);

    private GateSyscallFilter(long hva, GateCode.Form form) {
        boolean traced = form == GateCode.Form.TRACED;
        int refused = traced ? SECCOMP_RET_TRACE : HostAbi.SECCOMP_RET_KILL_PROCESS;
        bytes.putShort((short) LENGTH).position(8);
        bytes.putLong(hva + SOCK_FPROG_BYTES);
        load(ARCH_OFFSET);
        unlessEqual(HostAbi.AUDIT_ARCH_X86_64, OTHER_ARCHITECTURE);
        load(RIP_OFFSET + 4);
        unlessEqual((int) (AddressMap.GATE_CODE_HVA >>> 32), ELSEWHERE);
        load(RIP_OFFSET);
        ifAtLeast((int) AddressMap.GATE_CODE_HVA + AddressMap.GATE_CODE_SIZE_BYTES, ELSEWHERE);
        load(NR_OFFSET);
        ifEqual(HostAbi.SYS_munmap, CHECK_ADDRESS);
        ifEqual(HostAbi.SYS_mprotect, CHECK_ADDRESS);
        ifEqual(HostAbi.SYS_futex, traced ? REFUSED : CHECK_FUTEX);
        unlessEqual(HostAbi.SYS_mmap, REFUSED);
        load(ARGUMENTS_OFFSET + 8 * MMAP_FD_ARGUMENT);
        ifEqual(GateCode.RAM_FD, CHECK_FLAGS);
        unlessEqual(traced ? GateCode.RAM_FD : GateMemory.SITES_FD, REFUSED);
        // CHECK_FLAGS
        load(ARGUMENTS_OFFSET + 8 * MMAP_FLAGS_ARGUMENT);
        unlessEqual(HostCommandQueue.MAP_FLAGS, REFUSED);
        // CHECK_ADDRESS: where the range begins; its length is not looked at.
        load(ARGUMENTS_OFFSET + 4);
        ifAtLeast(FOLD_AREA, ALLOW);
        unlessAtLeast(FIRST_AREA, ALLOW);
        unlessAtLeast(LAST_GATE_AREA + 1, REFUSED);
        unlessAtLeast(TABLE_AREA, ALLOW);
        ifEqual(TABLE_END_AREA, TABLE_END);
        ifAtLeast(TABLE_AREA + 1, REFUSED);
        load(ARGUMENTS_OFFSET);
        putJump(TABLE_LOW_HALF, REFUSED, ALLOW);
        // TABLE_END
        load(ARGUMENTS_OFFSET);
        putJump(TABLE_LOW_HALF, ALLOW, REFUSED);
        // CHECK_FUTEX
        load(ARGUMENTS_OFFSET + 4);
        unlessEqual((int) (VcpuPageLayout.hva(VcpuPageLayout.HAND) >>> 32), REFUSED);
        load(ARGUMENTS_OFFSET);
        unlessEqual((int) VcpuPageLayout.hva(VcpuPageLayout.HAND), REFUSED);
        load(ARGUMENTS_OFFSET + 8 * FUTEX_OPERATION_ARGUMENT);
        ifAtLeast(HostAbi.FUTEX_WAKE + 1, REFUSED);
        put(BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW);
        put(BPF_RET_K, 0, 0, refused);
        // OTHER_ARCHITECTURE: int 0x80, which sets thread-local segments from the low page.
        load(RIP_OFFSET + 4);
        unlessEqual((int) (AddressMap.GATE_CODE_HVA >>> 32), ELSEWHERE);
        load(RIP_OFFSET);
        ifAtLeast((int) AddressMap.GATE_CODE_HVA + AddressMap.GATE_CODE_SIZE_BYTES, ELSEWHERE);
        load(NR_OFFSET);
        put(BPF_JMP_JEQ_K, 1, 0, HostCommandQueue.I386_SET_THREAD_AREA);
        put(BPF_RET_K, 0, 0, refused);
        load(ARGUMENTS_OFFSET);
        put(BPF_JMP_JGE_K, 1, 0, (int) AddressMap.LOW_PAGE_HVA);
        put(BPF_RET_K, 0, 0, refused);
        put(BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW);
        // ELSEWHERE
        put(BPF_RET_K, 0, 0, traced ? SECCOMP_RET_TRACE : HostAbi.SECCOMP_RET_TRAP);
    }

    /** The filter as {@code struct sock_fprog}, to be put at {@code hva} of the process. */
    public static byte[] program(long hva, GateCode.Form form) {
        return new GateSyscallFilter(hva, form).bytes.array();
    }

    /**
     * Has the process put itself under the filter.
     *
     * @param hva where its {@link #program} is
     * @return false if the host has no seccomp or forbids it
     */
    public static boolean install(RemoteCalls calls, long hva) {
        long result = calls.call(HostAbi.SYS_prctl, HostAbi.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
        if (!Errno.isError(result)) {
            int mode = SECCOMP_SET_MODE_FILTER;
            int flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
            result = calls.call(HostAbi.SYS_seccomp, mode, flags, hva, 0, 0, 0);
        }
        return !Errno.isError(result);
    }

    private void load(int offset) {
        put(BPF_LD_W_ABS, 0, 0, offset);
    }

    private void ifEqual(int value, int target) {
        put(BPF_JMP_JEQ_K, distanceTo(target), 0, value);
    }

    private void unlessEqual(int value, int target) {
        put(BPF_JMP_JEQ_K, 0, distanceTo(target), value);
    }

    private void ifAtLeast(int value, int target) {
        put(BPF_JMP_JGE_K, distanceTo(target), 0, value);
    }

    private void unlessAtLeast(int value, int target) {
        put(BPF_JMP_JGE_K, 0, distanceTo(target), value);
    }

    private void putJump(int value, int ifAtLeast, int otherwise) {
        put(BPF_JMP_JGE_K, distanceTo(ifAtLeast), distanceTo(otherwise), value);
    }

    private int distanceTo(int target) {
        return target - (bytes.position() - SOCK_FPROG_BYTES) / SOCK_FILTER_BYTES - 1;
    }

    private void put(int code, int ifTrue, int ifFalse, int constant) {
        bytes.putShort((short) code).put((byte) ifTrue).put((byte) ifFalse).putInt(constant);
    }
}
