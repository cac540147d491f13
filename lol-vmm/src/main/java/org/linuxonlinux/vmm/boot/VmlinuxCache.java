// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;

/** Decompressed kernels kept on disk between runs. */
public final class VmlinuxCache {
    private final Optional<Path> directory;

    private VmlinuxCache(Optional<Path> directory) {
        this.directory = directory;
    }

    /** A cache in that directory, which need not exist. */
    public static VmlinuxCache in(Path directory) {
        return new VmlinuxCache(Optional.of(directory));
    }

    /** A cache that keeps nothing. */
    public static VmlinuxCache none() {
        return new VmlinuxCache(Optional.empty());
    }

    interface Decoder {
        byte[] decode() throws KernelFormatException;
    }

    ByteBuffer get(Path source, ByteBuffer payload, Decoder decoder) throws KernelFormatException {
        return ByteBuffer.wrap(decoder.decode());
    }

    @Override
    public String toString() {
        return directory.map(Path::toString).orElse("none");
    }
}
