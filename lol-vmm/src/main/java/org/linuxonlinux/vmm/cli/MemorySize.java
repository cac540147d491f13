// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.linuxonlinux.vmm.GuestLayout;

/**
 * Sizes as users write them: {@code 512M}, {@code 2G}, {@code 1.5g}; without a unit, mebibytes (as
 * QEMU's -m).
 */
final class MemorySize {
    private static final Pattern FORM =
            Pattern.compile(
                    "(\\d{1,15}(?:\\.\\d{1,6})?)\\s*([kmgt]?)(?:i?b)?", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "kmgt";

    private MemorySize() {}

    /**
     * The size in bytes, rounded down to whole pages.
     *
     * @throws IllegalArgumentException if the text is no size or too large for a long
     */
    static long parse(String text) {
        Matcher m = FORM.matcher(text.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException("not a size, expected e.g. 512M or 2G");
        }
        String unit = m.group(2).isEmpty() ? "m" : m.group(2).toLowerCase(Locale.ROOT);
        double bytes = Double.parseDouble(m.group(1)) * (1L << (10 * (UNITS.indexOf(unit) + 1)));
        if (bytes >= 0x1p62) {
            throw new IllegalArgumentException("too large");
        }
        return (long) bytes & -GuestLayout.PAGE_SIZE;
    }

    /** A size for messages, e.g. {@code 512 MB}. */
    static String format(long sizeBytes) {
        return sizeBytes >> 20 > 0 ? (sizeBytes >> 20) + " MB" : (sizeBytes >> 10) + " KB";
    }
}
