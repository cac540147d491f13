// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

/**
 * A run of guest RAM: guest physical addresses backed by consecutive bytes of the RAM file.
 *
 * @param gpa first guest physical address, page-aligned
 * @param sizeBytes length, a positive multiple of the page size
 * @param fileOffsetBytes where the run starts in the file
 */
public record MemoryRegion(long gpa, long sizeBytes, long fileOffsetBytes) {
    /** Checks alignment and sign. */
    public MemoryRegion {
        if (gpa < 0 || sizeBytes <= 0 || fileOffsetBytes < 0) {
            throw new IllegalArgumentException("memory region out of range: " + gpa);
        }
        if (((gpa | sizeBytes | fileOffsetBytes) & (GuestMemory.PAGE_SIZE - 1)) != 0) {
            throw new IllegalArgumentException(
                    "memory region not page-aligned: gpa=0x" + Long.toHexString(gpa));
        }
    }

    /** First guest physical address behind the run. */
    public long endGpa() {
        return gpa + sizeBytes;
    }

    /** Whether the run holds an address. */
    public boolean contains(long someGpa) {
        return someGpa >= gpa && someGpa < endGpa();
    }
}
