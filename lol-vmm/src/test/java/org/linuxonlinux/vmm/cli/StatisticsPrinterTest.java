// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.Statistics;

final class StatisticsPrinterTest {
    @Test
    void printsCountsAndTimesInColumns() {
        Statistics statistics =
                new Statistics(
                        List.of(
                                new Statistics.Group(
                                        "exits",
                                        List.of(
                                                new Statistics.Line("page fault", 2000, 13_000_000),
                                                new Statistics.Line("halt", 0, 0))),
                                new Statistics.Group(
                                        "translator",
                                        List.of(new Statistics.Line("blocks", 47_000)))));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        StatisticsPrinter.print(statistics, new PrintStream(out, false, StandardCharsets.UTF_8));
        assertEquals(
                """

                exits                                             count           ms    µs each
                  page fault                                       2000         13.0       6.50
                  halt                                                0          0.0       0.00

                translator                                        count           ms    µs each
                  blocks                                          47000
                """,
                out.toString(StandardCharsets.UTF_8));
    }
}
