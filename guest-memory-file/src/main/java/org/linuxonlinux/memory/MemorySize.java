// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Text form of byte counts: {@code 512M}, {@code 2G}, {@code 1048576K}; a bare number is MB. */
public final class MemorySize {
    private static final Pattern FORM = Pattern.compile("(\\d{1,15})([KMGT]?)(?:I?B)?");

    private MemorySize() {}

    /**
     * Bytes of a size such as {@code 512M}; units are powers of 1024, upper or lower case.
     *
     * @throws IllegalArgumentException one line that quotes the text and shows a valid form
     */
    public static long parse(String text) {
        Matcher matcher = FORM.matcher(text.trim().toUpperCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "not a memory size: '" + text + "', expected a form like 512M or 2G");
        }
        int shift =
                switch (matcher.group(2)) {
                    case "K" -> 10;
                    case "G" -> 30;
                    case "T" -> 40;
                    default -> 20;
                };
        long count = Long.parseLong(matcher.group(1));
        if (count > Long.MAX_VALUE >> shift) {
            throw new IllegalArgumentException("memory size does not fit 64 bits: '" + text + "'");
        }
        return count << shift;
    }

    /** The shortest exact form: {@code 512M}, {@code 3G}, {@code 1025K}, {@code 77 bytes}. */
    public static String format(long sizeBytes) {
        String[] units = {"K", "M", "G", "T"};
        String best = sizeBytes + " bytes";
        for (int i = 0; i < units.length; i++) {
            int shift = 10 * (i + 1);
            if (sizeBytes != 0 && (sizeBytes & ((1L << shift) - 1)) == 0) {
                best = (sizeBytes >> shift) + units[i];
            }
        }
        return best;
    }
}
