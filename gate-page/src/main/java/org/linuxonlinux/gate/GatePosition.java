// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/** Where a host RIP of the gate is in guest terms. Filled by {@link GateCode#locate}; reusable. */
public final class GatePosition {
    /** How the guest state is found at a position in a stub. */
    public enum Kind {
        /**
         * Applying the undo gives the state before the instruction at STUB_GUEST_RIP, in kernel
         * mode.
         */
        BEFORE,
        /** Half committed; nothing faults here. Step on until another kind is reached. */
        ROLL_FORWARD,
        /**
         * At the jump through the branch table: the instruction is complete, guest RIP = RCX;
         * applying the undo gives RCX back. An absent entry is 0 and stops at host RIP 0 in the
         * same state; go on at the indirect entry of the target's block, or apply {@link
         * Undo#withRcxSpilled} for the exact state.
         */
        BRANCH_TABLE_JUMP,
        /**
         * At sysret's final jump: the guest is in user mode with all registers true and guest RIP =
         * RCX. A fault here is the user's #GP at a non-canonical RCX.
         */
        USER_JUMP,
        /** An exit is being published; let it run to its stop. */
        EXITING,
        /**
         * A resume is under way: the vCPU page still holds the whole state; it may be abandoned or
         * repeated.
         */
        RESUMING,
        /** Host calls are being executed; step on, or let it run to its stop. */
        RUNNING_COMMANDS,
        /** Not in a stub. Reached only by a wild jump. */
        NOWHERE
    }

    Kind kind = Kind.NOWHERE;
    int undo;

    /** How the state is found. */
    public Kind kind() {
        return kind;
    }

    /** Packed {@link Undo} of kinds BEFORE and BRANCH_TABLE_JUMP. */
    public int undo() {
        return undo;
    }
}
