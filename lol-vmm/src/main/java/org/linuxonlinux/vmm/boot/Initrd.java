// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.linuxonlinux.vmm.UserException;

/** Reads an initrd; its content is the guest's business. */
public final class Initrd {
    /** Stands for a guest without an initrd. */
    public static final ByteBuffer NONE = ByteBuffer.allocate(0).asReadOnlyBuffer();

    private Initrd() {}

    /**
     * The bytes of an initrd file, mapped.
     *
     * @param ramSizeBytes RAM of the guest, which must be larger
     * @throws UserException if the file is missing, empty, unreadable or too large
     */
    public static ByteBuffer read(Path file, long ramSizeBytes) {
        try {
            if (!Files.exists(file)) {
                throw unusable(file, "no such file", null);
            }
            if (!Files.isRegularFile(file)) {
                throw unusable(file, "not a regular file", null);
            }
            long sizeBytes = Files.size(file);
            if (sizeBytes == 0) {
                throw unusable(file, "empty file", null);
            }
            if (sizeBytes >= ramSizeBytes) {
                throw unusable(
                        file,
                        "larger than RAM: initrd="
                                + Mebibytes.of(sizeBytes)
                                + ", memory="
                                + Mebibytes.of(ramSizeBytes),
                        null);
            }
            return MappedFile.read(file);
        } catch (IOException e) {
            throw unusable(file, "cannot read: " + e.getMessage(), e);
        }
    }

    private static UserException unusable(Path file, String why, Throwable cause) {
        return new UserException(
                UserException.BAD_INPUT, "cannot use initrd: file=" + file + ": " + why, cause);
    }
}
