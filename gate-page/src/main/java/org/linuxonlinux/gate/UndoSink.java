// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/** Receives, while code is emitted, how the guest state is found at each host position. */
@FunctionalInterface
public interface UndoSink {
    /** Where an expansion stands with regard to the guest instruction it stands for. */
    enum Phase {
        /** The undo restores the state before the instruction. */
        BEFORE,
        /**
         * The instruction's work is complete; the undo restores the state before the next
         * instruction.
         */
        COMMITTED
    }

    /**
     * From hva on, until the next mark, a stop finds the guest state by this undo.
     *
     * @param hva host RIP of the next emitted instruction
     * @param phase before or after the instruction's work
     * @param undo packed {@link Undo}; {@link Undo#ROLL_FORWARD} where neither state can be had
     */
    void mark(long hva, Phase phase, int undo);
}
