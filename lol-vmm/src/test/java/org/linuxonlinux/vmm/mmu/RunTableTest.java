// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class RunTableTest {
    private static final int PAGES = 64;

    private final RunTable table = new RunTable();

    private static Run run(long hva, long endHva) {
        return run(hva, endHva, 12);
    }

    private static Run run(long hva, long endHva, int pageShift) {
        return new Run(hva, hva + 0x10_0000, hva + 0x100_0000, endHva - hva, 3, false, pageShift);
    }

    private List<String> ranges() {
        List<String> ranges = new ArrayList<>();
        for (Run run : table.all()) {
            ranges.add(String.format("%x-%x", run.hva(), run.endHva()));
            assertEquals(run.hva() + 0x10_0000, run.gva(), "slices keep step with the GVA");
            assertEquals(run.hva() + 0x100_0000, run.gpa(), "slices keep step with the GPA");
        }
        return ranges;
    }

    @Test
    void findsTheRunThatCoversAnAddress() {
        Run run = run(0x2000, 0x4000);
        table.put(run);
        assertNull(table.at(0x1fff));
        assertEquals(run, table.at(0x2000));
        assertEquals(run, table.at(0x3fff));
        assertNull(table.at(0x4000));
    }

    @Test
    void cutsAHoleIntoARun() {
        table.put(run(0x1000, 0x9000));
        table.cut(0x3000, 0x5000);
        assertEquals(List.of("1000-3000", "5000-9000"), ranges());
    }

    @Test
    void cutsBothEndsAndEverythingBetween() {
        table.put(run(0x1000, 0x3000));
        table.put(run(0x4000, 0x5000));
        table.put(run(0x6000, 0x8000));
        table.cut(0x2000, 0x7000);
        assertEquals(List.of("1000-2000", "7000-8000"), ranges());
    }

    @Test
    void newRunReplacesWhatLaysThere() {
        table.put(run(0x1000, 0x9000));
        table.put(run(0x3000, 0x4000));
        assertEquals(List.of("1000-3000", "3000-4000", "4000-9000"), ranges());
        table.put(run(0x1000, 0x9000));
        assertEquals(List.of("1000-9000"), ranges());
    }

    @Test
    void knowsWhetherARangeIsTouched() {
        table.put(run(0x2000, 0x4000));
        assertFalse(table.intersects(0, 0x2000));
        assertTrue(table.intersects(0, 0x2001));
        assertTrue(table.intersects(0x2800, 0x3000));
        assertTrue(table.intersects(0x3fff, 0x9000));
        assertFalse(table.intersects(0x4000, 0x9000));
    }

    @Test
    void listsTheRunsThatMeetARange() {
        table.put(run(0x1000, 0x3000));
        table.put(run(0x4000, 0x5000));
        table.put(run(0x6000, 0x8000));
        assertEquals(
                List.of(table.at(0x1000), table.at(0x4000)), table.overlapping(0x2000, 0x6000));
        assertEquals(List.of(table.at(0x4000)), table.overlapping(0x3000, 0x5000));
        assertEquals(List.of(), table.overlapping(0x5000, 0x6000));
        assertEquals(List.of(table.at(0x6000)), table.overlapping(0x7000, 0x7001));
    }

    @Test
    void knowsThePageSizeAtAnAddress() {
        table.put(run(0x40_0000, 0x80_0000, 21));
        assertEquals(21, table.pageShiftAt(0x41_2000));
        assertEquals(12, table.pageShiftAt(0x80_0000));
        assertEquals(12, table.pageShiftAt(0x3f_f000));
    }

    @Test
    void takesAGapBetweenPiecesOfALargePageForThatPage() {
        table.put(run(0x40_0000, 0x80_0000, 21));
        table.cut(0x40_0000, 0x41_0000);
        table.cut(0x7f_0000, 0x80_0000);
        assertEquals(21, table.pageShiftAt(0x40_0000), "piece above");
        assertEquals(21, table.pageShiftAt(0x7f_f000), "piece below");
        table.cut(0x40_0000, 0x60_0000);
        assertEquals(12, table.pageShiftAt(0x40_0000), "no piece of this page is left");
    }

    @Test
    void agreesWithAPageArrayOnRandomChanges() {
        long seed = 20_231_107;
        Random random = new Random(seed);
        int[] owner = new int[PAGES];
        for (int step = 1; step <= 2000; step++) {
            int from = random.nextInt(PAGES);
            int to = from + 1 + random.nextInt(PAGES - from);
            boolean put = random.nextBoolean();
            if (put) {
                table.put(run(from * 4096L, to * 4096L));
            } else {
                table.cut(from * 4096L, to * 4096L);
            }
            for (int page = from; page < to; page++) {
                owner[page] = put ? step : 0;
            }
            int runs = 0;
            for (int page = 0; page < PAGES; page++) {
                Run at = table.at(page * 4096L);
                assertEquals(owner[page] != 0, at != null, "seed " + seed + " step " + step);
                boolean starts = page == 0 || owner[page] != owner[page - 1];
                runs += owner[page] != 0 && starts ? 1 : 0;
            }
            assertEquals(runs, table.size(), "seed " + seed + " step " + step);
        }
        ranges();
    }
}
