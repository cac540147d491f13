// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

/**
 * A run of virtual addresses of a traced process, page-aligned.
 *
 * @param startHva first address
 * @param sizeBytes length
 */
public record HvaRange(long startHva, long sizeBytes) {
    /** Checks alignment and sign. */
    public HvaRange {
        if (((startHva | sizeBytes) & 0xfff) != 0 || startHva < 0 || sizeBytes <= 0) {
            throw new IllegalArgumentException(
                    String.format("bad range: startHva=0x%x, sizeBytes=0x%x", startHva, sizeBytes));
        }
    }

    /** First address behind the run. */
    public long endHva() {
        return startHva + sizeBytes;
    }
}
