// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.vmm.cpu.GuestState.R11;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Transfers that load CS with RIP: far returns, jumps and calls within the kernel, IRET, SYSRET,
 * and INT n.
 *
 * <p>Each sets the state's RIP itself. vCPU thread only. Source: Intel SDM vol. 2 (RET, JMP, CALL,
 * IRET, SYSRET, INT n).
 */
final class FarTransfers {
    private final GuestState state;
    private final Mmu mmu;
    private final EventDelivery events;
    private final Operands operands;

    FarTransfers(VcpuParts parts, Operands operands) {
        this.state = parts.state();
        this.mmu = parts.mmu();
        this.events = parts.events();
        this.operands = operands;
    }

    /** INT n, INT3 or INT1. */
    void softwareInterrupt(Instruction in, int vector) {
        long instructionRip = state.rip();
        state.setRip(instructionRip + in.length());
        events.softwareInterrupt(state, vector, instructionRip);
    }

    /** Far RET. */
    void farReturn(Instruction in) throws GuestPageFaultException, ProtectionFaultException {
        int size = slotSizeBytes(in);
        long rsp = state.gpr(RSP);
        long target = mmu.readValue(rsp, size);
        int selector = (int) mmu.readValue(rsp + size, size) & 0xffff;
        long release = in.opcode() == 0xca ? in.imm() & 0xffff : 0;
        checkFarTarget(selector, target, "far return");
        state.setGpr(RSP, rsp + 2L * size + release);
        state.setCs(selector);
        state.setRip(target);
    }

    /** Far CALL or JMP through memory; what else opcode FF has is #UD. */
    void farBranch(Instruction in) throws GuestPageFaultException, ProtectionFaultException {
        int operation = in.reg() & 7;
        if (!in.hasMemoryOperand() || (operation != 3 && operation != 5)) {
            throw new ProtectionFaultException(Vector.UD, 0);
        }
        int size = slotSizeBytes(in);
        long gva = operands.gva(in);
        long target = mmu.readValue(gva, size);
        int selector = (int) mmu.readValue(gva + size, 2) & 0xffff;
        checkFarTarget(selector, target, "far branch");
        if (operation == 3) {
            long rsp = state.gpr(RSP) - 2L * size;
            mmu.writeValue(rsp + size, size, state.cs());
            mmu.writeValue(rsp, size, state.rip() + in.length());
            state.setGpr(RSP, rsp);
        }
        state.setCs(selector);
        state.setRip(target);
    }

    private void checkFarTarget(int selector, long target, String what)
            throws ProtectionFaultException {
        if ((selector & ~3) == 0 || !Mmu.isCanonical(target)) {
            throw new ProtectionFaultException(0);
        }
        if ((selector & 3) != 0) {
            throw new GuestDiedException(
                    String.format(
                            "%s to an outer ring is not supported: selector=0x%x, guestRip=0x%x",
                            what, selector, state.rip()));
        }
    }

    /** IRET in full: to kernel or user mode. */
    void interruptReturn(Instruction in) throws GuestPageFaultException, ProtectionFaultException {
        int size = slotSizeBytes(in);
        long rsp = state.gpr(RSP);
        long target = mmu.readValue(rsp, size);
        int cs = (int) mmu.readValue(rsp + size, size) & 0xffff;
        long flags = mmu.readValue(rsp + 2L * size, size);
        long newRsp = mmu.readValue(rsp + 3L * size, size);
        int ss = (int) mmu.readValue(rsp + 4L * size, size) & 0xffff;
        boolean toUser = (cs & 3) == 3;
        if ((cs & ~3) == 0 || !Mmu.isCanonical(target)) {
            throw new ProtectionFaultException(0);
        }
        if (!toUser && (cs & 3) != 0) {
            throw new ProtectionFaultException(cs & ~3);
        }
        if (toUser && cs != GuestSelectors.USER_CS && cs != GuestSelectors.USER32_CS) {
            throw new ProtectionFaultException(cs & ~3);
        }
        if (toUser && ss != GuestSelectors.USER_DS) {
            throw new ProtectionFaultException(ss & ~3);
        }
        state.setRip(target);
        state.setCs(cs);
        state.setRflags(flags & Rflags.RETURNABLE);
        state.setGpr(RSP, newRsp);
        state.setSs(ss);
        state.setKernelMode(!toUser);
    }

    /** SYSRET in full. */
    void systemReturn(Instruction in) {
        boolean to64 = in.w();
        long target = state.gpr(RCX);
        state.setRip(to64 ? target : target & 0xffff_ffffL);
        state.setRflags(state.gpr(R11) & Rflags.RETURNABLE & ~Rflags.RF);
        state.setCs(to64 ? GuestSelectors.USER_CS : GuestSelectors.USER32_CS);
        state.setSs(GuestSelectors.USER_DS);
        state.setKernelMode(false);
    }

    /** Size of an offset in memory, and of a stack slot: unlike near branches, 4 by default. */
    private static int slotSizeBytes(Instruction in) {
        return in.w() ? 8 : in.hasPrefix(Instruction.PREFIX_OPSIZE) ? 2 : 4;
    }
}
