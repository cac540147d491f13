// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import org.linuxonlinux.vmm.GeneralProtectionException;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Delivers exceptions and interrupts through the guest's IDT (Intel SDM vol. 3A §6.12, §6.14).
 *
 * <p>Changes the {@link GuestState} to the handler's first instruction and writes the frame to the
 * guest's stack; on an IDT or stack that faults the double and triple fault rules apply. Whoever
 * calls it has the registers in guest terms; used on the vCPU thread only.
 */
public final class EventDelivery {
    /** Where an event comes from; decides about error codes and double faults. */
    private enum Origin {
        EXCEPTION,
        INTERRUPT,
        /** INT n, INT3, INTO. */
        SOFTWARE
    }

    private static final int GATE_TYPE_INTERRUPT = 0xe;
    private static final int GATE_TYPE_TRAP = 0xf;
    private static final long STACK_ALIGNMENT = 16;

    /** Error-code bit: the fault is not the current program's doing. */
    private static final int ERROR_EXT = 1;

    /** Error-code bit: the selector index names an IDT gate. */
    private static final int ERROR_IDT = 2;

    private static final int KERNEL_SS_AFTER_SWITCH = 0;

    private final Mmu mmu;
    private final DescriptorTables tables;
    private final ControlState control;
    private final long[] counts = new long[256];

    /** What the last failed {@link #tryDeliver} raised. */
    private int raisedVector;

    private int raisedCode;

    public EventDelivery(Mmu mmu, DescriptorTables tables, ControlState control) {
        this.mmu = mmu;
        this.tables = tables;
        this.control = control;
    }

    /** How often each vector was delivered, by vector. */
    public long count(int vector) {
        return counts[vector];
    }

    /** An exception whose error code, if it has one, is zero. */
    public void exception(GuestState state, int vector) {
        exception(state, vector, 0);
    }

    /**
     * An exception; RIP in {@code state} is the faulting instruction, or the next one for a trap.
     *
     * @throws GuestDiedException on a triple fault; so do all that follow
     */
    public void exception(GuestState state, int vector, int errorCode) {
        deliver(state, vector, errorCode, Origin.EXCEPTION, state.rip());
    }

    /** #PF with CR2. */
    public void pageFault(GuestState state, long gva, int errorCode) {
        control.setCr2(gva);
        exception(state, Vector.PF, errorCode);
    }

    /** An external interrupt. */
    public void interrupt(GuestState state, int vector) {
        deliver(state, vector, 0, Origin.INTERRUPT, state.rip());
    }

    /**
     * INT n, INT3 or INTO: RIP in {@code state} is already behind the instruction.
     *
     * @param instructionRip where it starts: what a fault on the way reports
     */
    public void softwareInterrupt(GuestState state, int vector, long instructionRip) {
        deliver(state, vector, 0, Origin.SOFTWARE, instructionRip);
    }

    private void deliver(
            GuestState state, int vector, int errorCode, Origin firstOrigin, long faultRip) {
        counts[vector]++;
        int current = vector;
        int code = errorCode;
        Origin origin = firstOrigin;
        while (!tryDeliver(state, current, code, origin)) {
            state.setRip(faultRip);
            boolean isException = origin == Origin.EXCEPTION;
            if (isException && current == Vector.DF) {
                throw new GuestDiedException(
                        String.format(
                                "triple fault: vector=%d, guestRip=0x%x, rsp=0x%x, cr2=0x%x",
                                vector, state.rip(), state.gpr(GuestState.RSP), control.cr2()));
            }
            boolean doubles = isException && Vector.isDoubleFault(current, raisedVector);
            current = doubles ? Vector.DF : raisedVector;
            code = doubles ? 0 : raisedCode;
            origin = Origin.EXCEPTION;
        }
    }

    /** Delivers one event, or leaves the state alone and notes the exception this raised. */
    private boolean tryDeliver(GuestState state, int vector, int errorCode, Origin origin) {
        int external = origin == Origin.SOFTWARE ? 0 : ERROR_EXT;
        try {
            return enterHandler(state, vector, errorCode, origin, external);
        } catch (GuestPageFaultException e) {
            control.setCr2(e.gva());
            return raise(Vector.PF, e.errorCode());
        } catch (GeneralProtectionException e) {
            return raise(Vector.GP, external);
        }
    }

    private boolean raise(int vector, int errorCode) {
        raisedVector = vector;
        raisedCode = errorCode;
        return false;
    }

    private boolean enterHandler(
            GuestState state, int vector, int errorCode, Origin origin, int external)
            throws GuestPageFaultException {
        int gateError = vector * 8 + ERROR_IDT + external;
        if (!tables.hasGate(vector)) {
            return raise(Vector.GP, gateError);
        }
        long low = tables.gateLow(vector);
        int type = (int) (low >>> 40) & 0x1f;
        if (type != GATE_TYPE_INTERRUPT && type != GATE_TYPE_TRAP) {
            return raise(Vector.GP, gateError);
        }
        boolean fromUser = !state.isKernelMode();
        boolean userMayCall = (low >>> 45 & 3) == 3;
        if (origin == Origin.SOFTWARE && fromUser && !userMayCall) {
            return raise(Vector.GP, gateError);
        }
        boolean present = (low >>> 47 & 1) != 0;
        if (!present) {
            return raise(Vector.NP, gateError);
        }
        long handlerRip =
                (low & 0xffff) | ((low >>> 32) & 0xffff_0000L) | (tables.gateHigh(vector) << 32);
        int selector = (int) (low >>> 16) & 0xffff;
        int ist = (int) (low >>> 32) & 7;
        if (!Mmu.isCanonical(handlerRip)) {
            return raise(Vector.GP, external);
        }

        long rsp = state.gpr(GuestState.RSP);
        if (ist != 0) {
            rsp = tables.interruptStack(ist);
        } else if (fromUser) {
            rsp = tables.kernelStack();
        }
        rsp &= -STACK_ALIGNMENT;
        boolean pushesErrorCode = origin == Origin.EXCEPTION && Vector.hasErrorCode(vector);
        long newRsp = rsp - (pushesErrorCode ? 6 : 5) * 8L;
        if (!Mmu.isCanonical(newRsp) || !Mmu.isCanonical(rsp - 8)) {
            return raise(Vector.SS, external);
        }
        boolean isFault = origin == Origin.EXCEPTION && Vector.isFault(vector);
        // The ends first: a stack that faults leaves the state untouched.
        mmu.writeLong(newRsp, pushesErrorCode ? errorCode : state.rip());
        mmu.writeLong(rsp - 8, state.ss());
        mmu.writeLong(rsp - 16, state.gpr(GuestState.RSP));
        mmu.writeLong(rsp - 24, isFault ? state.rflags() | Rflags.RF : state.rflags());
        mmu.writeLong(rsp - 32, state.cs());
        mmu.writeLong(rsp - 40, state.rip());
        state.setGpr(GuestState.RSP, newRsp);

        long cleared = Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM;
        if (type == GATE_TYPE_INTERRUPT) {
            cleared |= Rflags.IF;
        }
        state.setRflags(state.rflags() & ~cleared);
        state.setRip(handlerRip);
        state.setCs(selector & ~3);
        if (fromUser) {
            state.setSs(KERNEL_SS_AFTER_SWITCH);
        }
        state.setKernelMode(true);
        return true;
    }
}
