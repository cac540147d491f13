// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.nio.file.Path;

/** Where kernels, packages and unpacked images are kept between runs. */
public final class CacheDirectory {
    private CacheDirectory() {}

    /**
     * {@code $XDG_CACHE_HOME/lol}, else {@code ~/.cache/lol}; need not exist. A relative {@code
     * XDG_CACHE_HOME} is ignored (XDG Base Directory Specification 0.8, "Basics").
     */
    public static Path ofUser() {
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path base =
                xdg != null && xdg.startsWith("/")
                        ? Path.of(xdg)
                        : Path.of(System.getProperty("user.home"), ".cache");
        return base.resolve("lol");
    }
}
