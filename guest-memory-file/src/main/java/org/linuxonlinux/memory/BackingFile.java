// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

import static org.linuxonlinux.host.HostAbi.EAGAIN;
import static org.linuxonlinux.host.HostAbi.EEXIST;
import static org.linuxonlinux.host.HostAbi.EINVAL;
import static org.linuxonlinux.host.HostAbi.ENOSPC;
import static org.linuxonlinux.host.HostAbi.EOPNOTSUPP;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.linuxonlinux.host.FileSystemFacts;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;

/**
 * Opens, sizes and checks the file that holds guest RAM; every refusal is one line for the user.
 */
final class BackingFile {
    private static final String NAME = "guest-ram";
    private static final Pattern MEMINFO_LINE = Pattern.compile("(?m)^(\\w+):\\s+(\\d+) kB$");

    /** No guest kernel boots in less, and a mapping needs at least one page. */
    private static final long MINIMUM_BYTES = GuestMemory.PAGE_SIZE;

    private BackingFile() {}

    static HostFile anonymous(long sizeBytes) {
        checkSize(sizeBytes);
        long hostBytes = hostMemoryBytes();
        if (sizeBytes > hostBytes) {
            throw new GuestMemoryException(
                    "guest memory does not fit into the host: asked="
                            + MemorySize.format(sizeBytes)
                            + ", host="
                            + (hostBytes >> 20)
                            + "M (memory and swap); use a smaller --memory");
        }
        HostFile file =
                HostFile.memfd(NAME, sizeBytes, HostAbi.MFD_CLOEXEC | HostAbi.MFD_ALLOW_SEALING);
        // Nobody who inherits the file can make it shorter under our mapping (SIGBUS).
        HostCalls.fcntl(
                file.fd(),
                HostAbi.F_ADD_SEALS,
                HostAbi.F_SEAL_SHRINK | HostAbi.F_SEAL_GROW | HostAbi.F_SEAL_SEAL);
        return file;
    }

    /** An open file, and whether it did not exist before. */
    private record Opened(HostFile file, boolean isNew) {}

    /** When it is refused, the file is as before: gone, or with its old contents. */
    static HostFile named(Path path, long sizeBytes) {
        checkSize(sizeBytes);
        Opened opened = open(path);
        HostFile file = opened.file();
        try {
            lock(file);
            reserve(opened, sizeBytes);
            return file;
        } catch (GuestMemoryException | HostCallException e) {
            if (opened.isNew()) {
                HostCalls.unlink(file.name());
            }
            file.close();
            throw e;
        }
    }

    private static Opened open(Path path) {
        int flags = HostAbi.O_RDWR | HostAbi.O_CREAT;
        try {
            try {
                return new Opened(HostFile.open(path, flags | HostAbi.O_EXCL, 0600), true);
            } catch (HostCallException e) {
                if (e.errno() != EEXIST) {
                    throw e;
                }
                return new Opened(HostFile.open(path, flags, 0600), false);
            }
        } catch (HostCallException e) {
            throw new GuestMemoryException(
                    "cannot open memory file for writing: path=" + path + ", " + e.errnoFact(), e);
        }
    }

    private static void lock(HostFile file) {
        try {
            HostCalls.flock(file.fd(), HostAbi.LOCK_EX | HostAbi.LOCK_NB);
        } catch (HostCallException e) {
            if (e.errno() == EAGAIN) {
                throw new GuestMemoryException(
                        "memory file is in use by another guest: path=" + file.name(), e);
            }
            if (e.errno() != EOPNOTSUPP) {
                throw refused(file, e, "");
            }
        }
    }

    private static void reserve(Opened opened, long sizeBytes) {
        HostFile file = opened.file();
        FileSystemFacts facts = FileSystemFacts.of(file);
        String where = ", sizeBytes=" + MemorySize.format(sizeBytes);
        if (facts.isHugetlbfs() && sizeBytes % facts.blockBytes() != 0) {
            throw new GuestMemoryException(
                    "memory size is not a multiple of the huge page size: path="
                            + file.name()
                            + where
                            + ", hugePage="
                            + MemorySize.format(facts.blockBytes()));
        }
        if (!opened.isNew()) {
            reserveBehindContents(file, sizeBytes, where, facts);
        }
        try {
            HostCalls.ftruncate(file.fd(), 0);
            HostCalls.ftruncate(file.fd(), sizeBytes);
        } catch (HostCallException e) {
            String advice = e.errno() == EINVAL ? " (is it a regular file?)" : "";
            throw refused(file, e, where + advice);
        }
        try {
            HostCalls.fallocate(file.fd(), 0, 0, sizeBytes);
        } catch (HostCallException e) {
            if (e.errno() == EOPNOTSUPP) {
                if (facts.freeBytes() < sizeBytes) {
                    throw noSpace(file, where, facts, e);
                }
                return;
            }
            HostCalls.ftruncate(file.fd(), 0);
            throw e.errno() == ENOSPC ? noSpace(file, where, facts, e) : refused(file, e, where);
        }
    }

    /** Finds out whether there is room while the old contents are still there. */
    private static void reserveBehindContents(
            HostFile file, long sizeBytes, String where, FileSystemFacts facts) {
        long oldBytes;
        try {
            oldBytes = file.sizeBytes();
        } catch (HostCallException e) {
            return; // no regular file: setting its length will tell
        }
        if (oldBytes == 0) {
            return;
        }
        try {
            HostCalls.fallocate(file.fd(), HostAbi.FALLOC_FL_KEEP_SIZE, 0, sizeBytes);
        } catch (HostCallException e) {
            if (e.errno() == EOPNOTSUPP) {
                if (facts.freeBytes() + oldBytes < sizeBytes) {
                    throw noSpace(file, where, facts, e);
                }
                return;
            }
            HostCalls.ftruncate(file.fd(), oldBytes); // gives back what was reserved behind it
            throw e.errno() == ENOSPC ? noSpace(file, where, facts, e) : refused(file, e, where);
        }
    }

    private static GuestMemoryException noSpace(
            HostFile file, String where, FileSystemFacts facts, HostCallException e) {
        return new GuestMemoryException(
                "no space for the memory file: path="
                        + file.name()
                        + where
                        + ", free="
                        + (facts.freeBytes() >> 20)
                        + "M, "
                        + e.errnoFact(),
                e);
    }

    private static GuestMemoryException refused(HostFile file, HostCallException e, String more) {
        return new GuestMemoryException(
                "cannot use memory file: path="
                        + file.name()
                        + more
                        + ", call="
                        + e.call()
                        + ", "
                        + e.errnoFact(),
                e);
    }

    private static void checkSize(long sizeBytes) {
        if (sizeBytes < MINIMUM_BYTES || sizeBytes % GuestMemory.PAGE_SIZE != 0) {
            throw new GuestMemoryException(
                    "guest memory size is not a positive multiple of 4K: "
                            + MemorySize.format(sizeBytes));
        }
    }

    /** What this process can hope for: memory plus swap, or the control group's limit. */
    private static long hostMemoryBytes() {
        try {
            long kilobytes = 0;
            Matcher line = MEMINFO_LINE.matcher(Files.readString(Path.of("/proc/meminfo")));
            while (line.find()) {
                if (line.group(1).equals("MemTotal") || line.group(1).equals("SwapTotal")) {
                    kilobytes += Long.parseLong(line.group(2));
                }
            }
            return Math.min(kilobytes << 10, controlGroupLimitBytes());
        } catch (IOException e) {
            throw new GuestMemoryException("cannot read /proc/meminfo", e);
        }
    }

    private static long controlGroupLimitBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/cgroup"))) {
            if (line.startsWith("0::/")) {
                Path limit = Path.of("/sys/fs/cgroup" + line.substring(3), "memory.max");
                try {
                    String text = Files.readString(limit).trim().toLowerCase(Locale.ROOT);
                    return text.equals("max") ? Long.MAX_VALUE : Long.parseLong(text);
                } catch (NoSuchFileException e) {
                    return Long.MAX_VALUE; // the root group has no limit file
                }
            }
        }
        return Long.MAX_VALUE;
    }
}
