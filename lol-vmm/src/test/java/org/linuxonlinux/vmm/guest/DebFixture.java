// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import io.airlift.compress.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** Builds Debian packages. */
final class DebFixture {
    private final ByteArrayOutputStream tarBytes = new ByteArrayOutputStream();
    private final TarArchiveOutputStream tar = new TarArchiveOutputStream(tarBytes);

    DebFixture file(String name, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        TarArchiveEntry entry = new TarArchiveEntry("./" + name);
        entry.setMode(0100755);
        entry.setSize(bytes.length);
        tar.putArchiveEntry(entry);
        tar.write(bytes);
        tar.closeArchiveEntry();
        return this;
    }

    DebFixture directory(String name) throws IOException {
        tar.putArchiveEntry(new TarArchiveEntry("./" + name + "/"));
        tar.closeArchiveEntry();
        return this;
    }

    DebFixture symlink(String name, String target) throws IOException {
        return link(name, target, TarConstants.LF_SYMLINK);
    }

    DebFixture hardLink(String name, String target) throws IOException {
        return link(name, "./" + target, TarConstants.LF_LINK);
    }

    private DebFixture link(String name, String target, byte type) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry("./" + name, type);
        entry.setLinkName(target);
        tar.putArchiveEntry(entry);
        tar.closeArchiveEntry();
        return this;
    }

    /**
     * The package; {@code suffix} is that of data.tar: {@code .xz}, {@code .gz}, {@code .zst} or
     * nothing.
     */
    byte[] build(String suffix) throws IOException {
        tar.close();
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        try (OutputStream out =
                switch (suffix) {
                    case ".xz" -> new XZOutputStream(data, new LZMA2Options(0));
                    case ".gz" -> new GZIPOutputStream(data);
                    case ".zst" -> new ZstdOutputStream(data);
                    default -> data;
                }) {
            out.write(tarBytes.toByteArray());
        }
        ByteArrayOutputStream deb = new ByteArrayOutputStream();
        try (ArArchiveOutputStream ar = new ArArchiveOutputStream(deb)) {
            member(ar, "debian-binary", "2.0\n".getBytes(StandardCharsets.US_ASCII));
            member(ar, "control.tar" + suffix, new byte[7]);
            member(ar, "data.tar" + suffix, data.toByteArray());
        }
        return deb.toByteArray();
    }

    private static void member(ArArchiveOutputStream ar, String name, byte[] content)
            throws IOException {
        ar.putArchiveEntry(new ArArchiveEntry(name, content.length));
        ar.write(content);
        ar.closeArchiveEntry();
    }
}
