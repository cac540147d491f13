// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.util.List;

/**
 * Counters of a finished or running machine, ready to be shown. A snapshot: it does not change any
 * more.
 *
 * @param groups the tables, in the order they are to be shown
 */
public record Statistics(List<Group> groups) {
    /** {@link Line#nanos()} of a line that has no time. */
    public static final long NO_TIME = -1;

    /** Nothing counted. */
    public static final Statistics NONE = new Statistics(List.of());

    /** Keeps its own copy. */
    public Statistics {
        groups = List.copyOf(groups);
    }

    /**
     * One table.
     *
     * @param title what is counted, e.g. {@code exits}
     * @param lines its lines, in the order they are to be shown
     */
    public record Group(String title, List<Line> lines) {
        /** Keeps its own copy. */
        public Group {
            lines = List.copyOf(lines);
        }
    }

    /**
     * One counter.
     *
     * @param name what was counted, with the unit if it is not "times": {@code code cache bytes}
     * @param count how many
     * @param nanos time spent on them in all, or {@link #NO_TIME}
     */
    public record Line(String name, long count, long nanos) {
        /** A counter without a time. */
        public Line(String name, long count) {
            this(name, count, NO_TIME);
        }
    }
}
