// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Compares the decoder with {@code objdump -d} over the whole text of ELF files: length, operands,
 * sizes, immediates and displacements of every instruction.
 *
 * <p>Files: property {@code lol.objdump.files} (separated by colons), by default the host's libc,
 * dynamic loader and busybox; property {@code lol.kernel.elf} adds uncompressed kernels.
 */
@Tag("slow")
class ObjdumpAgreementIT {
    private static final String DEFAULT_FILES =
            "/lib/x86_64-linux-gnu/libc.so.6:/lib64/ld-linux-x86-64.so.2:/bin/busybox";
    private static final int MAX_SHOWN = 40;

    private final Instruction in = new Instruction();
    private final List<String> disagreements = new ArrayList<>();
    private long compared;
    private long disagreed;
    private long badInObjdump;

    @Test
    void agreesWithObjdumpOnEveryInstruction() throws IOException, InterruptedException {
        Path objdump = find("objdump");
        assumeTrue(objdump != null, "objdump (binutils) is not installed");
        String files =
                System.getProperty("lol.objdump.files", DEFAULT_FILES)
                        + ":"
                        + System.getProperty("lol.kernel.elf", "");
        int filesRead = 0;
        for (String name : files.split(":", -1)) {
            if (name.isEmpty()) {
                continue;
            }
            if (!Files.isReadable(Path.of(name))) {
                System.out.println("objdump agreement: skipped, not readable: " + name);
                continue;
            }
            long before = compared;
            long badBefore = badInObjdump;
            compareFile(objdump, name);
            filesRead++;
            System.out.printf(
                    "objdump agreement: %s: %d instructions, %d disagreements so far, %d (bad)%n",
                    name, compared - before, disagreed, badInObjdump - badBefore);
        }
        assumeTrue(filesRead > 0, "none of the files is readable: " + files);
        assertTrue(compared > 0);
        assertEquals(
                0, disagreed, () -> disagreed + ":\n" + String.join("\n", disagreements) + "\n");
    }

    private static Path find(String program) {
        for (String directory : System.getenv("PATH").split(":", -1)) {
            Path path = Path.of(directory, program);
            if (Files.isExecutable(path)) {
                return path;
            }
        }
        return null;
    }

    private void compareFile(Path objdump, String name) throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder(objdump.toString(), "-d", "-w", "-M", "intel", name)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                compareLine(line);
            }
        }
        assertTrue(process.waitFor(1, TimeUnit.MINUTES));
        assertEquals(0, process.exitValue(), "objdump failed: file=" + name);
    }

    /** A line is {@code address:\thex bytes\ttext}. */
    private void compareLine(String line) {
        int colon = line.indexOf(":\t");
        int tab = colon < 0 ? -1 : line.indexOf('\t', colon + 2);
        if (tab < 0) {
            return;
        }
        String text = line.substring(tab + 1);
        byte[] code = parseHex(line, colon + 2, tab);
        if (text.startsWith(".byte")) {
            return;
        }
        if (text.contains("(bad)")) {
            badInObjdump++;
            return;
        }
        if (code.length > 1 && code[0] == (byte) 0x9b) {
            // objdump takes FWAIT for a prefix of the following x87 instruction.
            code = java.util.Arrays.copyOfRange(code, 1, code.length);
            text = text.replaceFirst("^fwait ", "").replaceFirst("^f(?!n)", "fn");
        }
        compared++;
        long rip = Long.parseUnsignedLong(line.substring(0, colon).strip(), 16);
        int length = Decoder.decode(code, 0, code.length, in);
        String mine = length > 0 ? InstructionFormatter.format(in, rip) : "undefined";
        if (length != code.length || !ObjdumpText.isSame(text, mine)) {
            disagreed++;
            if (disagreements.size() < MAX_SHOWN) {
                disagreements.add(line.strip() + "   decoded: " + length + " " + mine);
            }
        }
    }

    private static byte[] parseHex(String line, int from, int to) {
        byte[] bytes = new byte[(to - from + 2) / 3];
        int count = 0;
        for (int i = from; i + 1 < to && line.charAt(i) != ' '; i += 3) {
            bytes[count++] =
                    (byte)
                            (Character.digit(line.charAt(i), 16) << 4
                                    | Character.digit(line.charAt(i + 1), 16));
        }
        return java.util.Arrays.copyOf(bytes, count);
    }
}
