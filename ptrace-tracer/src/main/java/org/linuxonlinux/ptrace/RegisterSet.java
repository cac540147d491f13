// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import org.linuxonlinux.host.NativeMemory;

/**
 * {@code struct user_regs_struct}: the integer registers of a stopped process, 27 words.
 *
 * <p>Filled by {@link TracedProcess#getRegisters}, written back by {@link
 * TracedProcess#setRegisters}; reused for every stop, no access allocates. Word indices are those
 * of the struct; {@link #getGpr} takes the register number of instruction encodings instead.
 *
 * <p>Source: Linux v6.1 {@code arch/x86/include/asm/user_64.h}. A test compares the indices with
 * the host's C header.
 */
public final class RegisterSet implements AutoCloseable {
    public static final int R15 = 0;
    public static final int R14 = 1;
    public static final int R13 = 2;
    public static final int R12 = 3;
    public static final int RBP = 4;
    public static final int RBX = 5;
    public static final int R11 = 6;
    public static final int R10 = 7;
    public static final int R9 = 8;
    public static final int R8 = 9;
    public static final int RAX = 10;
    public static final int RCX = 11;
    public static final int RDX = 12;
    public static final int RSI = 13;
    public static final int RDI = 14;
    public static final int ORIG_RAX = 15;
    public static final int RIP = 16;
    public static final int CS = 17;
    public static final int EFLAGS = 18;
    public static final int RSP = 19;
    public static final int SS = 20;
    public static final int FS_BASE = 21;
    public static final int GS_BASE = 22;
    public static final int DS = 23;
    public static final int ES = 24;
    public static final int FS = 25;
    public static final int GS = 26;

    /** Number of words in the struct. */
    public static final int WORD_COUNT = 27;

    /** {@link #getGpr}'s order, that of x86 instruction encodings, as struct indices. */
    private static final int[] INDEX_BY_ENCODING = {
        RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15
    };

    /** Offset of a {@code struct iovec} behind the words. */
    private static final int IOVEC_OFFSET = WORD_COUNT * 8;

    private static final int IOVEC_BYTES = 16;

    private final NativeMemory memory = NativeMemory.allocate(IOVEC_OFFSET + IOVEC_BYTES);

    /** An empty set. */
    public RegisterSet() {}

    long hva() {
        return memory.hva();
    }

    /** Address of a {@code struct iovec} that spans the words before one of them. */
    long iovecOfWordsBefore(int index) {
        memory.putLong(IOVEC_OFFSET, memory.hva());
        memory.putLong(IOVEC_OFFSET + 8, index * 8L);
        return memory.hva() + IOVEC_OFFSET;
    }

    /** Word of the struct, by one of the constants of this class. */
    public long getRaw(int index) {
        return memory.getLong(index << 3);
    }

    /** Stores a word of the struct. */
    public void setRaw(int index, long value) {
        memory.putLong(index << 3, value);
    }

    /** General register by encoding number: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, … 15 r15. */
    public long getGpr(int encoding) {
        return getRaw(INDEX_BY_ENCODING[encoding]);
    }

    /** Stores a general register by encoding number. */
    public void setGpr(int encoding, long value) {
        setRaw(INDEX_BY_ENCODING[encoding], value);
    }

    /** Copies all words of another set. */
    public void copyFrom(RegisterSet other) {
        for (int index = 0; index < WORD_COUNT; index++) {
            setRaw(index, other.getRaw(index));
        }
    }

    /** RIP. */
    public long rip() {
        return getRaw(RIP);
    }

    /** Sets RIP. */
    public void setRip(long hostRip) {
        setRaw(RIP, hostRip);
    }

    /** RSP. */
    public long rsp() {
        return getRaw(RSP);
    }

    /** Sets RSP. */
    public void setRsp(long hva) {
        setRaw(RSP, hva);
    }

    /** RAX. */
    public long rax() {
        return getRaw(RAX);
    }

    /** Sets RAX. */
    public void setRax(long value) {
        setRaw(RAX, value);
    }

    /** RFLAGS. */
    public long rflags() {
        return getRaw(EFLAGS);
    }

    /** Sets RFLAGS; the kernel keeps the bits user mode may not change. */
    public void setRflags(long value) {
        setRaw(EFLAGS, value);
    }

    /** Number of the system call at whose entry the process stands; -1 outside system calls. */
    public long origRax() {
        return getRaw(ORIG_RAX);
    }

    /**
     * Sets the system-call number. Set -1 whenever RIP is moved away from an interrupted system
     * call, or the kernel rewinds RIP by two bytes to restart it.
     */
    public void setOrigRax(long number) {
        setRaw(ORIG_RAX, number);
    }

    /** FS base. */
    public long fsBase() {
        return getRaw(FS_BASE);
    }

    /** Sets the FS base; must lie below {@link TracedProcess#TASK_END_HVA} to be written. */
    public void setFsBase(long hva) {
        setRaw(FS_BASE, hva);
    }

    /** GS base. */
    public long gsBase() {
        return getRaw(GS_BASE);
    }

    /** Sets the GS base; must lie below {@link TracedProcess#TASK_END_HVA} to be written. */
    public void setGsBase(long hva) {
        setRaw(GS_BASE, hva);
    }

    @Override
    public void close() {
        memory.close();
    }

    @Override
    public String toString() {
        String[] names = {
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
            "r13", "r14", "r15"
        };
        StringBuilder text = new StringBuilder(512);
        text.append(String.format("rip=0x%x rflags=0x%x", rip(), rflags()));
        for (int encoding = 0; encoding < names.length; encoding++) {
            text.append(String.format(" %s=0x%x", names[encoding], getGpr(encoding)));
        }
        text.append(
                String.format(
                        " orig_rax=0x%x fs_base=0x%x gs_base=0x%x", origRax(), fsBase(), gsBase()));
        return text.toString();
    }
}
