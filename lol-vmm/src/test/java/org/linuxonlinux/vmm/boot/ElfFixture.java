// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds a small ELF file that looks like a kernel: one segment, code, banner, exception table and
 * symbols.
 */
final class ElfFixture {
    static final long TEXT_GVA = 0xffff_ffff_8100_0000L;
    static final long TEXT_GPA = 0x100_0000;
    static final long TABLE_GVA = 0xffff_ffff_8200_0000L;
    static final String BANNER = "Linux version 6.1.0-test (someone@somewhere) #7 SMP";

    /**
     * {@code nop; ud2; int3} and an opcode that is undefined in 64-bit mode, padded with nops to a
     * page.
     */
    static final byte[] CODE = code();

    int machine = ElfFile.EM_X86_64;
    int elfClass = 2;
    int dataEncoding = 1;
    int type = ElfFile.ET_EXEC;
    long entryGpa = TEXT_GPA;
    long segmentGpa = TEXT_GPA;
    long memorySizeBytes = 0x3000;

    /** Instructions of the exception table, in the order of the table. */
    long[] tableInstructions = {TEXT_GVA + 8, TEXT_GVA + 2, TEXT_GVA + 4};

    boolean symbols = true;

    private record Part(String name, int type, long flags, long gva, byte[] bytes, int link) {}

    byte[] build() {
        List<Part> parts = new ArrayList<>();
        parts.add(new Part("", 0, 0, 0, new byte[0], 0));
        parts.add(new Part(".text", 1, 6, TEXT_GVA, CODE, 0));
        parts.add(
                new Part(
                        ".rodata",
                        1,
                        2,
                        TEXT_GVA + 0x1000,
                        ascii(
                                "Linux version %s\0Linux version 6.1.0-test weak #\0"
                                        + BANNER
                                        + "\n\0"),
                        0));
        parts.add(new Part("__ex_table", 1, 2, TABLE_GVA, table(), 0));
        parts.add(new Part(".bss", ElfFile.SHT_NOBITS, 3, TABLE_GVA + 0x1000, new byte[0], 0));
        if (symbols) {
            parts.add(new Part(".symtab", ElfFile.SHT_SYMTAB, 0, 0, symbolTable(), 6));
            parts.add(new Part(".strtab", 3, 0, 0, ascii("\0startup_64\0jiffies\0"), 0));
        }
        return write(parts);
    }

    private byte[] table() {
        ByteBuffer table =
                ByteBuffer.allocate(tableInstructions.length * 12).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < tableInstructions.length; i++) {
            table.putInt(i * 12, (int) (tableInstructions[i] - (TABLE_GVA + i * 12L)));
            table.putInt(i * 12 + 4, 0x1234);
        }
        return table.array();
    }

    private static byte[] symbolTable() {
        ByteBuffer table = ByteBuffer.allocate(3 * 24).order(ByteOrder.LITTLE_ENDIAN);
        table.putInt(24, 1).put(28, (byte) 0x12).putLong(32, TEXT_GVA).putLong(40, 16);
        table.putInt(48, 12).put(52, (byte) 0x11).putLong(56, TABLE_GVA + 0x1000).putLong(64, 8);
        return table.array();
    }

    private byte[] write(List<Part> parts) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        StringBuilder names = new StringBuilder();
        int start = 64 + 56;
        int headers = parts.size() + 1;
        ByteBuffer sections = ByteBuffer.allocate(headers * 64).order(ByteOrder.LITTLE_ENDIAN);
        int textOffset = 0;
        for (int i = 0; i <= parts.size(); i++) {
            boolean isNames = i == parts.size();
            String name = isNames ? ".shstrtab" : parts.get(i).name();
            int nameOffset = names.length();
            names.append(name).append('\0');
            byte[] bytes = isNames ? ascii(names.toString()) : parts.get(i).bytes();
            int offset = start + body.size();
            body.writeBytes(bytes);
            int at = i * 64;
            sections.putInt(at, nameOffset);
            sections.putInt(at + 4, isNames ? 3 : parts.get(i).type());
            sections.putLong(at + 8, isNames ? 0 : parts.get(i).flags());
            sections.putLong(at + 16, isNames ? 0 : parts.get(i).gva());
            sections.putLong(at + 24, offset);
            sections.putLong(at + 32, name.equals(".bss") ? 0x1000 : bytes.length);
            sections.putInt(at + 40, isNames ? 0 : parts.get(i).link());
            textOffset = name.equals(".text") ? offset : textOffset;
        }
        ByteBuffer file =
                ByteBuffer.allocate(start + body.size() + headers * 64)
                        .order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(0, 0x464c457f).put(4, (byte) elfClass).put(5, (byte) dataEncoding);
        file.putShort(16, (short) type).putShort(18, (short) machine).putLong(24, entryGpa);
        file.putLong(32, 64).putLong(40, start + body.size());
        file.putShort(54, (short) 56).putShort(56, (short) 1);
        file.putShort(58, (short) 64).putShort(60, (short) headers);
        file.putShort(62, (short) (headers - 1));
        file.putInt(64, ElfFile.PT_LOAD).putInt(68, 5).putLong(72, textOffset);
        file.putLong(80, TEXT_GVA).putLong(88, segmentGpa);
        file.putLong(96, CODE.length).putLong(104, memorySizeBytes);
        file.put(start, body.toByteArray());
        file.put(start + body.size(), sections.array());
        return file.array();
    }

    private static byte[] code() {
        byte[] code = new byte[0x1000];
        java.util.Arrays.fill(code, (byte) 0x90);
        code[1] = 0x0f; // ud2
        code[2] = 0x0b;
        code[3] = (byte) 0xcc; // int3
        code[4] = 0x06; // push %es: undefined in 64-bit mode
        return code;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
