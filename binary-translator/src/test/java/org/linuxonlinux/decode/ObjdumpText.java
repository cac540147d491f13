// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Removes from objdump's text what is not part of the instruction's form: comments, symbols, branch
 * hints, prefixes without effect, and names that stand for an immediate (cmpeqps, pclmullqlqdq).
 */
final class ObjdumpText {
    private static final Set<String> PREFIXES =
            Set.of(
                    "data16",
                    "addr32",
                    "cs",
                    "ds",
                    "es",
                    "ss",
                    "fs",
                    "gs",
                    "repz",
                    "repnz",
                    "rep",
                    "lock",
                    "bnd",
                    "notrack",
                    "xacquire",
                    "xrelease",
                    "{vex}",
                    "{evex}",
                    "rex");
    private static final Pattern COMPARE =
            Pattern.compile("(v?p?cmp)(u?[bwdq]|[ps][sdh])( .*),0x([0-9a-f]+)");
    private static final Pattern CARRYLESS = Pattern.compile("(v?pclmul)qdq( .*),0x([01]+)");
    private static final String[] PREDICATES = {
        "eq",
        "lt",
        "le",
        "unord",
        "neq",
        "nlt",
        "nle",
        "ord",
        "eq_uq",
        "nge",
        "ngt",
        "false",
        "neq_oq",
        "ge",
        "gt",
        "true",
        "eq_os",
        "lt_oq",
        "le_oq",
        "unord_s",
        "neq_us",
        "nlt_uq",
        "nle_uq",
        "ord_s",
        "eq_us",
        "nge_uq",
        "ngt_uq",
        "false_os",
        "neq_os",
        "ge_oq",
        "gt_oq",
        "true_us"
    };

    private ObjdumpText() {}

    /** Whether objdump's text and the formatter's text name the same instruction. */
    static boolean isSame(String objdump, String formatted) {
        String theirs = normalise(objdump);
        String mine = normalise(formatted);
        if (theirs.equals(mine)) {
            return true;
        }
        // Branch targets stand without 0x where the file has symbols.
        int space = mine.indexOf(" 0x");
        if (space > 0
                && mine.indexOf(' ') == space
                && theirs.equals(mine.substring(0, space + 1) + mine.substring(space + 3))) {
            return true;
        }
        return theirs.equals(withNamedImmediate(mine));
    }

    private static String normalise(String text) {
        String rest = text;
        int comment = rest.indexOf(" #");
        if (comment >= 0) {
            rest = rest.substring(0, comment);
        }
        int symbol = rest.indexOf('<');
        if (symbol >= 0) {
            rest = rest.substring(0, symbol);
        }
        rest = squeeze(rest);
        while (true) {
            int space = rest.indexOf(' ');
            String word = space < 0 ? rest : rest.substring(0, space);
            if (space < 0 || !(PREFIXES.contains(word) || word.startsWith("rex."))) {
                break;
            }
            rest = rest.substring(space + 1);
        }
        if (rest.startsWith("j") && (rest.contains(",pn ") || rest.contains(",pt "))) {
            rest = rest.replace(",pn ", " ").replace(",pt ", " ");
        }
        return rest;
    }

    /** One space for any run of spaces, none at the ends. */
    private static String squeeze(String text) {
        StringBuilder out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c > ' ') {
                out.append(c);
            } else if (out.length() > 0 && out.charAt(out.length() - 1) != ' ') {
                out.append(' ');
            }
        }
        int end = out.length();
        return end > 0 && out.charAt(end - 1) == ' ' ? out.substring(0, end - 1) : out.toString();
    }

    private static String withNamedImmediate(String text) {
        Matcher compare = COMPARE.matcher(text);
        if (compare.matches()) {
            int predicate = Integer.parseInt(compare.group(4), 16);
            if (predicate < PREDICATES.length) {
                return compare.group(1)
                        + PREDICATES[predicate]
                        + compare.group(2)
                        + compare.group(3);
            }
        }
        Matcher carryless = CARRYLESS.matcher(text);
        if (carryless.matches()) {
            String halves = carryless.group(3);
            boolean first = halves.endsWith("1");
            boolean second = halves.length() == 2;
            return carryless.group(1)
                    + (first ? "hq" : "lq")
                    + (second ? "hq" : "lq")
                    + "dq"
                    + carryless.group(2);
        }
        return text;
    }
}
