// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import com.kenai.jffi.CallContext;
import com.kenai.jffi.CallingConvention;
import com.kenai.jffi.Invoker;
import com.kenai.jffi.MemoryIO;
import com.kenai.jffi.PageManager;
import com.kenai.jffi.Type;
import java.nio.ByteBuffer;

/**
 * The bridge to machine code: the only class that names the foreign-function library.
 *
 * <p>At class initialisation one page is filled with the routines below and made executable. All of
 * them follow the System V calling convention, take and return 64-bit integers, use no stack and
 * touch no libc state.
 */
final class NativeRoutines {
    private static final Invoker INVOKER = Invoker.getInstance();
    private static final MemoryIO MEMORY = MemoryIO.getInstance();

    private static final CallContext[] CONTEXT_BY_ARGUMENT_COUNT = callContexts();
    private static final CallContext L0 = CONTEXT_BY_ARGUMENT_COUNT[0];
    private static final CallContext L3 = CONTEXT_BY_ARGUMENT_COUNT[3];
    private static final CallContext L5 = CONTEXT_BY_ARGUMENT_COUNT[5];
    private static final CallContext L6 = CONTEXT_BY_ARGUMENT_COUNT[6];

    /** In: rdi = number, rsi rdx rcx r8 r9 = arguments 0 to 4. Out: rax = the kernel's result. */
    static final String SYSCALL_5 =
            """
            48 89 f8        | mov rax, rdi
            48 89 f7        | mov rdi, rsi
            48 89 d6        | mov rsi, rdx
            48 89 ca        | mov rdx, rcx
            4d 89 c2        | mov r10, r8
            4d 89 c8        | mov r8, r9
            45 31 c9        | xor r9d, r9d
            0f 05           | syscall
            c3              | ret
            """;

    /**
     * In: rdi = address, rsi = length, rdx = protection in the low and flags in the high half, rcx
     * = file, r8 = offset. Out: rax = result. Six arguments in five registers: no memory is needed.
     */
    static final String MMAP =
            """
            4d 89 c1        | mov r9, r8
            49 89 c8        | mov r8, rcx
            49 89 d2        | mov r10, rdx
            49 c1 ea 20     | shr r10, 32
            89 d2           | mov edx, edx
            b8 09 00 00 00  | mov eax, 9
            0f 05           | syscall
            c3              | ret
            """;

    /**
     * In: rdi = list of calls, rsi = clone flags, rdx = where the kernel stores the pid fd. Out:
     * rax = pid or negative error number. The child shares this process's memory and runs on the
     * caller's stack, which it does not use, until its last call executes a new program; see {@link
     * ChildProgram}. Callers block every signal around the call.
     *
     * <p>The list: word 0 = number of calls, word 1 = index of the call that failed; then records
     * of eight words: number, six arguments, result.
     */
    static final String SPAWN =
            """
            49 89 f9        | mov r9, rdi
            48 89 f7        | mov rdi, rsi
            31 f6           | xor esi, esi
            45 31 d2        | xor r10d, r10d
            45 31 c0        | xor r8d, r8d
            b8 38 00 00 00  | mov eax, 56
            0f 05           | syscall
            85 c0           | test eax, eax
            74 01           | jz child
            c3              | ret
            4c 89 cb        | child: mov rbx, r9
            48 8b 2b        | mov rbp, [rbx]
            45 31 e4        | xor r12d, r12d
            4c 8d 6b 10     | lea r13, [rbx+16]
            49 39 ec        | next: cmp r12, rbp
            73 30           | jae done
            49 8b 45 00     | mov rax, [r13]
            49 8b 7d 08     | mov rdi, [r13+8]
            49 8b 75 10     | mov rsi, [r13+16]
            49 8b 55 18     | mov rdx, [r13+24]
            4d 8b 55 20     | mov r10, [r13+32]
            4d 8b 45 28     | mov r8, [r13+40]
            4d 8b 4d 30     | mov r9, [r13+48]
            0f 05           | syscall
            49 89 45 38     | mov [r13+56], rax
            48 85 c0        | test rax, rax
            78 09           | js done
            49 ff c4        | inc r12
            49 83 c5 40     | add r13, 64
            eb cb           | jmp next
            4c 89 63 08     | done: mov [rbx+8], r12
            bf 7f 00 00 00  | mov edi, 127
            b8 e7 00 00 00  | mov eax, 231
            0f 05           | syscall
            0f 0b           | ud2
            """;

    private static final long SYSCALL_5_HVA;
    private static final long MMAP_HVA;
    private static final long SPAWN_HVA;

    static {
        PageManager pages = PageManager.getInstance();
        long hva = pages.allocatePages(1, PageManager.PROT_READ | PageManager.PROT_WRITE);
        if (hva == 0 || hva == -1) {
            throw new IllegalStateException("cannot allocate the page of the host-call routines");
        }
        MEMORY.setMemory(hva, pages.pageSize(), (byte) 0xcc);
        long end = hva;
        SYSCALL_5_HVA = end;
        end = place(end, SYSCALL_5);
        MMAP_HVA = end;
        end = place(end, MMAP);
        SPAWN_HVA = end;
        place(end, SPAWN);
        pages.protectPages(hva, 1, PageManager.PROT_READ | PageManager.PROT_EXEC);
    }

    private NativeRoutines() {}

    private static CallContext[] callContexts() {
        CallContext[] contexts = new CallContext[7];
        for (int count = 0; count < contexts.length; count++) {
            Type[] parameters = new Type[count];
            java.util.Arrays.fill(parameters, Type.SINT64);
            contexts[count] =
                    CallContext.getCallContext(
                            Type.SINT64, parameters, CallingConvention.DEFAULT, false);
        }
        return contexts;
    }

    private static long place(long hva, String listing) {
        byte[] code = CodeListing.assemble(listing);
        MEMORY.putByteArray(hva, code, 0, code.length);
        return (hva + code.length + 15) & -16;
    }

    /**
     * A system call with up to five arguments; the kernel's result, negative error number or not.
     */
    static long syscall(long number, long a0, long a1, long a2, long a3, long a4) {
        return INVOKER.invokeL6NoErrno(L6, SYSCALL_5_HVA, number, a0, a1, a2, a3, a4);
    }

    static long mmap(
            long hva, long sizeBytes, int protection, int flags, long fd, long offsetBytes) {
        return INVOKER.invokeL5NoErrno(
                L5,
                MMAP_HVA,
                hva,
                sizeBytes,
                (protection & 0xffff_ffffL) | (long) flags << 32,
                fd,
                offsetBytes);
    }

    static long spawn(long callListHva, long cloneFlags, long pidFdHva) {
        return INVOKER.invokeL3NoErrno(L3, SPAWN_HVA, callListHva, cloneFlags, pidFdHva);
    }

    static long call(long codeHva) {
        return INVOKER.invokeL0NoErrno(L0, codeHva);
    }

    static long call(long codeHva, long a0, long a1, long a2) {
        return INVOKER.invokeL3NoErrno(L3, codeHva, a0, a1, a2);
    }

    static long call(long codeHva, long a0, long a1, long a2, long a3, long a4, long a5) {
        return INVOKER.invokeL6NoErrno(L6, codeHva, a0, a1, a2, a3, a4, a5);
    }

    static MemoryIO memory() {
        return MEMORY;
    }

    /** A little-endian view; at most 2^31 - 1 bytes. The caller keeps the mapping alive. */
    static ByteBuffer view(long hva, long sizeBytes) {
        return MEMORY.newDirectByteBuffer(hva, Math.toIntExact(sizeBytes))
                .order(java.nio.ByteOrder.LITTLE_ENDIAN);
    }
}
