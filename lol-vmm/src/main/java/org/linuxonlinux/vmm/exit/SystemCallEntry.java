// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.cpu.Rflags;

/** What SYSCALL does to the state (Intel SDM vol. 2, SYSCALL). vCPU thread. */
final class SystemCallEntry {
    private final GuestState state;
    private final MsrModel msrs;

    SystemCallEntry(GuestState state, MsrModel msrs) {
        this.state = state;
        this.msrs = msrs;
    }

    /** Enters the guest kernel from the instruction in front of an address. */
    void enter(long returnRip) {
        state.setGpr(GuestState.RCX, returnRip);
        state.setGpr(GuestState.R11, state.rflags() & ~Rflags.RF);
        state.setRflags(state.rflags() & ~(msrs.syscallFlagMask() | Rflags.RF));
        boolean compatibility = state.cs() == GuestSelectors.USER32_CS;
        state.setRip(compatibility ? msrs.syscallEntry32() : msrs.syscallEntry64());
        state.setCs(GuestSelectors.KERNEL_CS);
        state.setSs(GuestSelectors.KERNEL_DS);
        state.setKernelMode(true);
    }
}
