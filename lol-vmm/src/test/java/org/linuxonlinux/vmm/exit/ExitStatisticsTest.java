// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.exit.ExitStatistics.Kind;
import org.linuxonlinux.vmm.exit.ExitStatistics.Row;

final class ExitStatisticsTest {
    private final ExitStatistics statistics = new ExitStatistics();

    @Test
    void sumsCountsAndTimesByKind() {
        statistics.add(Kind.MMIO, 5);
        statistics.add(Kind.LINK, 100);
        statistics.add(Kind.MMIO, 7);
        assertEquals(2, statistics.count(Kind.MMIO));
        assertEquals(0, statistics.count(Kind.KICK));
        assertEquals(
                List.of(new Row(Kind.LINK, 1, 100), new Row(Kind.MMIO, 2, 12)), statistics.rows());
    }

    @Test
    void hasNoRowsBeforeTheFirstExit() {
        assertTrue(statistics.rows().isEmpty());
    }

    @Test
    void namesEveryKindDifferently() {
        Set<String> texts = new HashSet<>();
        for (Kind kind : Kind.values()) {
            assertTrue(texts.add(kind.text()), kind.name());
        }
    }
}
