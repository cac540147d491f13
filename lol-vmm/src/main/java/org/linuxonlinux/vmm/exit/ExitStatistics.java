// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.ArrayList;
import java.util.List;

/**
 * Counts exits and the time the monitor spent on them, by reason.
 *
 * <p>Written by the vCPU thread; read by others after the vCPU has stopped.
 */
@SuppressWarnings("EnumOrdinal") // The kinds index the counters.
public final class ExitStatistics {
    /** What the vCPU stopped for. */
    public enum Kind {
        LINK("branch to untranslated code"),
        BRANCH_MISS("indirect branch to untranslated code"),
        INSTRUCTION("instruction left to the monitor"),
        HALT("halt"),
        INTERRUPT_WINDOW("interrupt window"),
        SLOW_RETURN("return to user mode with work pending"),
        INDIRECT("indirect branch of boot code"),
        SYSTEM_CALL("system call"),
        KERNEL_PAGE("kernel page mapped"),
        USER_PAGE("user page mapped"),
        GUEST_PAGE_FAULT("page fault for the guest"),
        GUEST_EXCEPTION("other exception for the guest"),
        CODE_WRITE("write to translated code"),
        MMIO("device memory"),
        CALL_SITE("repair of a patched call site"),
        HIDDEN_PAGE("page that the gate hides"),
        DYNAMIC_FOLD("instruction made dynamic"),
        KICK("kick"),
        STEP("step to an instruction boundary");

        private final String text;

        Kind(String text) {
            this.text = text;
        }

        /** For people. */
        public String text() {
            return text;
        }
    }

    /**
     * One line of the table.
     *
     * @param nanos time from the stop until the next entry
     */
    public record Row(Kind kind, long count, long nanos) {}

    private final long[] counts = new long[Kind.values().length];
    private final long[] nanos = new long[Kind.values().length];

    void add(Kind kind, long spentNanos) {
        int index = kind.ordinal();
        counts[index]++;
        nanos[index] += spentNanos;
    }

    /** How many exits of a kind there were. */
    public long count(Kind kind) {
        return counts[kind.ordinal()];
    }

    /** All kinds that occurred, in declaration order. */
    public List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            int index = kind.ordinal();
            if (counts[index] != 0) {
                rows.add(new Row(kind, counts[index], nanos[index]));
            }
        }
        return rows;
    }
}
