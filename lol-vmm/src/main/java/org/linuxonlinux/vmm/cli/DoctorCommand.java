// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** {@code lol doctor}: prints what {@link HostProbes} found. */
final class DoctorCommand {
    private final boolean json;

    DoctorCommand(boolean json) {
        this.json = json;
    }

    /** Prints the findings; the exit status tells whether guests can run. */
    int run() {
        List<Finding> findings = new HostProbes().run();
        boolean usable = findings.stream().noneMatch(f -> f.state() == Finding.State.MISSING);
        if (json) {
            System.out.println(
                    findings.stream()
                            .map(DoctorCommand::json)
                            .collect(Collectors.joining(",\n", "[\n", "\n]")));
        } else {
            findings.forEach(f -> print(f, System.out));
            System.out.println(
                    usable ? "Guests can run on this host." : "Guests cannot run on this host.");
        }
        return usable ? ExitStatus.OK.code() : ExitStatus.HOST_LACKS.code();
    }

    private static void print(Finding finding, PrintStream out) {
        out.printf("%-8s %-22s %s%n", state(finding), finding.name(), finding.found());
        out.printf("%-8s %-22s %s%n", "", "", finding.meaning());
        if (!finding.mend().isEmpty()) {
            out.printf("%-8s %-22s to mend: %s%n", "", "", finding.mend());
        }
    }

    private static String state(Finding finding) {
        return finding.state().name().toLowerCase(Locale.ROOT);
    }

    static String json(Finding finding) {
        return "  {\"name\": %s, \"state\": %s, \"found\": %s, \"meaning\": %s, \"mend\": %s}"
                .formatted(
                        quote(finding.name()),
                        quote(state(finding)),
                        quote(finding.found()),
                        quote(finding.meaning()),
                        quote(finding.mend()));
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c < ' ') {
                quoted.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
