// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import java.util.Arrays;

/**
 * Machine code written down as bytes beside mnemonics, for the few routines that run before or
 * below the assembler.
 *
 * <pre>
 *   89 f8           | mov eax, edi
 *   c3              | ret
 * </pre>
 *
 * <p>One instruction per line; what stands right of the bar, a label included, is for the reader. A
 * test compares every listing with the host's disassembler.
 */
public final class CodeListing {
    private CodeListing() {}

    /** The bytes of a listing. */
    public static byte[] assemble(String listing) {
        byte[] code = new byte[listing.length() / 2];
        int length = 0;
        boolean inBytes = true;
        int high = -1;
        for (int i = 0; i < listing.length(); i++) {
            char c = listing.charAt(i);
            if (c == '\n') {
                inBytes = true;
            } else if (c == '|') {
                inBytes = false;
            } else if (inBytes && c != ' ') {
                int digit = Character.digit(c, 16);
                if (digit < 0) {
                    throw new IllegalArgumentException("not a hexadecimal digit: '" + c + "'");
                }
                if (high < 0) {
                    high = digit;
                } else {
                    code[length++] = (byte) (high << 4 | digit);
                    high = -1;
                }
            }
        }
        return Arrays.copyOf(code, length);
    }
}
