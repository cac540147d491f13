// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.util.Objects;

/**
 * Why a virtual machine no longer runs.
 *
 * @param kind what happened
 * @param reason one line for the user, with guest RIP and vCPU where they matter; empty if {@code
 *     kind} says it all
 */
public record ExitOutcome(Kind kind, String reason) {
    /** What ended the run. */
    public enum Kind {
        /** The guest switched its machine off. */
        POWER_OFF,
        /** The guest asked for a reset: a reboot, or the end of a panic. */
        RESET,
        /**
         * The guest broke a rule that leaves it no way on: triple fault, unknown instruction, jump
         * to nowhere.
         */
        DIED,
        /** {@link VirtualMachine#requestStop} was called. */
        STOPPED
    }

    /** Both parts are always there. */
    public ExitOutcome {
        Objects.requireNonNull(kind);
        Objects.requireNonNull(reason);
    }
}
