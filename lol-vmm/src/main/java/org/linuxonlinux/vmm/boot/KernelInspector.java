// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;

/** Facts about a kernel image for {@code lol inspect}. */
public final class KernelInspector {
    /**
     * Unknown instructions listed one by one; arbitrary: enough to see what they have in common.
     */
    private static final int EXAMPLE_LIMIT = 10;

    /** Bytes shown of an instruction that the decoder does not know. */
    private static final int EXAMPLE_SIZE = 8;

    private final KernelImage kernel;

    /**
     * What the decoder makes of an executable section, swept linearly. Data among the code
     * (padding, jump tables, the middle of {@code ud2}-based bug tables) counts as it decodes.
     *
     * @param section name of the section
     * @param sizeBytes its size
     * @param known instructions decoded
     * @param unknown byte positions at which no instruction was found; each advances the sweep by
     *     one byte
     * @param examples the first few unknown ones, {@code 0xaddress: bytes}
     */
    public record Sweep(
            String section, long sizeBytes, long known, long unknown, List<String> examples) {}

    /**
     * A line of the report.
     *
     * @param label what it tells
     * @param value the fact
     */
    public record Fact(String label, String value) {}

    /** Inspects {@code kernel}. */
    public KernelInspector(KernelImage kernel) {
        this.kernel = kernel;
    }

    /**
     * The whole report as lines, in reading order. Takes about a second: every instruction is
     * decoded.
     */
    public List<String> report() {
        List<String> lines = new ArrayList<>();
        for (Fact fact : facts()) {
            lines.add(String.format("%-18s %s", fact.label(), fact.value()));
        }
        lines.add("");
        lines.add(String.format("%-24s %-18s %12s", "section", "guest-virtual", "bytes"));
        for (ElfFile.Section s : kernel.elf().sections()) {
            if (s.gva() != 0 || s.isExecutable()) {
                lines.add(
                        String.format(
                                "%-24s 0x%016x %12d%s",
                                s.name(),
                                s.gva(),
                                s.sizeBytes(),
                                s.isExecutable() ? "  code" : ""));
            }
        }
        lines.add("");
        lines.add(String.format("%-24s %14s %14s", "decoder", "known", "unknown"));
        for (Sweep sweep : sweeps()) {
            lines.add(
                    String.format(
                            "%-24s %14d %14d", sweep.section(), sweep.known(), sweep.unknown()));
            for (String example : sweep.examples()) {
                lines.add("  " + example);
            }
        }
        return lines;
    }

    /** Everything that fits in a line. */
    public List<Fact> facts() {
        List<Fact> facts = new ArrayList<>();
        facts.add(new Fact("file", kernel.file().toString()));
        facts.add(new Fact("version", kernel.version()));
        kernel.setupHeader()
                .ifPresentOrElse(
                        h -> {
                            facts.add(new Fact("format", "bzImage"));
                            facts.add(new Fact("boot protocol", h.protocolName()));
                            facts.add(
                                    new Fact(
                                            "compression",
                                            kernel.compression().label()
                                                    + ", "
                                                    + h.payloadSizeBytes()
                                                    + " bytes to "
                                                    + kernel.elf().bytes().remaining()));
                            facts.add(
                                    new Fact(
                                            "command line",
                                            "up to " + h.commandLineLimit() + " bytes"));
                        },
                        () -> facts.add(new Fact("format", "ELF vmlinux")));
        facts.add(new Fact("entry", hex(kernel.entryGpa()) + " physical"));
        facts.add(
                new Fact(
                        "memory at start",
                        hex(kernel.startGpa())
                                + " to "
                                + hex(kernel.endGpa())
                                + " ("
                                + Mebibytes.of(kernel.endGpa() - kernel.startGpa())
                                + ")"));
        facts.add(new Fact("exception table", kernel.exceptionTable().length + " entries"));
        facts.add(new Fact("symbols", symbols()));
        return facts;
    }

    private String symbols() {
        List<ElfFile.Symbol> symbols = kernel.elf().symbols();
        if (symbols.isEmpty()) {
            return "none (stripped)";
        }
        long functions = symbols.stream().filter(s -> s.type() == ElfFile.STT_FUNC).count();
        return symbols.size() + ", " + functions + " of them functions";
    }

    /** Sweeps every executable section that has bytes. */
    public List<Sweep> sweeps() {
        List<Sweep> sweeps = new ArrayList<>();
        for (ElfFile.Section s : kernel.elf().sections()) {
            if (s.isExecutable() && s.type() != ElfFile.SHT_NOBITS) {
                sweeps.add(sweep(s));
            }
        }
        return sweeps;
    }

    private Sweep sweep(ElfFile.Section section) {
        ByteBuffer bytes = kernel.elf().bytes(section);
        byte[] code = new byte[bytes.remaining()];
        bytes.get(0, code);
        Instruction instruction = new Instruction();
        List<String> examples = new ArrayList<>();
        long known = 0;
        long unknown = 0;
        int at = 0;
        while (at < code.length) {
            int length = Decoder.decode(code, at, code.length, instruction);
            if (length > 0) {
                known++;
                at += length;
            } else {
                unknown++;
                if (examples.size() < EXAMPLE_LIMIT) {
                    examples.add(example(section.gva() + at, code, at));
                }
                at++;
            }
        }
        return new Sweep(section.name(), section.sizeBytes(), known, unknown, examples);
    }

    private static String example(long gva, byte[] code, int at) {
        StringBuilder text = new StringBuilder(hex(gva)).append(':');
        for (int i = at; i < Math.min(at + EXAMPLE_SIZE, code.length); i++) {
            text.append(String.format(" %02x", code[i]));
        }
        return text.toString();
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
