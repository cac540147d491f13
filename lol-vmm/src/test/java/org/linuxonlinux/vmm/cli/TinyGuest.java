// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * A kernel of a few instructions: an ELF file with one segment, entered in long mode with the first
 * 4 GB mapped onto themselves.
 *
 * <p>Its prologue maps physical memory at {@link #KERNEL_GVA} too, where Linux has its code, and
 * goes on there with interrupts off, no stack and no IDT.
 */
final class TinyGuest {
    /** Guest virtual address of physical address 0 after the prologue. */
    static final long KERNEL_GVA = 0xffff_ffff_8000_0000L;

    private static final int LOAD_GPA = 0x100_0000;
    private static final int HEADER_BYTES = 64 + 56;
    private static final int SEGMENT_BYTES = 0x1000;
    private static final int ET_EXEC = 2;
    private static final int EM_X86_64 = 62;
    private static final int PT_LOAD = 1;

    /** Copies entries 0 of the boot page tables to where the top 2 GB are looked up. */
    private static final String PROLOGUE =
            "0f 20 d8" //                   mov    %cr3,%rax
                    + "48 8b 18" //         mov    (%rax),%rbx
                    + "48 89 98 f8 0f 00 00" // mov    %rbx,0xff8(%rax)
                    + "48 81 e3 00 f0 ff ff" // and    $-4096,%rbx
                    + "48 8b 0b" //         mov    (%rbx),%rcx
                    + "48 89 8b f0 0f 00 00" // mov    %rcx,0xff0(%rbx)
                    + "48 c7 c1 2b 00 00 81" // mov    $body,%rcx
                    + "ff e1" //            jmp    *%rcx
                    + "0f 0b 0f 0b"; //     ud2; ud2

    /** Guest RIP of the first byte of the body. */
    static final long BODY_RIP = KERNEL_GVA + LOAD_GPA + 0x2b;

    private TinyGuest() {}

    /**
     * Writes the file.
     *
     * @param body machine code in hexadecimal, run at {@link #BODY_RIP}
     */
    static Path write(Path file, String body) throws IOException {
        byte[] code = HexFormat.of().parseHex((PROLOGUE + body).replace(" ", ""));
        ByteBuffer elf =
                ByteBuffer.allocate(HEADER_BYTES + SEGMENT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0x464c_457f).put((byte) 2).put((byte) 1).put((byte) 1);
        elf.position(16).putShort((short) ET_EXEC).putShort((short) EM_X86_64).putInt(1);
        elf.putLong(LOAD_GPA).putLong(64).putLong(0).putInt(0);
        elf.putShort((short) 64).putShort((short) 56).putShort((short) 1);
        elf.position(64).putInt(PT_LOAD).putInt(7).putLong(HEADER_BYTES);
        elf.putLong(KERNEL_GVA + LOAD_GPA).putLong(LOAD_GPA);
        elf.putLong(SEGMENT_BYTES).putLong(SEGMENT_BYTES).putLong(SEGMENT_BYTES);
        elf.put(code);
        return Files.write(file, elf.array());
    }

    /**
     * Starts a guest that ends after 20 seconds at the latest.
     *
     * @param directory for the kernel file
     */
    static LolProcess start(Path directory, String body) throws IOException {
        Path kernel = write(directory.resolve("guest.elf"), body);
        return LolProcess.startWithoutInput(
                "run", "-k", kernel.toString(), "-i", "none", "-m", "64M", "--timeout", "20");
    }
}
