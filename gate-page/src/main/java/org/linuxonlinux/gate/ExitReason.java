// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/**
 * Why emitted code handed over to the monitor. The ordinal is what it stores in {@code
 * EXIT_REASON}.
 */
@SuppressWarnings("EnumOrdinal") // The order is the encoding.
public enum ExitReason {
    /** No exit is published: the process stopped for another cause (a signal). */
    NONE,
    /**
     * Direct branch to an untranslated block. EXIT_DETAIL = link-site id, EXIT_GUEST_RIP = target,
     * state after it.
     */
    LINK,
    /** The monitor must emulate the instruction at EXIT_GUEST_RIP; state is exactly before it. */
    INSTRUCTION,
    /**
     * Virtual IF became 1 while PENDING; state is exactly before the instruction at EXIT_GUEST_RIP.
     */
    INTERRUPT_WINDOW,
    /**
     * Indirect branch that must not use the flat table. EXIT_DETAIL = target guest RIP, state after
     * the branch.
     */
    INDIRECT,
    /**
     * The monitor performs the iret at EXIT_GUEST_RIP; state exactly before it except dead
     * arithmetic flags.
     */
    IRET_SLOW,
    /**
     * The monitor performs the sysret at EXIT_GUEST_RIP; state exactly before it except dead
     * arithmetic flags.
     */
    SYSRET_SLOW,
    /** The command list has been executed; results are in it. */
    COMMANDS_DONE,
    /** First stop of a context process. */
    START;

    private static final ExitReason[] VALUES = values();

    /** The number emitted code stores. */
    public int code() {
        return ordinal();
    }

    /** The reason of a stored number; fails on a number no stub stores. */
    public static ExitReason of(long code) {
        if (code < 0 || code >= VALUES.length) {
            throw new DamagedPageException("unknown exit reason: code=" + code);
        }
        return VALUES[(int) code];
    }
}
