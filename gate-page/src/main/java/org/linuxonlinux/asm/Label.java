// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

import java.util.Arrays;

/**
 * A position in one {@link CodeBuffer}, bound once, before or after its uses. Branches to it are
 * patched when it is bound; {@link Assembler#close} fails if a used label is still unbound.
 */
public final class Label {
    private static final int UNBOUND = -1;

    private final String name;
    private int position = UNBOUND;
    // Pairs: position of the operand, operand size in bytes (1 or 4). The operand ends its
    // instruction.
    private int[] uses = new int[4];
    private int useCount;

    /** An anonymous label. */
    public Label() {
        this("label");
    }

    /** A label whose name appears in messages. */
    public Label(String name) {
        this.name = name;
    }

    /** Whether the label has a position. */
    public boolean isBound() {
        return position != UNBOUND;
    }

    /** Offset in the code buffer; precondition: bound. */
    public int position() {
        if (!isBound()) {
            throw new IllegalStateException("label is not bound: name=" + name);
        }
        return position;
    }

    void bind(CodeBuffer code) {
        if (isBound()) {
            throw new IllegalStateException("label is bound twice: name=" + name);
        }
        position = code.position();
        for (int i = 0; i < useCount; i += 2) {
            patch(code, uses[i], uses[i + 1]);
        }
    }

    /**
     * Records an operand that ends at operandPosition + operandSizeBytes and refers to this label.
     */
    void use(CodeBuffer code, int operandPosition, int operandSizeBytes) {
        if (isBound()) {
            patch(code, operandPosition, operandSizeBytes);
            return;
        }
        if (useCount == uses.length) {
            uses = Arrays.copyOf(uses, 2 * uses.length);
        }
        uses[useCount++] = operandPosition;
        uses[useCount++] = operandSizeBytes;
    }

    boolean isUsedButUnbound() {
        return !isBound() && useCount > 0;
    }

    String describeUses() {
        StringBuilder text = new StringBuilder(name).append(" used at");
        for (int i = 0; i < useCount; i += 2) {
            text.append(" 0x").append(Integer.toHexString(uses[i]));
        }
        return text.toString();
    }

    private void patch(CodeBuffer code, int operandPosition, int operandSizeBytes) {
        int relative = position - (operandPosition + operandSizeBytes);
        if (operandSizeBytes == 1) {
            if (relative != (byte) relative) {
                throw new IllegalStateException(
                        "short branch out of reach: name=" + name + ", distance=" + relative);
            }
            code.putByte(operandPosition, relative);
        } else {
            code.putInt(operandPosition, relative);
        }
    }
}
