// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The mapped {@link Run}s of one half of the address space, by HVA; they never overlap. */
final class RunTable {
    private final TreeMap<Long, Run> runs = new TreeMap<>();
    private int nonGlobalCount;

    /** Adds a run in place of whatever was mapped where it lies. */
    void put(Run run) {
        cut(run.hva(), run.endHva());
        add(run);
    }

    /** The run that maps {@code hva}, or null. */
    Run at(long hva) {
        Map.Entry<Long, Run> below = runs.floorEntry(hva);
        return below != null && below.getValue().covers(hva) ? below.getValue() : null;
    }

    /**
     * Size (log2) of the guest page that maps {@code hva}. Where nothing is mapped it may still be
     * the missing piece of a large page of which other pieces are; then it is that page's.
     */
    int pageShiftAt(long hva) {
        Map.Entry<Long, Run> below = runs.floorEntry(hva);
        if (below != null && below.getValue().covers(hva)) {
            return below.getValue().pageShift();
        }
        Map.Entry<Long, Run> above = runs.higherEntry(hva);
        int shift = PageTables.PAGE_SHIFT;
        if (below != null && below.getValue().endHva() > pageStart(hva, below.getValue())) {
            shift = below.getValue().pageShift();
        }
        if (above != null
                && above.getKey() - pageStart(hva, above.getValue())
                        < above.getValue().pageSizeBytes()) {
            shift = Math.max(shift, above.getValue().pageShift());
        }
        return shift;
    }

    /** Where the page around {@code hva} starts if it is as large as those of {@code run}. */
    private static long pageStart(long hva, Run run) {
        return hva & -run.pageSizeBytes();
    }

    /** The runs that meet {@code [fromHva, toHva)}, safe to iterate while the table changes. */
    List<Run> overlapping(long fromHva, long toHva) {
        Map.Entry<Long, Run> below = runs.lowerEntry(fromHva);
        boolean reachesIn = below != null && below.getValue().endHva() > fromHva;
        return new ArrayList<>(runs.subMap(reachesIn ? below.getKey() : fromHva, toHva).values());
    }

    /** Whether anything is mapped in {@code [fromHva, toHva)}. */
    boolean intersects(long fromHva, long toHva) {
        Map.Entry<Long, Run> below = runs.lowerEntry(toHva);
        return below != null && below.getValue().endHva() > fromHva;
    }

    /**
     * Forgets what is mapped in {@code [fromHva, toHva)}, trimming runs that reach over its ends.
     */
    void cut(long fromHva, long toHva) {
        Map.Entry<Long, Run> below = runs.lowerEntry(fromHva);
        if (below != null && below.getValue().endHva() > fromHva) {
            Run run = below.getValue();
            replace(run, run.slice(run.hva(), fromHva));
            if (run.endHva() > toHva) {
                add(run.slice(toHva, run.endHva()));
            }
        }
        Map.Entry<Long, Run> inside = runs.ceilingEntry(fromHva);
        while (inside != null && inside.getKey() < toHva) {
            Run run = inside.getValue();
            remove(run);
            if (run.endHva() > toHva) {
                add(run.slice(toHva, run.endHva()));
            }
            inside = runs.ceilingEntry(fromHva);
        }
    }

    private void add(Run run) {
        runs.put(run.hva(), run);
        nonGlobalCount += run.global() ? 0 : 1;
    }

    private void remove(Run run) {
        runs.remove(run.hva());
        nonGlobalCount -= run.global() ? 0 : 1;
    }

    private void replace(Run run, Run part) {
        remove(run);
        add(part);
    }

    /** Whether a CR3 write concerns any of the runs. */
    boolean hasNonGlobal() {
        return nonGlobalCount != 0;
    }

    void clear() {
        runs.clear();
        nonGlobalCount = 0;
    }

    int size() {
        return runs.size();
    }

    /** In ascending HVA order; a view. */
    Collection<Run> all() {
        return runs.values();
    }

    /** The runs as they are now, safe to iterate while the table changes. */
    List<Run> snapshot() {
        return new ArrayList<>(runs.values());
    }
}
