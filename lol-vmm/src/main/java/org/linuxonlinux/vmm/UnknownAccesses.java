// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Counts accesses that no device answers and reports the first to each place. Thread-safe; not for
 * hot paths.
 */
public final class UnknownAccesses {
    /** Places told apart; a guest that probes everything must not fill the monitor's memory. */
    private static final int MAX_PLACES = 4096;

    private final String what;
    private final Consumer<String> log;
    private final Map<Long, Long> counts = new TreeMap<>();
    private long total;

    /**
     * Counts from zero.
     *
     * @param what what is accessed, for the report: {@code I/O port}
     * @param log takes one line for the first access to each place; called without locks held
     */
    public UnknownAccesses(String what, Consumer<String> log) {
        this.what = what;
        this.log = log;
    }

    /**
     * Counts one access.
     *
     * @param place port, address or register
     * @param access what the guest did: {@code read 1 byte}
     */
    public void count(long place, String access) {
        boolean first;
        synchronized (counts) {
            total++;
            first = counts.size() < MAX_PLACES && !counts.containsKey(place);
            if (first || counts.containsKey(place)) {
                counts.merge(place, 1L, Long::sum);
            }
        }
        if (first) {
            log.accept(what + " unknown: place=0x" + Long.toHexString(place) + ", " + access);
        }
    }

    /** All accesses. */
    public long total() {
        synchronized (counts) {
            return total;
        }
    }

    /** Accesses by place, ascending; a copy. */
    public Map<Long, Long> byPlace() {
        synchronized (counts) {
            return new TreeMap<>(counts);
        }
    }
}
