// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * One row of rules.vectors.
 *
 * @param line line number in the file
 * @param name unique name
 * @param options words of the options column
 * @param hex machine code; empty until accepted
 * @param assembly GNU assembler source, statements separated by semicolons
 */
record RuleVector(int line, String name, List<String> options, String hex, String assembly) {
    static final Path FILE = Path.of("src/test/resources/org/linuxonlinux/translate/rules.vectors");

    static List<RuleVector> readAll(Path file) throws IOException {
        List<RuleVector> vectors = new ArrayList<>();
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (!line.isBlank() && !line.startsWith("#")) {
                String[] columns = line.split("\\|", 4);
                vectors.add(
                        new RuleVector(
                                i + 1,
                                columns[0].strip(),
                                List.of(columns[1].strip().split(" +", -1)),
                                columns[2].strip(),
                                columns[3].strip()));
            }
        }
        return vectors;
    }

    boolean has(String option) {
        return options.contains(option);
    }

    @Override
    public String toString() {
        return name + " (" + FILE.getFileName() + ":" + line + ")";
    }
}
