// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.PrintStream;
import java.util.Locale;
import org.linuxonlinux.vmm.Statistics;

/** Prints the tables of {@code --stats}. */
final class StatisticsPrinter {
    private StatisticsPrinter() {}

    static void print(Statistics statistics, PrintStream out) {
        for (Statistics.Group group : statistics.groups()) {
            out.printf(
                    Locale.ROOT,
                    "%n%-40s %14s %12s %10s%n",
                    group.title(),
                    "count",
                    "ms",
                    "µs each");
            for (Statistics.Line line : group.lines()) {
                out.printf(Locale.ROOT, "  %-38s %14d", line.name(), line.count());
                if (line.nanos() != Statistics.NO_TIME) {
                    double micros = line.nanos() / 1e3;
                    out.printf(
                            Locale.ROOT,
                            " %12.1f %10.2f",
                            micros / 1e3,
                            micros / Math.max(1, line.count()));
                }
                out.println();
            }
        }
        out.flush();
    }
}
