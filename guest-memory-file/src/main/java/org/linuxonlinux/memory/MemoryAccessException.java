// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

/** An access by guest physical address that is not wholly inside guest RAM. */
public final class MemoryAccessException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long gpa;
    private final long sizeBytes;

    MemoryAccessException(long gpa, long sizeBytes) {
        super(
                "not guest RAM: gpa=0x"
                        + Long.toHexString(gpa)
                        + ", sizeBytes=0x"
                        + Long.toHexString(sizeBytes));
        this.gpa = gpa;
        this.sizeBytes = sizeBytes;
    }

    /** First guest physical address of the access. */
    public long gpa() {
        return gpa;
    }

    /** Length of the access. */
    public long sizeBytes() {
        return sizeBytes;
    }
}
