// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import io.airlift.compress.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/**
 * A Debian binary package (deb(5)): an ar archive whose member {@code data.tar.*} holds the files.
 */
final class DebPackage {
    private static final String DATA_MEMBER = "data.tar";

    private final Path file;

    DebPackage(Path file) {
        this.file = file;
    }

    /** Sees the entries of a package one by one. */
    @FunctionalInterface
    interface Visitor {
        /**
         * One entry.
         *
         * @param name path without the leading {@code ./} and without a trailing slash; empty for
         *     the root
         * @param content the bytes of a regular file, to be read before returning
         * @return whether to go on
         */
        boolean visit(String name, TarArchiveEntry entry, InputStream content) throws IOException;
    }

    /**
     * Shows the entries to {@code visitor} in the order of the package, until it has seen enough.
     */
    void visit(Visitor visitor, String step, Progress progress) throws IOException {
        long sizeBytes = Files.size(file);
        try (InputStream raw =
                        new CountingStream(Files.newInputStream(file), step, sizeBytes, progress);
                ArArchiveInputStream ar =
                        new ArArchiveInputStream(new BufferedInputStream(raw, 1 << 16))) {
            for (ArArchiveEntry m = ar.getNextEntry(); m != null; m = ar.getNextEntry()) {
                if (m.getName().startsWith(DATA_MEMBER)) {
                    visitData(new TarArchiveInputStream(decompressed(m.getName(), ar)), visitor);
                    progress.update(step, sizeBytes, sizeBytes);
                    return;
                }
            }
        }
        throw new IOException("not a Debian package: no data.tar: file=" + file);
    }

    private static void visitData(TarArchiveInputStream tar, Visitor visitor) throws IOException {
        for (TarArchiveEntry e = tar.getNextEntry(); e != null; e = tar.getNextEntry()) {
            String name = e.getName();
            name = name.startsWith("./") ? name.substring(2) : name;
            name = name.endsWith("/") ? name.substring(0, name.length() - 1) : name;
            if (!visitor.visit(name, e, tar)) {
                return;
            }
        }
    }

    private static InputStream decompressed(String member, InputStream in) throws IOException {
        return switch (member.substring(DATA_MEMBER.length())) {
            case "" -> in;
            case ".gz" -> new GZIPInputStream(in);
            case ".xz" -> new XZInputStream(in);
            case ".zst" -> new ZstdInputStream(in);
            default -> throw new IOException("unknown compression: member=" + member);
        };
    }

    /** Reports the bytes read to a {@link Progress}. */
    private static final class CountingStream extends FilterInputStream {
        private final String step;
        private final long totalBytes;
        private final Progress progress;
        private long doneBytes;

        CountingStream(InputStream in, String step, long totalBytes, Progress progress) {
            super(in);
            this.step = step;
            this.totalBytes = totalBytes;
            this.progress = progress;
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            count(b < 0 ? 0 : 1);
            return b;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int n = super.read(bytes, offset, length);
            count(Math.max(n, 0));
            return n;
        }

        @Override
        public long skip(long n) throws IOException {
            long skipped = super.skip(n);
            count(skipped);
            return skipped;
        }

        private void count(long bytes) {
            doneBytes += bytes;
            progress.update(step, doneBytes, totalBytes);
        }
    }
}
