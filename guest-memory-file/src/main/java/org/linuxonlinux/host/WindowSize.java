// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * {@code struct winsize}: the character size of a terminal.
 *
 * @param rows lines
 * @param columns characters per line
 */
public record WindowSize(int rows, int columns) {
    private static final int STRUCT_BYTES = 8;

    /** Asks the terminal behind a descriptor ({@code TIOCGWINSZ}). */
    public static WindowSize get(int fd) {
        try (NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES)) {
            HostCalls.ioctl(fd, HostAbi.TIOCGWINSZ, memory.hva());
            return new WindowSize(memory.getShort(0) & 0xffff, memory.getShort(2) & 0xffff);
        }
    }
}
