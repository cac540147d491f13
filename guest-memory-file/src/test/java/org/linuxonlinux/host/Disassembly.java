// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;

/** Compares a {@link CodeListing} with the host's disassembler. */
final class Disassembly {
    private static final Pattern LINE =
            Pattern.compile("^\\s*[0-9a-f]+:\\t((?:[0-9a-f]{2} )+)\\s*\\t(\\S+)\\s*(\\S*).*$");

    private Disassembly() {}

    /** Each row's bytes must be one instruction with the mnemonic and registers written there. */
    static void check(String listing, Path directory) throws Exception {
        Path binary = directory.resolve("code.bin");
        Files.write(binary, CodeListing.assemble(listing));
        List<String> output = new ArrayList<>();
        try {
            Process process =
                    new ProcessBuilder(
                                    "objdump",
                                    "-D",
                                    "-bbinary",
                                    "-mi386:x86-64",
                                    "-Mintel",
                                    binary.toString())
                            .start();
            String text =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            for (String line : text.lines().toList()) {
                Matcher matcher = LINE.matcher(line);
                if (matcher.matches()) {
                    String operands = matcher.group(3).replaceAll("(QWORD|DWORD)PTR", "");
                    output.add(
                            matcher.group(1).trim()
                                    + " | "
                                    + matcher.group(2)
                                    + ' '
                                    + registers(line.substring(matcher.end(1))));
                    assertEquals(false, operands.contains("(bad)"), line);
                }
            }
        } catch (IOException e) {
            Assumptions.abort("no disassembler on this host: " + e.getMessage());
        }
        List<String> written = new ArrayList<>();
        for (String line : listing.lines().toList()) {
            String bytes = line.substring(0, line.indexOf('|')).trim();
            String right = line.substring(line.indexOf('|') + 1).trim();
            right = right.replaceFirst("^\\w+: ", "").replaceFirst("\\(.*", "");
            String mnemonic = right.replaceFirst(" .*", "");
            written.add(bytes + " | " + alias(mnemonic) + ' ' + registers(right));
        }
        assertEquals(written, output);
    }

    private static String alias(String mnemonic) {
        return switch (mnemonic) {
            case "jz" -> "je";
            default -> mnemonic;
        };
    }

    private static final Pattern REGISTER =
            Pattern.compile(
                    "\\b(r[0-9]+d?|[re]?[abcd]x|[re][sd]i|[re][sb]p)\\b(\\+(0x)?[0-9a-f]+)?");

    private static List<String> registers(String operands) {
        List<String> found = new ArrayList<>();
        Matcher matcher = REGISTER.matcher(operands);
        while (matcher.find()) {
            String displacement = matcher.group(2);
            int value = 0;
            if (displacement != null) {
                value =
                        displacement.startsWith("+0x")
                                ? Integer.parseInt(displacement.substring(3), 16)
                                : Integer.parseInt(displacement.substring(1));
            }
            found.add(matcher.group(1) + (value == 0 ? "" : "+" + value));
        }
        return found;
    }
}
