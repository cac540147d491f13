// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much memory the host has. Cheaper than asking OSHI, for use at each start. */
final class HostMemory {
    private HostMemory() {}

    /** Memory and swap together, in bytes; the largest long where /proc does not tell. */
    static long totalBytes() {
        long kilobytes = 0;
        try {
            for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
                if (line.startsWith("MemTotal:") || line.startsWith("SwapTotal:")) {
                    kilobytes += Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
        } catch (IOException e) {
            return Long.MAX_VALUE;
        }
        return kilobytes << 10;
    }
}
