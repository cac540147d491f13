// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

/**
 * One line of {@code /proc/<pid>/maps}.
 *
 * @param startHva first address
 * @param endHva first address behind it
 * @param permissions such as {@code r-xp}
 * @param offsetBytes offset in the file
 * @param name file, {@code [stack]} and the like, or empty
 */
public record Mapping(
        long startHva, long endHva, String permissions, long offsetBytes, String name) {
    static Mapping parse(String line) {
        String[] fields = line.split(" +", 6);
        int dash = fields[0].indexOf('-');
        return new Mapping(
                Long.parseUnsignedLong(fields[0].substring(0, dash), 16),
                Long.parseUnsignedLong(fields[0].substring(dash + 1), 16),
                fields[1],
                Long.parseUnsignedLong(fields[2], 16),
                fields.length > 5 ? fields[5] : "");
    }
}
