// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A 64-bit little-endian ELF file in memory: headers, sections and symbols (System V ABI chapters 4
 * and 5; the x86-64 supplement for {@code EM_X86_64}). Every offset is checked against the size of
 * the file when it is parsed, so the accessors cannot fail later.
 */
public final class ElfFile {
    /** {@code e_type} of a fixed-address executable. */
    static final int ET_EXEC = 2;

    /** {@code e_type} of a position-independent executable or shared object. */
    static final int ET_DYN = 3;

    /** {@code e_machine} of x86-64. */
    static final int EM_X86_64 = 62;

    /** {@code p_type} of a segment to load. */
    public static final int PT_LOAD = 1;

    /** {@code sh_type} of a section that has no bytes in the file. */
    static final int SHT_NOBITS = 8;

    /** {@code sh_type} of the symbol table. */
    static final int SHT_SYMTAB = 2;

    /** Symbol type of a function. */
    static final int STT_FUNC = 2;

    /** {@code sh_flags} bit of a section with machine instructions. */
    static final long SHF_EXECINSTR = 4;

    private static final int EI_CLASS = 4;
    private static final int EI_DATA = 5;
    private static final int ELFCLASS32 = 1;
    private static final int ELFDATA2LSB = 1;
    private static final int HEADER_SIZE = 64;
    private static final int PROGRAM_HEADER_SIZE = 56;
    private static final int SECTION_HEADER_SIZE = 64;
    private static final int SYMBOL_SIZE = 24;

    private final ByteBuffer file;
    private final List<Segment> segments;
    private final List<Section> sections;

    /**
     * A program header.
     *
     * @param type {@code p_type}
     * @param flags {@code p_flags}: 1 execute, 2 write, 4 read
     * @param offset position of the bytes in the file
     * @param gva {@code p_vaddr}
     * @param gpa {@code p_paddr}
     * @param fileSizeBytes bytes in the file
     * @param memorySizeBytes bytes in memory; the part beyond {@code fileSizeBytes} is zero
     */
    public record Segment(
            int type,
            int flags,
            int offset,
            long gva,
            long gpa,
            int fileSizeBytes,
            long memorySizeBytes) {}

    /**
     * A section header.
     *
     * @param name from the section name table
     * @param type {@code sh_type}
     * @param flags {@code sh_flags}
     * @param gva {@code sh_addr}
     * @param offset position of the bytes in the file
     * @param sizeBytes size; for {@code SHT_NOBITS} in memory only
     * @param link {@code sh_link}
     */
    public record Section(
            String name, int type, long flags, long gva, int offset, long sizeBytes, int link) {
        /** Whether the section holds machine instructions. */
        public boolean isExecutable() {
            return (flags & SHF_EXECINSTR) != 0;
        }
    }

    /**
     * A symbol.
     *
     * @param name from the string table
     * @param gva {@code st_value}
     * @param sizeBytes {@code st_size}
     * @param type low four bits of {@code st_info}: 1 object, 2 function, 3 section, 4 file
     */
    public record Symbol(String name, long gva, long sizeBytes, int type) {}

    private ElfFile(ByteBuffer file) {
        this.file = file;
        this.segments = readSegments();
        this.sections = readSections();
    }

    /** Whether the bytes begin with the ELF magic. */
    static boolean isElf(ByteBuffer bytes) {
        return bytes.remaining() >= 4
                && bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).getInt(bytes.position())
                        == 0x464c457f;
    }

    /**
     * Parses the headers of an ELF-64 x86-64 file.
     *
     * @throws KernelFormatException if it is something else or is cut short
     */
    static ElfFile parse(ByteBuffer bytes) throws KernelFormatException {
        ByteBuffer file = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        if (!isElf(file)) {
            throw new KernelFormatException("not an ELF file");
        }
        if (file.limit() < HEADER_SIZE) {
            throw new KernelFormatException("truncated ELF header: sizeBytes=" + file.limit());
        }
        if (file.get(EI_DATA) != ELFDATA2LSB) {
            throw new KernelFormatException("ELF file for another architecture: big-endian");
        }
        int machine = Short.toUnsignedInt(file.getShort(18));
        if (machine != EM_X86_64) {
            throw new KernelFormatException(
                    "ELF file for another architecture: "
                            + machineName(machine)
                            + ", expected x86-64");
        }
        if (file.get(EI_CLASS) == ELFCLASS32) {
            throw new KernelFormatException("32-bit ELF file, expected 64-bit");
        }
        try {
            return new ElfFile(file);
        } catch (IndexOutOfBoundsException e) {
            throw new KernelFormatException("truncated ELF file: sizeBytes=" + file.limit(), e);
        }
    }

    /** {@code e_type}. */
    int type() {
        return Short.toUnsignedInt(file.getShort(16));
    }

    /** {@code e_entry}. */
    public long entry() {
        return file.getLong(24);
    }

    /** The whole file. */
    public ByteBuffer bytes() {
        return file.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Program headers in file order. */
    public List<Segment> segments() {
        return segments;
    }

    /** Section headers in file order, the null section included. */
    public List<Section> sections() {
        return sections;
    }

    /** The first section of that name. */
    public Optional<Section> section(String name) {
        for (Section s : sections) {
            if (s.name().equals(name)) {
                return Optional.of(s);
            }
        }
        return Optional.empty();
    }

    /** The bytes of a section, little-endian; empty for {@code SHT_NOBITS}. */
    public ByteBuffer bytes(Section section) {
        return section.type() == SHT_NOBITS
                ? ByteBuffer.allocate(0)
                : slice(section.offset(), section.sizeBytes());
    }

    /** The bytes a segment has in the file, little-endian. */
    public ByteBuffer bytes(Segment segment) {
        return slice(segment.offset(), segment.fileSizeBytes());
    }

    /** All symbols, parsed anew at each call; empty for a stripped file. */
    public List<Symbol> symbols() {
        Optional<Section> table = sections.stream().filter(s -> s.type() == SHT_SYMTAB).findFirst();
        if (table.isEmpty() || table.get().link() >= sections.size()) {
            return List.of();
        }
        ByteBuffer entries = bytes(table.get());
        ByteBuffer names = bytes(sections.get(table.get().link()));
        List<Symbol> symbols = new ArrayList<>(entries.limit() / SYMBOL_SIZE);
        for (int at = 0; at + SYMBOL_SIZE <= entries.limit(); at += SYMBOL_SIZE) {
            symbols.add(
                    new Symbol(
                            string(names, entries.getInt(at)),
                            entries.getLong(at + 8),
                            entries.getLong(at + 16),
                            entries.get(at + 4) & 0xf));
        }
        return symbols;
    }

    private List<Segment> readSegments() {
        int tableOffset = offset(file.getLong(32));
        int entrySize = Short.toUnsignedInt(file.getShort(54));
        int count = entrySize < PROGRAM_HEADER_SIZE ? 0 : Short.toUnsignedInt(file.getShort(56));
        List<Segment> result = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            ByteBuffer h = slice(tableOffset + (long) i * entrySize, PROGRAM_HEADER_SIZE);
            int offset = offset(h.getLong(8));
            int fileSize = offset(h.getLong(32));
            slice(offset, fileSize);
            result.add(
                    new Segment(
                            h.getInt(0),
                            h.getInt(4),
                            offset,
                            h.getLong(16),
                            h.getLong(24),
                            fileSize,
                            h.getLong(40)));
        }
        return List.copyOf(result);
    }

    private List<Section> readSections() {
        int tableOffset = offset(file.getLong(40));
        int entrySize = Short.toUnsignedInt(file.getShort(58));
        int count =
                tableOffset == 0 || entrySize < SECTION_HEADER_SIZE
                        ? 0
                        : Short.toUnsignedInt(file.getShort(60));
        int namesIndex = Short.toUnsignedInt(file.getShort(62));
        if (count == 0 || namesIndex >= count) {
            return List.of();
        }
        ByteBuffer namesHeader =
                slice(tableOffset + (long) namesIndex * entrySize, SECTION_HEADER_SIZE);
        ByteBuffer names = slice(namesHeader.getLong(24), namesHeader.getLong(32));
        List<Section> result = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            ByteBuffer h = slice(tableOffset + (long) i * entrySize, SECTION_HEADER_SIZE);
            int type = h.getInt(4);
            long size = h.getLong(32);
            boolean inFile = type != SHT_NOBITS && type != 0;
            int offset = inFile ? offset(h.getLong(24)) : 0;
            if (inFile) {
                slice(offset, size);
            }
            result.add(
                    new Section(
                            string(names, h.getInt(0)),
                            type,
                            h.getLong(8),
                            h.getLong(16),
                            offset,
                            size,
                            h.getInt(40)));
        }
        return List.copyOf(result);
    }

    private int offset(long value) {
        if (value < 0 || value > file.limit()) {
            throw new IndexOutOfBoundsException(
                    "offset beyond the end: 0x" + Long.toHexString(value));
        }
        return (int) value;
    }

    private ByteBuffer slice(long offset, long sizeBytes) {
        if (sizeBytes < 0 || sizeBytes > file.limit()) {
            throw new IndexOutOfBoundsException(
                    "size beyond the end: 0x" + Long.toHexString(sizeBytes));
        }
        return file.slice(offset(offset), (int) sizeBytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static String string(ByteBuffer table, int offset) {
        if (offset < 0 || offset >= table.limit()) {
            return "";
        }
        int end = offset;
        while (end < table.limit() && table.get(end) != 0) {
            end++;
        }
        byte[] bytes = new byte[end - offset];
        table.get(offset, bytes);
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private static String machineName(int machine) {
        return switch (machine) {
            case 3 -> "i386 (32-bit)";
            case 8 -> "MIPS";
            case 20, 21 -> "PowerPC";
            case 22 -> "S/390";
            case 40 -> "ARM (32-bit)";
            case 183 -> "ARM64";
            case 243 -> "RISC-V";
            case 258 -> "LoongArch";
            default -> "e_machine=" + machine;
        };
    }
}
