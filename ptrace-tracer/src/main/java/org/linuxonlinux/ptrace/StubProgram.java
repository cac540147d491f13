// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.linuxonlinux.host.CodeListing;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;

/**
 * The program a traced process starts with: a static ELF file of one page, in a memfd.
 *
 * <pre>
 *   offset 0x000  ELF header, program headers
 *          0x100  entry: ask for SIGKILL at the parent's death; parent changed? exit; pause for ever or
 * go on with code of the caller's
 *          0x200  syscall; int3     where remote system calls run
 *          0x300  process name
 * </pre>
 *
 * <p>The page is mapped readable and executable at the address given. No libc, no stack use, no
 * thread-local storage, no restartable-sequence registration: everything but this page may be
 * unmapped. One object serves any number of processes.
 */
public final class StubProgram implements AutoCloseable {
    /** Length of the program's only page. */
    public static final int SIZE_BYTES = HostAbi.PAGE_SIZE;

    private static final int ENTRY_OFFSET = 0x100;
    private static final int SYSCALL_OFFSET = 0x200;
    private static final int NAME_OFFSET = 0x300;

    /** TASK_COMM_LEN of the kernel. */
    private static final int MAX_NAME_BYTES = 15;

    private static final int ELF_HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int PT_LOAD = 1;
    private static final int PT_GNU_STACK = 0x6474e551;
    private static final int PF_X = 1;
    private static final int PF_W = 2;
    private static final int PF_R = 4;
    private static final byte INT3 = (byte) 0xcc;

    /**
     * Entered from the kernel's exec. Leaves to what stands behind it. Clobbers rax, rcx, rdx, rsi,
     * rdi, r11. RFLAGS changed. Stack untouched. No faults inside.
     */
    static final String ENTRY =
            """
            bf 01 00 00 00  | mov edi, 1 (PR_SET_PDEATHSIG)
            be 09 00 00 00  | mov esi, 9 (SIGKILL)
            b8 9d 00 00 00  | mov eax, 157 (prctl)
            0f 05           | syscall
            b8 6e 00 00 00  | mov eax, 110 (getppid)
            0f 05           | syscall
            3d 00 00 00 00  | cmp eax, 0 (the expected parent)
            74 0e           | je start
            bf 01 00 00 00  | mov edi, 1
            b8 e7 00 00 00  | mov eax, 231 (exit_group)
            0f 05           | syscall
            0f 0b           | ud2
            """;

    /** Behind {@link #ENTRY}. Leaves to nowhere: the tracer takes over at any instruction. */
    static final String PARK =
            """
            b8 22 00 00 00  | park: mov eax, 34 (pause)
            0f 05           | syscall
            eb f7           | jmp park
            """;

    /** Position of the operand that holds the expected parent in {@link #ENTRY}. */
    private static final int EXPECTED_PARENT_OFFSET = 25;

    /** Entered by the tracer with all registers set. Leaves to the tracer by SIGTRAP. */
    static final String REMOTE_SYSCALL =
            """
            0f 05           | syscall
            cc              | int3
            """;

    private final long stubHva;
    private final HostFile file;

    private StubProgram(long stubHva, HostFile file) {
        this.stubHva = stubHva;
        this.file = file;
    }

    /**
     * Builds a program that waits for its tracer.
     *
     * @param stubHva where its page lies in the process; page-aligned, lower half
     * @param name what {@code ps} shows; at most 15 bytes are kept
     */
    public static StubProgram create(long stubHva, String name) {
        return create(stubHva, name, CodeListing.assemble(PARK));
    }

    /**
     * Builds a program that goes its own way once it is known to die with its parent.
     *
     * @param start position-independent code
     */
    public static StubProgram create(long stubHva, String name, byte[] start) {
        byte[] image = image(stubHva, HostCalls.getpid(), name, start);
        HostFile file = HostFile.executableMemfd(name);
        file.writeFully(image);
        return new StubProgram(stubHva, file);
    }

    /** The ELF file's bytes. */
    static byte[] image(long stubHva, int expectedParentPid, String name, byte[] start) {
        ByteBuffer image = ByteBuffer.allocate(SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        java.util.Arrays.fill(image.array(), ENTRY_OFFSET, SIZE_BYTES, INT3);
        putElfHeader(image, stubHva + ENTRY_OFFSET);
        putProgramHeader(image, PT_LOAD, PF_R | PF_X, stubHva, SIZE_BYTES);
        putProgramHeader(image, PT_GNU_STACK, PF_R | PF_W, 0, 0);
        byte[] entry = CodeListing.assemble(ENTRY);
        if (entry.length + start.length > SYSCALL_OFFSET - ENTRY_OFFSET) {
            throw new IllegalArgumentException("start code too long: sizeBytes=" + start.length);
        }
        image.position(ENTRY_OFFSET).put(entry).put(start);
        image.putInt(ENTRY_OFFSET + EXPECTED_PARENT_OFFSET, expectedParentPid);
        image.position(SYSCALL_OFFSET).put(CodeListing.assemble(REMOTE_SYSCALL));
        byte[] nameBytes = name.getBytes(StandardCharsets.US_ASCII);
        image.position(NAME_OFFSET);
        image.put(nameBytes, 0, Math.min(nameBytes.length, MAX_NAME_BYTES)).put((byte) 0);
        return image.array();
    }

    /** Source: System V gABI, chapter 4, "ELF Header". */
    private static void putElfHeader(ByteBuffer image, long entryHva) {
        image.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}).putLong(0);
        image.putShort((short) 2); // e_type = ET_EXEC
        image.putShort((short) 62); // e_machine = EM_X86_64
        image.putInt(1); // e_version
        image.putLong(entryHva); // e_entry
        image.putLong(ELF_HEADER_BYTES); // e_phoff
        image.putLong(0); // e_shoff
        image.putInt(0); // e_flags
        image.putShort((short) ELF_HEADER_BYTES);
        image.putShort((short) PROGRAM_HEADER_BYTES);
        image.putShort((short) 2); // e_phnum
        image.putShort((short) 64); // e_shentsize
        image.putShort((short) 0); // e_shnum
        image.putShort((short) 0); // e_shstrndx
    }

    private static void putProgramHeader(
            ByteBuffer image, int type, int flags, long hva, long sizeBytes) {
        image.putInt(type).putInt(flags);
        image.putLong(0); // p_offset
        image.putLong(hva).putLong(hva); // p_vaddr, p_paddr
        image.putLong(sizeBytes).putLong(sizeBytes); // p_filesz, p_memsz
        image.putLong(HostAbi.PAGE_SIZE); // p_align
    }

    /** The ELF file. */
    public HostFile file() {
        return file;
    }

    /** The program's page. */
    public HvaRange range() {
        return new HvaRange(stubHva, SIZE_BYTES);
    }

    /** Where {@code syscall; int3} stands. */
    public long syscallHva() {
        return stubHva + SYSCALL_OFFSET;
    }

    /** Where the name stands, with a zero byte behind it. */
    public long nameHva() {
        return stubHva + NAME_OFFSET;
    }

    /** Closes the memfd; processes already started keep their page. */
    @Override
    public void close() {
        file.close();
    }
}
