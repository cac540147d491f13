// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import org.linuxonlinux.asm.Reg;

/**
 * What restores the guest state from before an instruction when its expansion stops half-way. A
 * packed long, so that side tables hold it without objects; 0 = nothing to undo.
 *
 * <pre>
 * bit  0– 4   register in SPILL_A: number + 1, 0 = none
 * bit  5– 9   register in SPILL_B
 * bit 10–14   register in SPILL_C
 * bit 15–19   register in SPILL_D
 * bit 20      RCX is in SPILL_RCX
 * bit 21–22   RDI: 0 as is, 1 minus FOLD, 2 minus word DYN_FOLD_DI
 * bit 23–24   RSI: 0 as is, 1 minus FOLD, 2 minus word DYN_FOLD_SI
 * bit 25      VIRTUAL_IF was 0
 * bit 26      host FS and GS base are already the user's; the next resume of kernel mode loads them anyway
 * bit 27–31   half-words to add to RSP, signed (−32 … 30 bytes)
 * </pre>
 *
 * <p>RSP is kept with its host value throughout; the monitor takes the fold out at the end.
 */
@SuppressWarnings("EnumOrdinal") // The order is the encoding.
public final class Undo {
    /** Nothing to undo. */
    public static final int NONE = 0;

    /**
     * Neither the state before the instruction nor the one after it can be had here: the expansion
     * is half committed. Nothing can fault in such a place; after a kick the monitor steps on to
     * the end of it. Slot D holds a number that is no register.
     */
    public static final int ROLL_FORWARD = 31 << 15;

    private static final int RCX_BIT = 20;
    private static final int RDI_SHIFT = 21;
    private static final int RSI_SHIFT = 23;
    private static final int VIRTUAL_IF_BIT = 25;
    private static final int USER_BASES_BIT = 26;
    private static final int RSP_SHIFT = 27;

    /** How RSI or RDI is changed in the middle of a string instruction. */
    public enum StringFold {
        /** The register holds the guest's value. */
        NONE,
        /** The register holds the guest's value plus FOLD. */
        FOLD,
        /** The register holds the guest's value plus the word DYN_FOLD_SI or DYN_FOLD_DI. */
        DYNAMIC;

        private static final StringFold[] VALUES = values();
    }

    /** The four scratch spill words. */
    public enum Slot {
        /** SPILL_A. */
        A(VcpuPageLayout.SPILL_A),
        /** SPILL_B. */
        B(VcpuPageLayout.SPILL_B),
        /** SPILL_C. */
        C(VcpuPageLayout.SPILL_C),
        /** SPILL_D. */
        D(VcpuPageLayout.SPILL_D);

        private static final Slot[] VALUES = values();

        private final int offset;

        Slot(int offset) {
            this.offset = offset;
        }

        /** Offset in the vCPU page. */
        public int offset() {
            return offset;
        }

        private int shift() {
            return 5 * ordinal();
        }
    }

    /** Typed access to the stopped registers that {@link #apply} repairs. RSP is the host value. */
    public interface Registers {
        /** Value of a GPR in encoding order. */
        long gpr(int number);

        /** Sets a GPR in encoding order. */
        void setGpr(int number, long value);
    }

    private Undo() {}

    /** With reg held in a slot; null = no register. */
    public static int withSpill(int undo, Slot slot, Reg reg) {
        int number = reg == null ? 0 : reg.number() + 1;
        return (undo & ~(31 << slot.shift())) | (number << slot.shift());
    }

    /** The register held in a slot, or null. */
    public static Reg spilled(int undo, Slot slot) {
        int number = undo >>> slot.shift() & 31;
        return number == 0 ? null : Reg.of(number - 1);
    }

    /** With or without RCX in SPILL_RCX. */
    public static int withRcxSpilled(int undo, boolean spilled) {
        return withBit(undo, RCX_BIT, spilled);
    }

    /** Whether RCX is in SPILL_RCX. */
    public static boolean isRcxSpilled(int undo) {
        return bit(undo, RCX_BIT);
    }

    /** With a change of RDI. */
    public static int withRdi(int undo, StringFold fold) {
        return (undo & ~(3 << RDI_SHIFT)) | (fold.ordinal() << RDI_SHIFT);
    }

    /** How RDI is changed. */
    public static StringFold rdi(int undo) {
        return StringFold.VALUES[undo >>> RDI_SHIFT & 3];
    }

    /** With a change of RSI. */
    public static int withRsi(int undo, StringFold fold) {
        return (undo & ~(3 << RSI_SHIFT)) | (fold.ordinal() << RSI_SHIFT);
    }

    /** How RSI is changed. */
    public static StringFold rsi(int undo) {
        return StringFold.VALUES[undo >>> RSI_SHIFT & 3];
    }

    /** With deltaBytes to add to RSP, e.g. 8 after a push. */
    public static int withRspDelta(int undo, int deltaBytes) {
        if (deltaBytes < -32 || deltaBytes > 30 || (deltaBytes & 1) != 0) {
            throw new IllegalArgumentException("rsp delta does not fit: bytes=" + deltaBytes);
        }
        return (undo & ~(31 << RSP_SHIFT)) | (deltaBytes >> 1) << RSP_SHIFT;
    }

    /** Bytes to add to RSP. */
    public static int rspDelta(int undo) {
        return undo >> RSP_SHIFT << 1;
    }

    /** With or without "VIRTUAL_IF was 0". */
    public static int withVirtualIfWasClear(int undo, boolean wasClear) {
        return withBit(undo, VIRTUAL_IF_BIT, wasClear);
    }

    /** Whether VIRTUAL_IF must be cleared. */
    public static boolean isVirtualIfWasClear(int undo) {
        return bit(undo, VIRTUAL_IF_BIT);
    }

    /** With or without the user's FS and GS bases loaded. */
    public static int withUserBases(int undo, boolean loaded) {
        return withBit(undo, USER_BASES_BIT, loaded);
    }

    /** Whether the host's FS and GS bases are already the user's. */
    public static boolean isUserBases(int undo) {
        return bit(undo, USER_BASES_BIT);
    }

    /** Whether some word of the vCPU page or register must be changed back. */
    public static boolean isNeeded(int undo) {
        return undo != NONE;
    }

    /** Whether the monitor must step on instead of undoing, see {@link #ROLL_FORWARD}. */
    public static boolean isRollForward(int undo) {
        return undo == ROLL_FORWARD;
    }

    /** A text for dumps, e.g. {@code "A=rax rcx rsp+8"}; {@code "-"} = nothing to undo. */
    public static String describe(int undo) {
        if (undo == NONE) {
            return "-";
        }
        if (isRollForward(undo)) {
            return "roll-forward";
        }
        StringBuilder text = new StringBuilder();
        for (Slot slot : Slot.VALUES) {
            Reg reg = spilled(undo, slot);
            if (reg != null) {
                text.append(slot).append('=').append(reg).append(' ');
            }
        }
        text.append(isRcxSpilled(undo) ? "rcx " : "");
        text.append(rdi(undo) == StringFold.NONE ? "" : "rdi-=" + rdi(undo) + " ");
        text.append(rsi(undo) == StringFold.NONE ? "" : "rsi-=" + rsi(undo) + " ");
        text.append(isVirtualIfWasClear(undo) ? "if=0 " : "");
        text.append(isUserBases(undo) ? "user-bases " : "");
        int delta = rspDelta(undo);
        text.append(delta == 0 ? "" : "rsp" + (delta > 0 ? "+" : "") + delta);
        return text.toString().strip();
    }

    /** Restores registers and vCPU page to the state before the instruction. */
    public static void apply(int undo, VcpuPage page, Registers registers) {
        if (undo == NONE) {
            return;
        }
        if (isRollForward(undo)) {
            throw new IllegalStateException("half-committed expansion cannot be undone");
        }
        for (Slot slot : Slot.VALUES) {
            int number = undo >>> slot.shift() & 31;
            if (number != 0) {
                registers.setGpr(number - 1, page.get(slot.offset()));
            }
        }
        if (isRcxSpilled(undo)) {
            registers.setGpr(Reg.rcx.number(), page.get(VcpuPageLayout.SPILL_RCX));
        }
        unfold(rdi(undo), Reg.rdi.number(), VcpuPageLayout.DYN_FOLD_DI, page, registers);
        unfold(rsi(undo), Reg.rsi.number(), VcpuPageLayout.DYN_FOLD_SI, page, registers);
        int rsp = Reg.rsp.number();
        registers.setGpr(rsp, registers.gpr(rsp) + rspDelta(undo));
        if (isVirtualIfWasClear(undo)) {
            page.set(VcpuPageLayout.VIRTUAL_IF, 0);
        }
    }

    private static void unfold(
            StringFold fold, int number, int dynamicOffset, VcpuPage page, Registers registers) {
        switch (fold) {
            case NONE -> {}
            case FOLD -> registers.setGpr(number, registers.gpr(number) - AddressMap.FOLD);
            case DYNAMIC ->
                    registers.setGpr(number, registers.gpr(number) - page.get(dynamicOffset));
        }
    }

    private static int withBit(int undo, int bit, boolean value) {
        return value ? undo | 1 << bit : undo & ~(1 << bit);
    }

    private static boolean bit(int undo, int bit) {
        return (undo >>> bit & 1) != 0;
    }
}
