// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

/**
 * A memory operand. Immutable.
 *
 * <p>Three forms: base and/or index with displacement; RIP-relative to an absolute HVA; absolute
 * sign-extended disp32. Each may carry an FS or GS prefix.
 *
 * @param form which of the three forms
 * @param segment segment prefix
 * @param base base register or null
 * @param index index register (not RSP) or null
 * @param scale 1, 2, 4 or 8; 1 without index
 * @param disp displacement, or the absolute address of the absolute form
 * @param targetHva HVA of the RIP-relative form, else 0
 */
public record Mem(
        Form form, Segment segment, Reg base, Reg index, int scale, int disp, long targetHva) {
    /** How the address is formed. */
    public enum Form {
        /** Base and/or index plus displacement. */
        BASE_INDEX,
        /**
         * Relative to the end of the instruction; the assembler works out the displacement from the
         * HVA.
         */
        RIP_RELATIVE,
        /** Absolute 32-bit address, sign-extended. */
        ABSOLUTE
    }

    /** Segment prefix of a memory operand. */
    public enum Segment {
        /** No prefix. */
        NONE(0),
        /** FS prefix. */
        FS(0x64),
        /** GS prefix. */
        GS(0x65);

        private final int prefix;

        Segment(int prefix) {
            this.prefix = prefix;
        }

        int prefix() {
            return prefix;
        }
    }

    /** Checks that the parts fit the form. */
    public Mem {
        if (index == Reg.rsp) {
            throw new IllegalArgumentException("rsp cannot be an index register");
        }
        if (scale != 1 && scale != 2 && scale != 4 && scale != 8) {
            throw new IllegalArgumentException("scale must be 1, 2, 4 or 8: scale=" + scale);
        }
        boolean hasRegisters = base != null || index != null;
        if (hasRegisters != (form == Form.BASE_INDEX)) {
            throw new IllegalArgumentException("registers do not fit form: form=" + form);
        }
    }

    /** {@code [base]}. */
    public static Mem base(Reg base) {
        return base(base, 0);
    }

    /** {@code [base + disp]}. */
    public static Mem base(Reg base, int disp) {
        return new Mem(Form.BASE_INDEX, Segment.NONE, base, null, 1, disp, 0);
    }

    /** {@code [base + index*scale + disp]}; base may be null. */
    public static Mem indexed(Reg base, Reg index, int scale, int disp) {
        return new Mem(Form.BASE_INDEX, Segment.NONE, base, index, scale, disp, 0);
    }

    /** {@code [rip + (targetHva - end of instruction)]}. */
    public static Mem ripRelative(long targetHva) {
        return new Mem(Form.RIP_RELATIVE, Segment.NONE, null, null, 1, 0, targetHva);
    }

    /** {@code [disp32]}, sign-extended to 64 bits. */
    public static Mem absolute(int disp32) {
        return new Mem(Form.ABSOLUTE, Segment.NONE, null, null, 1, disp32, 0);
    }

    /** The same operand with a GS prefix. */
    public Mem gs() {
        return new Mem(form, Segment.GS, base, index, scale, disp, targetHva);
    }

    /** The same operand with an FS prefix. */
    public Mem fs() {
        return new Mem(form, Segment.FS, base, index, scale, disp, targetHva);
    }

    /** The same operand, offsetBytes further. */
    public Mem plus(int offsetBytes) {
        return form == Form.RIP_RELATIVE
                ? new Mem(form, segment, null, null, 1, 0, targetHva + offsetBytes)
                : new Mem(form, segment, base, index, scale, Math.addExact(disp, offsetBytes), 0);
    }
}
