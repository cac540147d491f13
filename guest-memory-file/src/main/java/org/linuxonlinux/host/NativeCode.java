// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * Generated machine code that runs in this process, on the calling thread.
 *
 * <p>The code is a System V function of up to six 64-bit integers that returns one in rax. It must
 * keep rbx, rbp, r12 to r15 and the stack, must not fault (the JVM owns SIGSEGV) and must return
 * soon: the garbage collector does not wait for it, but nothing can interrupt it either.
 */
public final class NativeCode implements AutoCloseable {
    private final NativeMemory memory;

    private NativeCode(NativeMemory memory) {
        this.memory = memory;
    }

    /** Copies the bytes into fresh pages, readable and executable, no longer writable. */
    public static NativeCode of(byte[] code) {
        NativeMemory memory = NativeMemory.allocate(code.length);
        memory.put(0, code, 0, code.length);
        memory.protect(HostAbi.PROT_READ | HostAbi.PROT_EXEC);
        return new NativeCode(memory);
    }

    /** Address of the first instruction. */
    public long hva() {
        return memory.hva();
    }

    /** Calls the code at its first byte without arguments. */
    public long call() {
        return NativeRoutines.call(memory.hva());
    }

    /** Calls the code at its first byte. */
    public long call(long a0) {
        return NativeRoutines.call(memory.hva(), a0, 0, 0);
    }

    /** Calls the code at its first byte. */
    public long call(long a0, long a1) {
        return NativeRoutines.call(memory.hva(), a0, a1, 0);
    }

    /** Calls the code at its first byte. */
    public long call(long a0, long a1, long a2) {
        return NativeRoutines.call(memory.hva(), a0, a1, a2);
    }

    /** Calls the code at its first byte. */
    public long call(long a0, long a1, long a2, long a3, long a4, long a5) {
        return NativeRoutines.call(memory.hva(), a0, a1, a2, a3, a4, a5);
    }

    /** Calls the code at a byte offset, for pages that hold several routines. */
    public long callAt(int offset, long a0, long a1, long a2) {
        return NativeRoutines.call(memory.hva() + offset, a0, a1, a2);
    }

    @Override
    public void close() {
        memory.close();
    }
}
