// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * The part of {@code struct statfs} we use.
 *
 * <pre>
 *   byte 0 f_type   8 f_bsize   16 f_blocks   24 f_bfree   32 f_bavail
 * </pre>
 *
 * @param type magic number of the file system
 * @param blockBytes block size; on hugetlbfs the huge page size
 * @param freeBytes free for unprivileged users
 */
public record FileSystemFacts(long type, long blockBytes, long freeBytes) {
    /** Source: Linux v6.1 {@code include/uapi/linux/magic.h}. */
    private static final long HUGETLBFS_MAGIC = 0x958458f6L;

    private static final int STRUCT_BYTES = 120;

    /** Asks the file system a file lives on ({@code fstatfs}). */
    public static FileSystemFacts of(HostFile file) {
        try (NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES)) {
            long result =
                    HostCalls.rawSyscall(HostAbi.SYS_fstatfs, file.fd(), memory.hva(), 0, 0, 0);
            HostCalls.throwIfError("fstatfs", result, "file", file.name());
            long blockBytes = memory.getLong(8);
            return new FileSystemFacts(
                    memory.getLong(0), blockBytes, memory.getLong(32) * blockBytes);
        }
    }

    /** Whether files there consist of huge pages. */
    public boolean isHugetlbfs() {
        return type == HUGETLBFS_MAGIC;
    }
}
