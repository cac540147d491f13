// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;

/** What the loader needs of guest RAM. */
@FunctionalInterface
interface GuestRam {
    /**
     * Copies the remaining bytes of {@code source} to guest-physical address {@code gpa}; the range
     * lies within RAM. The position of {@code source} afterwards is not specified.
     */
    void write(long gpa, ByteBuffer source);
}
