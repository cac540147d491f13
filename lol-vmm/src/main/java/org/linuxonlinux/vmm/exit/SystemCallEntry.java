// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.cpu.Rflags;

/** What SYSCALL and SYSENTER do to the state (Intel SDM vol. 2). vCPU thread. */
final class SystemCallEntry {
    private final GuestState state;
    private final MsrModel msrs;

    /** 32-bit code has SYSCALL and no SYSENTER; Intel's have it the other way round. */
    private final boolean isAmd;

    SystemCallEntry(GuestState state, MsrModel msrs, boolean isAmd) {
        this.isAmd = isAmd;
        this.state = state;
        this.msrs = msrs;
    }

    /** Enters the guest kernel from the instruction of 64-bit code in front of an address. */
    void enter(long returnRip) {
        bySyscall(returnRip, msrs.syscallEntry64());
    }

    /**
     * Enters the guest kernel from a SYSCALL or SYSENTER of 32-bit code. The host has read EBP from
     * the user's stack, as its own calling convention is (Linux v6.1 arch/x86/entry/common.c,
     * do_fast_syscall_32), and forgotten where the instruction was; so does the guest's kernel, and
     * what EBP was before is in another register.
     */
    void enterFrom32() {
        if (isAmd) {
            state.setGpr(GuestState.RBP, state.gpr(GuestState.RCX));
            bySyscall(0, msrs.syscallEntry32());
            return;
        }
        state.setGpr(GuestState.RBP, state.gpr(GuestState.RSP));
        state.setGpr(GuestState.RSP, msrs.sysenterStack());
        state.setRflags(state.rflags() & ~(Rflags.IF | Rflags.RF | Rflags.VM));
        enterKernel(msrs.sysenterEntry());
    }

    private void bySyscall(long returnRip, long entryRip) {
        state.setGpr(GuestState.RCX, returnRip);
        state.setGpr(GuestState.R11, state.rflags() & ~Rflags.RF);
        state.setRflags(state.rflags() & ~(msrs.syscallFlagMask() | Rflags.RF));
        enterKernel(entryRip);
    }

    private void enterKernel(long entryRip) {
        state.setRip(entryRip);
        state.setCs(GuestSelectors.KERNEL_CS);
        state.setSs(GuestSelectors.KERNEL_DS);
        state.setKernelMode(true);
    }
}
