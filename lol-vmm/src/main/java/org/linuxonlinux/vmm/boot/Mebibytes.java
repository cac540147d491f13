// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

/** Sizes as people read them. */
final class Mebibytes {
    private Mebibytes() {}

    /** The size in MB (2^20 bytes), rounded up. */
    static String of(long sizeBytes) {
        return ((sizeBytes + (1 << 20) - 1) >> 20) + " MB";
    }
}
