// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import org.linuxonlinux.gate.Undo;

/**
 * The vCPU's registers in guest terms, valid between an exit and the next entry.
 *
 * <p>Everything is what the guest would see: RSP without FOLD, RFLAGS with the virtual IF. Control
 * registers, selectors and base registers live in the vCPU page, because emitted code uses them
 * too. Used on the vCPU thread only.
 */
public final class GuestState implements Undo.Registers {
    public static final int RAX = 0;
    public static final int RCX = 1;
    public static final int RDX = 2;
    public static final int RBX = 3;
    public static final int RSP = 4;
    public static final int RBP = 5;
    public static final int RSI = 6;
    public static final int RDI = 7;
    public static final int R11 = 11;

    private final long[] gpr = new long[16];
    private long rip;
    private long rflags = Rflags.FIXED;
    private boolean kernelMode;
    private int cs;
    private int ss;

    /** A general-purpose register by its encoding number, 0..15. */
    @Override
    public long gpr(int register) {
        return gpr[register];
    }

    @Override
    public void setGpr(int register, long value) {
        gpr[register] = value;
    }

    /** Low 32 bits of a register, zero-extended. */
    public int gpr32(int register) {
        return (int) gpr[register];
    }

    /** Writes a 32-bit result, which clears the upper half. */
    public void setGpr32(int register, int value) {
        gpr[register] = value & 0xffff_ffffL;
    }

    /**
     * Writes a result of 1, 2, 4 or 8 bytes as instructions do: 4 bytes clear the upper half, fewer
     * leave the rest of the register alone (Intel SDM vol. 1 §3.4.1.1). Not for AH, CH, DH and BH.
     */
    public void setGpr(int register, int sizeBytes, long value) {
        long old = gpr[register];
        gpr[register] =
                switch (sizeBytes) {
                    case 1 -> (old & ~0xffL) | (value & 0xff);
                    case 2 -> (old & ~0xffffL) | (value & 0xffff);
                    case 4 -> value & 0xffff_ffffL;
                    default -> value;
                };
    }

    public long rip() {
        return rip;
    }

    public void setRip(long guestRip) {
        rip = guestRip;
    }

    public long rflags() {
        return rflags;
    }

    public void setRflags(long value) {
        rflags = value | Rflags.FIXED;
    }

    public boolean interruptsEnabled() {
        return (rflags & Rflags.IF) != 0;
    }

    /** Whether the guest's CPL is 0. */
    public boolean isKernelMode() {
        return kernelMode;
    }

    public void setKernelMode(boolean value) {
        kernelMode = value;
    }

    public int cs() {
        return cs;
    }

    public int ss() {
        return ss;
    }

    public void setCs(int selector) {
        cs = selector;
    }

    public void setSs(int selector) {
        ss = selector;
    }
}
