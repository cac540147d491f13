// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.linuxonlinux.vmm.UnknownAccesses;

/**
 * Leads the guest's accesses to guest-physical addresses outside RAM to devices. Where nobody
 * listens, reads give all ones and writes vanish; both are counted and reported once per page.
 *
 * <p>Devices are registered before the guest runs; from then on any vCPU thread may access.
 */
public final class MmioBus {
    private static final int PAGE_SHIFT = 12;

    /** A device and where its range ends. */
    private record Range(long startGpa, long endGpa, MmioDevice device) {}

    private final NavigableMap<Long, Range> ranges = new TreeMap<>();
    private final UnknownAccesses unknown;

    /**
     * An empty bus.
     *
     * @param unknown counts accesses to addresses nobody claims
     */
    public MmioBus(UnknownAccesses unknown) {
        this.unknown = unknown;
    }

    /**
     * Gives a range of addresses to a device.
     *
     * @throws IllegalArgumentException if it overlaps another
     */
    public void register(long gpa, long sizeBytes, MmioDevice device) {
        Map.Entry<Long, Range> below = ranges.lowerEntry(gpa + sizeBytes);
        if (sizeBytes <= 0 || (below != null && below.getValue().endGpa > gpa)) {
            throw new IllegalArgumentException(
                    "device memory taken twice: gpa=0x" + Long.toHexString(gpa));
        }
        ranges.put(gpa, new Range(gpa, gpa + sizeBytes, device));
    }

    /** Whether a device claims an address. */
    public boolean isClaimed(long gpa) {
        return find(gpa) != null;
    }

    private Range find(long gpa) {
        Map.Entry<Long, Range> entry = ranges.floorEntry(gpa);
        return entry == null || gpa >= entry.getValue().endGpa ? null : entry.getValue();
    }

    /**
     * Executes a load.
     *
     * @param widthBytes 1, 2, 4 or 8
     * @return the value, zero-extended from its width
     */
    public long read(long gpa, int widthBytes) {
        Range range = find(gpa);
        if (range == null) {
            unknown.count(gpa >>> PAGE_SHIFT << PAGE_SHIFT, "read bytes=" + widthBytes);
            return mask(widthBytes);
        }
        return range.device.read(gpa - range.startGpa, widthBytes) & mask(widthBytes);
    }

    /**
     * Executes a store.
     *
     * @param widthBytes 1, 2, 4 or 8
     * @param value in the low bits; the rest is ignored
     */
    public void write(long gpa, int widthBytes, long value) {
        Range range = find(gpa);
        if (range == null) {
            unknown.count(gpa >>> PAGE_SHIFT << PAGE_SHIFT, "write bytes=" + widthBytes);
            return;
        }
        range.device.write(gpa - range.startGpa, widthBytes, value & mask(widthBytes));
    }

    private static long mask(int widthBytes) {
        return -1L >>> (64 - 8 * widthBytes);
    }
}
