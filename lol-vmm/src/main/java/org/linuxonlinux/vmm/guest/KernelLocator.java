// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.nio.file.Path;

/** Finds the kernel the user means by FILE, DIR or VERSION. */
public final class KernelLocator {
    private final DefaultGuest packages;

    /** Takes versions from {@code packages}. */
    public KernelLocator(DefaultGuest packages) {
        this.packages = packages;
    }

    /** The kernel file for the argument of {@code -k}. */
    public Path locate(String argument, Progress progress) {
        return packages.kernel(argument, progress);
    }
}
