// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Golden files beside the tests. {@code mvn test -Dgolden.accept=true} rewrites them with the help
 * of GNU binutils; the difference is then reviewed like any other. Comparison needs no binutils:
 * only the bytes count.
 */
public final class Golden {
    private static final Path RESOURCES = Path.of("src/test/resources");

    private Golden() {}

    /** Whether this run rewrites golden files. */
    public static boolean isAccepting() {
        return Boolean.getBoolean("golden.accept");
    }

    /** Lines of a golden file. */
    public static List<String> read(String name) throws IOException {
        if (isAccepting()) {
            return Files.readAllLines(RESOURCES.resolve(name));
        }
        try (InputStream in = Golden.class.getClassLoader().getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("golden file is missing, accept it: name=" + name);
            }
            return new String(in.readAllBytes(), UTF_8).lines().toList();
        }
    }

    /** Rewrites a golden file. */
    public static void write(String name, List<String> lines) throws IOException {
        Path file = RESOURCES.resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, lines);
    }

    /** Compares text lines with a golden file, or accepts them. */
    public static void checkText(String name, List<String> lines) throws IOException {
        if (isAccepting()) {
            write(name, lines);
        }
        assertEquals(String.join("\n", read(name)), String.join("\n", lines), "golden " + name);
    }

    /**
     * Compares named pieces of code with a golden listing, or accepts them.
     *
     * <p>A listing has lines {@code name:}, followed by {@code address: hex | disassembly}.
     */
    public static void checkListing(String name, List<Piece> pieces) throws IOException {
        if (isAccepting()) {
            List<String> lines = new ArrayList<>();
            lines.add("# address: hex | disassembly (objdump, Intel syntax)");
            for (Piece piece : pieces) {
                lines.add("");
                lines.add(piece.name() + ":");
                lines.addAll(disassemble(piece));
            }
            write(name, lines);
        }
        StringBuilder expected = new StringBuilder();
        for (String line : read(name)) {
            if (line.endsWith(":")) {
                expected.append(line).append('\n');
            } else if (!line.isEmpty() && !line.startsWith("#")) {
                String code = line.substring(0, line.indexOf('|')).strip();
                expected.append(code).append('\n');
            }
        }
        assertEquals(expected.toString(), emittedLike(expected.toString(), pieces), name);
    }

    /** Emitted bytes, cut into lines like the expected ones so that a difference reads well. */
    private static String emittedLike(String expected, List<Piece> pieces) {
        Map<String, List<Integer>> cuts = new HashMap<>();
        List<Integer> current = new ArrayList<>();
        for (String line : expected.lines().toList()) {
            if (line.endsWith(":")) {
                current = new ArrayList<>();
                cuts.put(line, current);
            } else {
                current.add(line.substring(line.indexOf(' ') + 1).length() / 2);
            }
        }
        StringBuilder text = new StringBuilder();
        for (Piece piece : pieces) {
            String title = piece.name() + ":";
            text.append(title).append('\n');
            int at = 0;
            for (int length : cuts.getOrDefault(title, List.of())) {
                int end = Math.min(at + length, piece.code().length);
                appendLine(text, piece, at, end);
                at = end;
            }
            if (at < piece.code().length) {
                appendLine(text, piece, at, piece.code().length);
            }
        }
        return text.toString();
    }

    private static void appendLine(StringBuilder text, Piece piece, int start, int end) {
        text.append(Long.toHexString(piece.hva() + start)).append(": ");
        text.append(HexFormat.of().formatHex(piece.code(), start, end)).append('\n');
    }

    private static List<String> disassemble(Piece piece) throws IOException {
        Path file = Files.createTempFile("piece", ".bin");
        try {
            Files.write(file, piece.code());
            String vma = "--adjust-vma=0x" + Long.toHexString(piece.hva());
            String output =
                    run(
                            "objdump",
                            "-D",
                            "-b",
                            "binary",
                            "-m",
                            "i386:x86-64",
                            "-M",
                            "intel",
                            "--insn-width=16",
                            vma,
                            file.toString());
            List<String> lines = new ArrayList<>();
            for (String line : output.lines().toList()) {
                String[] parts = line.split("\t", -1);
                if (parts.length >= 3) {
                    String hex = parts[1].replace(" ", "");
                    String insn = parts[2].strip().replaceAll("\\s+", " ");
                    lines.add(String.format("%s %-22s | %s", parts[0].strip(), hex, insn));
                }
            }
            return lines;
        } finally {
            Files.delete(file);
        }
    }

    /**
     * A named piece of emitted code.
     *
     * @param name title in the listing
     * @param hva address of its first byte
     * @param code its bytes
     */
    public record Piece(String name, long hva, byte[] code) {}

    /** Assembles GNU assembler source to an object file. */
    public static Path gnuAssemble(String source) throws IOException {
        Path directory = Files.createTempDirectory("vectors");
        Path file = directory.resolve("rows.s");
        Path object = directory.resolve("rows.o");
        Files.writeString(file, source);
        run("as", "-o", object.toString(), file.toString());
        return object;
    }

    /** Bytes of the text section of an object file. */
    public static byte[] sectionText(Path object) throws IOException {
        Path binary = object.resolveSibling("rows.bin");
        run("objcopy", "-O", "binary", "-j", ".text", object.toString(), binary.toString());
        return Files.readAllBytes(binary);
    }

    /** Symbols of an object file with their values. */
    public static Map<String, Integer> symbols(Path object) throws IOException {
        Map<String, Integer> symbols = new HashMap<>();
        for (String line : run("nm", object.toString()).lines().toList()) {
            String[] parts = line.strip().split(" ", -1);
            symbols.put(parts[2], (int) Long.parseUnsignedLong(parts[0], 16));
        }
        return symbols;
    }

    private static String run(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(command[0] + " failed: " + output);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
        return output;
    }
}
