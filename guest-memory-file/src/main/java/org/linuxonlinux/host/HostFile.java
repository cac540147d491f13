// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import java.nio.file.Path;

/**
 * An open host file, memfd, eventfd or other descriptor, closed by its owner.
 *
 * <p>Every descriptor made here is close-on-exec. {@link #fd()} is the number for host calls and
 * for handing the file to a child; it is -1 after {@link #close()}.
 */
public final class HostFile implements AutoCloseable {
    private final String name;
    private int fd;

    private HostFile(String name, int fd) {
        this.name = name;
        this.fd = fd;
    }

    /** Takes ownership of an open descriptor. */
    public static HostFile own(int fd, String name) {
        return new HostFile(name, fd);
    }

    /** An anonymous file in memory; the name shows in {@code /proc/<pid>/maps}. */
    public static HostFile memfd(String name, long sizeBytes) {
        return memfd(name, sizeBytes, HostAbi.MFD_CLOEXEC);
    }

    /** An anonymous file in memory with {@code MFD_*} flags. */
    public static HostFile memfd(String name, long sizeBytes, int flags) {
        HostFile file = new HostFile(name, HostCalls.memfdCreate(name, flags));
        try {
            HostCalls.ftruncate(file.fd, sizeBytes);
        } catch (HostCallException e) {
            file.close();
            throw e.with("file", name);
        }
        return file;
    }

    /**
     * An anonymous file that may be executed, also on hosts whose {@code vm.memfd_noexec} makes
     * this the exception ({@code MFD_EXEC}, Linux 6.3).
     */
    public static HostFile executableMemfd(String name) {
        try {
            return memfd(name, 0, HostAbi.MFD_CLOEXEC | HostAbi.MFD_EXEC);
        } catch (HostCallException e) {
            if (e.errno() != HostAbi.EINVAL) {
                throw e;
            }
            return memfd(name, 0, HostAbi.MFD_CLOEXEC); // older kernel: always executable
        }
    }

    /** Opens a path with {@code O_*} flags; {@code O_CLOEXEC} is added. */
    public static HostFile open(Path path, int flags, int mode) {
        return new HostFile(path.toString(), HostCalls.open(path.toString(), flags, mode));
    }

    /** A counter that is readable while non-zero; blocking reads unless {@code EFD_NONBLOCK}. */
    public static HostFile eventfd(int flags) {
        return new HostFile("eventfd", HostCalls.eventfd(0, flags | HostAbi.EFD_CLOEXEC));
    }

    /** The descriptor's number. */
    public int fd() {
        return fd;
    }

    /** Path or label, for messages. */
    public String name() {
        return name;
    }

    /** Size by seeking to the end. */
    public long sizeBytes() {
        return HostCalls.lseek(fd, 0, HostAbi.SEEK_END);
    }

    /** Writes all bytes at the file's position; waits where a non-blocking file is full. */
    public void writeFully(byte[] bytes) {
        int done = 0;
        while (done < bytes.length) {
            int count = HostCalls.write(fd, bytes, done, bytes.length - done);
            if (count >= 0) {
                done += count;
            } else {
                awaitWritable();
            }
        }
    }

    private void awaitWritable() {
        try (PollSet set = new PollSet(1)) {
            set.add(fd, HostAbi.POLLOUT);
            set.poll(-1);
        }
    }

    /** Closes the descriptor. A second call does nothing. */
    @Override
    public void close() {
        if (fd >= 0) {
            int closing = fd;
            fd = -1;
            HostCalls.close(closing);
        }
    }

    @Override
    public String toString() {
        return "file=" + name + ", fd=" + fd;
    }
}
