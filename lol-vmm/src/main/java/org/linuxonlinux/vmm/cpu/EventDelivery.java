// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

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
    private static final int GATE_TYPE_INTERRUPT = 0xe;
    private static final int GATE_TYPE_TRAP = 0xf;
    private static final long STACK_ALIGNMENT = 16;

    /** Error-code bit: the selector index names an IDT gate. */
    private static final int ERROR_IDT = 2;

    private static final int KERNEL_SS_AFTER_SWITCH = 0;

    private final Mmu mmu;
    private final DescriptorTables tables;
    private final ControlState control;
    private final long[] counts = new long[256];

    public EventDelivery(Mmu mmu, DescriptorTables tables, ControlState control) {
        this.mmu = mmu;
        this.tables = tables;
        this.control = control;
    }

    /** How often each vector was delivered, by vector. */
    public long count(int vector) {
        return counts[vector];
    }

    /** A fault or abort without an error code other than zero. */
    public void exception(GuestState state, int vector) {
        exception(state, vector, 0);
    }

    /** A fault; RIP in {@code state} is the faulting instruction. */
    public void exception(GuestState state, int vector, int errorCode) {
        deliver(state, vector, errorCode, Vector.hasErrorCode(vector));
    }

    /** #PF with CR2. */
    public void pageFault(GuestState state, long gva, int errorCode) {
        control.setCr2(gva);
        deliver(state, Vector.PF, errorCode, true);
    }

    /** An external interrupt. */
    public void interrupt(GuestState state, int vector) {
        deliver(state, vector, 0, false);
    }

    /**
     * INT n, INT3 or INTO: RIP in {@code state} is already behind the instruction.
     *
     * @param instructionRip where it starts, for a #GP
     */
    public void softwareInterrupt(GuestState state, int vector, long instructionRip) {
        try {
            boolean privileged =
                    !tables.hasGate(vector) || (tables.gateLow(vector) >>> 45 & 3) != 3;
            if (privileged && !state.isKernelMode()) {
                state.setRip(instructionRip);
                exception(state, Vector.GP, vector * 8 + ERROR_IDT);
                return;
            }
        } catch (GuestPageFaultException e) {
            pageFault(state, e.gva(), e.errorCode());
            return;
        }
        deliver(state, vector, 0, false);
    }

    private void deliver(GuestState state, int vector, int errorCode, boolean pushesErrorCode) {
        counts[vector]++;
        int current = vector;
        int code = errorCode;
        boolean pushes = pushesErrorCode;
        while (true) {
            int second;
            int secondCode;
            try {
                int missing = tryDeliver(state, current, code, pushes);
                if (missing < 0) {
                    return;
                }
                second = Vector.GP;
                secondCode = missing;
            } catch (GuestPageFaultException e) {
                control.setCr2(e.gva());
                second = Vector.PF;
                secondCode = e.errorCode();
            }
            if (current == Vector.DF) {
                throw new GuestDiedException(
                        String.format(
                                "triple fault: vector=%d, guestRip=0x%x, rsp=0x%x, cr2=0x%x",
                                vector, state.rip(), state.gpr(GuestState.RSP), control.cr2()));
            }
            boolean doubles =
                    (Vector.isContributory(current) && Vector.isContributory(second))
                            || (current == Vector.PF && second == Vector.PF);
            current = doubles ? Vector.DF : second;
            code = doubles ? 0 : secondCode;
            pushes = true;
        }
    }

    /**
     * Delivers one event.
     *
     * @return -1 = done; otherwise the error code of the #GP that the missing gate raises
     */
    private int tryDeliver(GuestState state, int vector, int errorCode, boolean pushesErrorCode)
            throws GuestPageFaultException {
        int gateError = vector * 8 + ERROR_IDT;
        if (!tables.hasGate(vector)) {
            return gateError;
        }
        long low = tables.gateLow(vector);
        int type = (int) (low >>> 40) & 0xf;
        boolean present = (low >>> 47 & 1) != 0;
        if (!present || (type != GATE_TYPE_INTERRUPT && type != GATE_TYPE_TRAP)) {
            return gateError;
        }
        long handlerRip =
                (low & 0xffff) | ((low >>> 32) & 0xffff_0000L) | (tables.gateHigh(vector) << 32);
        int selector = (int) (low >>> 16) & 0xffff;
        int ist = (int) (low >>> 32) & 7;

        long rsp = state.gpr(GuestState.RSP);
        boolean fromUser = !state.isKernelMode();
        if (ist != 0) {
            rsp = tables.interruptStack(ist);
        } else if (fromUser) {
            rsp = tables.kernelStack();
        }
        rsp &= -STACK_ALIGNMENT;
        // The lowest address first: a stack that faults leaves the state untouched.
        int words = pushesErrorCode ? 6 : 5;
        mmu.writeLong(rsp - words * 8L, pushesErrorCode ? errorCode : state.rip());
        mmu.writeLong(rsp - 8, state.ss());
        mmu.writeLong(rsp - 16, state.gpr(GuestState.RSP));
        mmu.writeLong(rsp - 24, state.rflags());
        mmu.writeLong(rsp - 32, state.cs());
        mmu.writeLong(rsp - 40, state.rip());
        state.setGpr(GuestState.RSP, rsp - words * 8L);

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
        return -1;
    }
}
