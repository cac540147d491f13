// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.gate.Undo;

/**
 * Where a host RIP of the code cache is in guest terms. Filled by {@link Translator#locate};
 * reusable, so that a stop allocates nothing.
 */
public final class HostPosition {
    TranslationBlock block;
    long guestRip;
    int undo;
    boolean branchTableJump;
    boolean exiting;

    /** The block; null for the common exit code at the start of the code cache. */
    public TranslationBlock block() {
        return block;
    }

    /**
     * Guest instruction whose "before" state results when {@link #undo} is applied to the
     * registers: the instruction being executed, or the next one where the work of the current one
     * is complete and only scratch registers are left to restore.
     */
    public long guestRip() {
        return guestRip;
    }

    /**
     * Packed {@code gate.Undo}; 0 = nothing to undo, {@code Undo.ROLL_FORWARD} = see {@link
     * #mustRollForward}.
     */
    public int undo() {
        return undo;
    }

    /**
     * Whether neither the state before the instruction nor the one after can be had here:
     * single-step to a position where this is false. Nothing faults in between.
     */
    public boolean mustRollForward() {
        return undo == Undo.ROLL_FORWARD;
    }

    /**
     * Whether the registers are, as they are, the state before the instruction at {@link
     * #guestRip}.
     */
    public boolean atBoundary() {
        return undo == 0 && !exiting;
    }

    /**
     * Whether the block was killed. The state is still right, but the host RIP must not be resumed:
     * apply {@link #undo} and go on at {@link Translator#blockAt} of {@link #guestRip}.
     */
    public boolean inDeadBlock() {
        return block != null && block.isDead();
    }

    /**
     * Whether the host RIP is a jump through the branch table. A fault at it means that RCX holds a
     * target outside of the table's range; the state after the branch is guest RIP = host RCX,
     * guest RCX = the SPILL_RCX slot, RSP as it is. (An absent entry inside the range shows as host
     * RIP = 0 with the same registers.) For a kick use {@link #undo}: it restores the state before
     * the branch.
     */
    public boolean isBranchTableJump() {
        return branchTableJump;
    }

    /**
     * Whether the host RIP is in exit code that is about to leave to the monitor: resume it and
     * take the exit. {@link #guestRip} is valid in a block's own exit code, not in the common exit
     * code (there the EXIT_GUEST_RIP slot holds it).
     */
    public boolean isExiting() {
        return exiting;
    }
}
