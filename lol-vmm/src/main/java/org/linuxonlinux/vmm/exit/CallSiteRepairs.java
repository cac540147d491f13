// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.redirect.CallSites;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Makes user code that stops at a patched call site, or in its thunk, go on as if there were no
 * patch. vCPU thread, state loaded.
 */
final class CallSiteRepairs {
    private static final long SIGN = Long.MIN_VALUE;

    private final CallSites callSites;
    private final GuestState state;
    private final Mmu mmu;
    private final EventDelivery events;
    private final InstructionEmulator emulator;
    private final SystemCallEntry systemCallEntry;

    /**
     * @param callSites null = none are ever patched
     */
    CallSiteRepairs(
            CallSites callSites,
            VcpuParts parts,
            InstructionEmulator emulator,
            SystemCallEntry systemCallEntry) {
        this.callSites = callSites;
        this.state = parts.state();
        this.mmu = parts.mmu();
        this.events = parts.events();
        this.emulator = emulator;
        this.systemCallEntry = systemCallEntry;
    }

    /** An instruction that does not exist; false: it is the guest's own. */
    boolean onUndefined() {
        long rip = state.rip();
        return callSites != null && act(callSites.atUndefined(rip, mmu.gfnOf(rip)));
    }

    /** The guest's trap flag; false: it has not hit in a thunk. */
    boolean onTrap() {
        return callSites != null && act(callSites.atTrap(state.rip(), state.gpr(GuestState.RAX)));
    }

    private boolean act(CallSites.Repair repair) {
        switch (repair) {
            case SYSTEM_CALL:
                systemCallEntry.enter(callSites.repairRip());
                return true;
            case COMPARE:
                compare(state.gpr(GuestState.RAX), callSites.repairOperand());
                state.setRip(callSites.repairRip());
                if ((state.rflags() & Rflags.TF) != 0) {
                    debugException();
                }
                return true;
            case TRAP:
                state.setGpr(GuestState.RAX, callSites.repairOperand());
                state.setRip(callSites.repairRip());
                debugException();
                return true;
            default:
                return false;
        }
    }

    private void debugException() {
        emulator.setDebugStatus(Faults.DR6_BS);
        events.exception(state, Vector.DB);
    }

    /** The flags of {@code cmp a, b} (Intel SDM vol. 2, CMP). */
    private void compare(long a, long b) {
        long result = a - b;
        long flags = state.rflags() & ~Rflags.STATUS;
        flags |= Long.compareUnsigned(a, b) < 0 ? Rflags.CF : 0;
        flags |= (Long.bitCount(result & 0xff) & 1) == 0 ? Rflags.PF : 0;
        flags |= ((a ^ b ^ result) & 0x10) != 0 ? Rflags.AF : 0;
        flags |= result == 0 ? Rflags.ZF : 0;
        flags |= result < 0 ? Rflags.SF : 0;
        flags |= ((a ^ b) & (a ^ result) & SIGN) != 0 ? Rflags.OF : 0;
        state.setRflags(flags);
    }
}
