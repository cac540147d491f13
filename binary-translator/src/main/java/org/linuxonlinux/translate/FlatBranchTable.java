// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;

/**
 * The branch table in its sparse memfd. The monitor maps the gigabytes it needs, writable; context
 * processes map the whole file read-only at {@code AddressMap.BRANCH_TABLE_HVA}.
 */
public final class FlatBranchTable implements BranchTable, AutoCloseable {
    private static final int SLICE_SHIFT = 30;

    private final HostFile file;
    private final NativeMemory[] slices =
            new NativeMemory[(int) (AddressMap.BRANCH_TABLE_SIZE_BYTES >>> SLICE_SHIFT)];

    private FlatBranchTable(HostFile file) {
        this.file = file;
    }

    /** An empty table in a new memfd. */
    public static FlatBranchTable create() {
        return new FlatBranchTable(
                HostFile.memfd("lol-branch-table", AddressMap.BRANCH_TABLE_SIZE_BYTES));
    }

    /** The file to map into context processes. */
    public HostFile file() {
        return file;
    }

    @Override
    public void put(long guestRip, long entryHva) {
        long offset = AddressMap.branchTableOffset(guestRip);
        sliceOf(offset).setLongRelease((int) offset & ((1 << SLICE_SHIFT) - 1), entryHva);
    }

    @Override
    public void prepare(long guestRip) {
        // A read allocates the page of a shared mapping, too, and changes no entry.
        long offset = AddressMap.branchTableOffset(guestRip);
        sliceOf(offset).getByte((int) offset & ((1 << SLICE_SHIFT) - 1));
    }

    private NativeMemory sliceOf(long offset) {
        int slice = (int) (offset >>> SLICE_SHIFT);
        if (slices[slice] == null) {
            slices[slice] =
                    NativeMemory.mapShared(file, (long) slice << SLICE_SHIFT, 1L << SLICE_SHIFT);
        }
        return slices[slice];
    }

    @Override
    public void close() {
        for (NativeMemory slice : slices) {
            if (slice != null) {
                slice.close();
            }
        }
        file.close();
    }
}
