// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.gate.Undo;

/**
 * The emitted code of every rule, as a golden listing beside the vectors. {@code mvn test
 * -Dgolden.accept=true} assembles the vectors anew and rewrites the listing with objdump; the
 * difference is then reviewed.
 */
final class RuleListingTest {
    private static final long GUEST_RIP = 0xffff_ffff_8100_0000L;
    private static final int CACHE_BYTES = 1 << 21;
    private static final Path LISTING = RuleVector.FILE.resolveSibling("rules.listing");
    private static final GateEntries GATE =
            new GateEntries(0x7be0_0000_0000L, 0x7be0_0000_0100L, 0x7be0_0000_0200L, 0);

    private static final InlinePorts PORTS = new InlinePorts(0x3fd, 0x3f8);

    @BeforeAll
    static void acceptVectors() throws IOException, InterruptedException {
        if (isAccepting()) {
            assembleVectors();
            Files.write(LISTING, listing(true));
        }
    }

    private static boolean isAccepting() {
        return Boolean.getBoolean("golden.accept");
    }

    @Test
    void emitsWhatTheListingShows() throws IOException {
        assertEquals(
                String.join("\n", withoutDisassembly(Files.readAllLines(LISTING))),
                String.join("\n", withoutDisassembly(listing(false))),
                "listing of the rules (accept with -Dgolden.accept=true)");
    }

    @Test
    void everyEmittedInstructionDecodesBack() throws IOException {
        Instruction in = new Instruction();
        for (RuleVector vector : RuleVector.readAll(RuleVector.FILE)) {
            for (Emitted block : translate(vector)) {
                for (int at = 0; at < block.code.length; ) {
                    int length = Decoder.decode(block.code, at, block.code.length, in);
                    assertTrue(length > 0, vector + ": undecodable code at " + at);
                    at += length;
                }
            }
        }
    }

    private record Emitted(long guestRip, long hva, byte[] code, List<String> marks) {}

    private static List<Emitted> translate(RuleVector vector) {
        FakeGuest guest = new FakeGuest();
        byte[] code = HexFormat.of().parseHex(vector.hex());
        guest.put(GUEST_RIP, code);
        guest.put(GUEST_RIP + code.length, 0xcc);
        List<Emitted> blocks = new ArrayList<>();
        try (CodeCache cache = CodeCache.create(CACHE_BYTES)) {
            Translator translator = new Translator(guest, cache, (rip, entry) -> {}, GATE, PORTS);
            if (vector.has("dynamic")) {
                long[] all = new long[code.length];
                for (int i = 0; i < all.length; i++) {
                    all[i] = GUEST_RIP + i;
                }
                translator.addDynamic(all);
            }
            translator.blockAt(GUEST_RIP);
            HostPosition position = new HostPosition();
            for (int offset = 0; offset <= code.length; offset++) {
                TranslationBlock block = translator.findBlock(GUEST_RIP + offset);
                if (block != null) {
                    int start = cache.offsetOf(block.indirectEntryHva());
                    byte[] bytes = cache.copy(start, block.hostBytes());
                    List<String> marks = new ArrayList<>();
                    String last = "";
                    for (int i = 0; i < bytes.length; i++) {
                        long hva = block.indirectEntryHva() + i;
                        assertTrue(translator.locate(hva, position));
                        String mark =
                                Long.toHexString(position.guestRip() & 0xffff)
                                        + (position.undo() == 0
                                                ? ""
                                                : " " + Undo.describe(position.undo()));
                        marks.add(mark.equals(last) ? "" : mark);
                        last = mark;
                    }
                    blocks.add(new Emitted(GUEST_RIP + offset, hvaOf(block), bytes, marks));
                }
            }
            translator.close();
        }
        return blocks;
    }

    private static long hvaOf(TranslationBlock block) {
        return block.indirectEntryHva();
    }

    private static List<String> listing(boolean withDisassembly) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add(
                "# host offset: hex ; guest RIP (low 16 bits) and undo where they change | objdump");
        for (RuleVector vector : RuleVector.readAll(RuleVector.FILE)) {
            lines.add("");
            lines.add(vector.name() + ": " + vector.assembly());
            for (Emitted block : translate(vector)) {
                lines.add("  block " + Long.toHexString(block.guestRip & 0xffff));
                int at = 0;
                for (String text : disassemble(block, withDisassembly)) {
                    int length = Integer.parseInt(text.substring(0, text.indexOf(' ')));
                    lines.add(
                            String.format(
                                    "%6x: %s ; %s | %s",
                                    at,
                                    HexFormat.of().formatHex(block.code, at, at + length),
                                    block.marks.get(at),
                                    text.substring(text.indexOf(' ') + 1)));
                    at += length;
                }
            }
        }
        return lines;
    }

    private static List<String> withoutDisassembly(List<String> lines) {
        return lines.stream().map(line -> line.replaceAll(" \\| .*", "")).toList();
    }

    /** Lines "length text". */
    private static List<String> disassemble(Emitted block, boolean withText) throws IOException {
        List<String> lines = new ArrayList<>();
        if (!withText) {
            Instruction in = new Instruction();
            for (int at = 0; at < block.code.length; ) {
                int length = Decoder.decode(block.code, at, block.code.length, in);
                assertTrue(length > 0);
                lines.add(length + " ");
                at += length;
            }
            return lines;
        }
        Path file = Files.createTempFile("block", ".bin");
        try {
            Files.write(file, block.code);
            String vma = "--adjust-vma=0x" + Long.toHexString(block.hva);
            String[] command = {
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
                file.toString()
            };
            for (String line : run(command).lines().toList()) {
                String[] parts = line.split("\t", -1);
                if (parts.length >= 3) {
                    int length = parts[1].replace(" ", "").length() / 2;
                    lines.add(length + " " + parts[2].strip().replaceAll("\\s+", " "));
                }
            }
            return lines;
        } finally {
            Files.delete(file);
        }
    }

    /** Fills the hex column of the vectors. */
    private static void assembleVectors() throws IOException {
        List<RuleVector> vectors = RuleVector.readAll(RuleVector.FILE);
        StringBuilder source = new StringBuilder(".intel_syntax noprefix\n");
        for (int i = 0; i < vectors.size(); i++) {
            source.append("v").append(i).append(":\n");
            source.append(vectors.get(i).assembly().replace("; ", "\n")).append('\n');
        }
        source.append("v").append(vectors.size()).append(":\n");
        Path directory = Files.createTempDirectory("vectors");
        Path file = directory.resolve("rows.s");
        Path object = directory.resolve("rows.o");
        Path binary = directory.resolve("rows.bin");
        Files.writeString(file, source);
        run("as", "-o", object.toString(), file.toString());
        run("objcopy", "-O", "binary", "-j", ".text", object.toString(), binary.toString());
        byte[] text = Files.readAllBytes(binary);
        Map<String, Integer> symbols = new HashMap<>();
        for (String line : run("nm", object.toString()).lines().toList()) {
            String[] parts = line.strip().split(" ", -1);
            symbols.put(parts[2], (int) Long.parseLong(parts[0], 16));
        }
        List<String> lines = new ArrayList<>(Files.readAllLines(RuleVector.FILE));
        for (int i = 0; i < vectors.size(); i++) {
            RuleVector vector = vectors.get(i);
            String hex =
                    HexFormat.of()
                            .formatHex(text, symbols.get("v" + i), symbols.get("v" + (i + 1)));
            lines.set(
                    vector.line() - 1,
                    String.join(
                            " | ",
                            vector.name(),
                            String.join(" ", vector.options()),
                            hex,
                            vector.assembly()));
        }
        Files.write(RuleVector.FILE, lines);
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
