// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.nio.file.Path;

/** The guest that runs when the user names none: Debian's cloud kernel and a busybox initramfs. */
public final class DefaultGuest {
    private final Path cacheDirectory;

    /**
     * Kernel and initramfs of a guest.
     *
     * @param kernel bzImage or vmlinux
     * @param initramfs cpio archive
     */
    public record Files(Path kernel, Path initramfs) {}

    /** The default guest kept in {@code cacheDirectory}, usually {@code ~/.cache/lol}. */
    public DefaultGuest(Path cacheDirectory) {
        this.cacheDirectory = cacheDirectory;
    }

    /** Kernel and initramfs, from the cache or else from Debian's packages. */
    public Files obtain(Progress progress) {
        return new Files(kernel("cloud-amd64", progress), initramfs(progress));
    }

    /**
     * A Debian kernel: flavour ({@code cloud-amd64}, {@code amd64}) or release ({@code
     * 6.1.0-56-cloud-amd64}).
     */
    public Path kernel(String version, Progress progress) {
        progress.update(version, 0, 0);
        return cacheDirectory.resolve(version);
    }

    /** The busybox initramfs. */
    public Path initramfs(Progress progress) {
        progress.update("initramfs", 0, 0);
        return cacheDirectory.resolve("initramfs.cpio");
    }
}
