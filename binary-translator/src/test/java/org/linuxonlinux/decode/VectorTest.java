// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Decodes the instructions of the vector files: {@code hex | disassembly | attributes}. The
 * disassembly is objdump's; the attributes were reviewed against the Intel SDM.
 */
class VectorTest {
    private static List<String> lines(String name) throws IOException {
        List<String> lines = new ArrayList<>();
        try (InputStream in = VectorTest.class.getResourceAsStream(name);
                BufferedReader reader =
                        new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(line);
            }
        }
        return lines;
    }

    @ParameterizedTest
    @ValueSource(strings = {"traps.txt", "integer.txt", "vector.txt"})
    void decodesEveryVectorOf(String file) throws IOException {
        Instruction in = new Instruction();
        List<String> wrong = new ArrayList<>();
        int number = 0;
        int count = 0;
        for (String line : lines(file)) {
            number++;
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] columns = line.split("\\|", -1);
            byte[] code = HexFormat.of().parseHex(columns[0].strip());
            int length = Decoder.decode(code, 0, code.length, in);
            String text;
            String attributes = "";
            if (length == code.length) {
                text = InstructionFormatter.format(in, 0);
                attributes = InstructionDescription.of(in);
            } else {
                text = length == Decoder.UNDEFINED ? "undefined" : "length " + length;
            }
            if (!text.equals(columns[1].strip()) || !attributes.equals(columns[2].strip())) {
                wrong.add(
                        "%s:%d: expected %s | %s, decoded %s | %s"
                                .formatted(
                                        file,
                                        number,
                                        columns[1].strip(),
                                        columns[2].strip(),
                                        text,
                                        attributes));
            }
            count++;
        }
        assertEquals(List.of(), wrong);
        assertTrue(count > 0, file);
    }

    @Test
    void reportsTruncationAtEveryShorterLimit() throws IOException {
        Instruction in = new Instruction();
        for (String file : List.of("traps.txt", "integer.txt", "vector.txt")) {
            for (String line : lines(file)) {
                if (line.isBlank() || line.startsWith("#") || line.contains("undefined")) {
                    continue;
                }
                byte[] code = HexFormat.of().parseHex(line.substring(0, line.indexOf('|')).strip());
                for (int limit = 0; limit < code.length; limit++) {
                    int result = Decoder.decode(code, 0, limit, in);
                    assertEquals(Decoder.TRUNCATED, result, line + " limit " + limit);
                }
            }
        }
    }
}
