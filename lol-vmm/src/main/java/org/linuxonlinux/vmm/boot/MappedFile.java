// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Whole files as buffers. */
final class MappedFile {
    private MappedFile() {}

    /** Maps a file, or reads it where the file system cannot map (one in memory, for tests). */
    static ByteBuffer read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() > Integer.MAX_VALUE) {
                throw new IOException("larger than 2 GB");
            }
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        } catch (UnsupportedOperationException e) {
            return ByteBuffer.wrap(Files.readAllBytes(file));
        }
    }
}
