// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kernels of a few instructions that write where the monitor has to help, in a real context
 * process. Each checks what it wrote through another mapping and halts; what is wrong ends in UD2
 * and status 255, what is done again for ever in the timeout's 124.
 */
final class KernelStoresIT {
    /**
     * Clears CR0.WP and writes to a user page that is read-only: one MOV, then REP STOS. The page
     * is GPA 0x2003000, mapped at 0x5555_5540_0000.
     */
    private static final String UNPROTECTED =
            "0f 20 d8" // mov %cr3,%rax
                    + "48 05 00 00 00 80" // add $0xffffffff80000000,%rax
                    + "48 c7 c2 00 00 00 82" // mov $0xffffffff82000000,%rdx
                    + "48 c7 80 50 05 00 00 07 00 00 02" // movq $0x2000007,0x550(%rax)
                    + "48 c7 82 a8 0a 00 00 07 10 00 02" // movq $0x2001007,0xaa8(%rdx)
                    + "48 c7 82 50 15 00 00 07 20 00 02" // movq $0x2002007,0x1550(%rdx)
                    + "48 c7 82 00 20 00 00 05 30 00 02" // movq $0x2003005,0x2000(%rdx)
                    + "48 bf 00 00 40 55 55 55 00 00" // movabs $0x555555400000,%rdi
                    + "48 8b 0f" // mov (%rdi),%rcx
                    + "0f 20 c1" // mov %cr0,%rcx
                    + "0f ba f1 10" // btr $0x10,%ecx
                    + "0f 22 c1" // mov %rcx,%cr0
                    + "c7 07 78 56 34 12" // movl $0x12345678,(%rdi)
                    + "81 ba 00 30 00 00 78 56 34 12" // cmpl $0x12345678,0x3000(%rdx)
                    + "75 14" // jne 0x79
                    + "b0 77" // mov $0x77,%al
                    + "b9 10 00 00 00" // mov $0x10,%ecx
                    + "f3 aa" // rep stos %al,%es:(%rdi)
                    + "80 ba 0f 30 00 00 77" // cmpb $0x77,0x300f(%rdx)
                    + "75 02" // jne 0x79
                    + "fa" // cli
                    + "f4" // hlt
                    + "0f 0b"; // ud2

    /** SGDT over a MOVABS that has run before: the new one must run then. */
    private static final String MONITOR_WRITES_CODE =
            "4c 8d 05 02 00 00 00" // lea 0x2(%rip),%r8
                    + "eb 2a" // jmp 0x33
                    + "0f 01 15 30 00 00 00" // lgdt 0x30(%rip)
                    + "0f 01 05 1c 00 00 00" // sgdt 0x1c(%rip)
                    + "4c 8d 05 02 00 00 00" // lea 0x2(%rip),%r8
                    + "eb 13" // jmp 0x33
                    + "48 b9 78 56 34 12 80 88 ff ff" // movabs $0xffff888012345678,%rcx
                    + "48 39 c8" // cmp %rcx,%rax
                    + "75 02" // jne 0x31
                    + "fa" // cli
                    + "f4" // hlt
                    + "0f 0b" // ud2
                    + "48 b8 11 11 11 11 11 11 11 11" // movabs $0x1111111111111111,%rax
                    + "41 ff e0" // jmp *%r8
                    + "48 b8 78 56 34 12 80 88 ff ff"; // data

    /**
     * REP MOVSB and MOVs of each size to GPA 0x2003000, mapped where the branch table lies:
     * 0x7bfb_8000_0000. This is what text_poke does at a random address.
     */
    private static final String BELOW_THE_GATE =
            "0f 20 d8" // mov %cr3,%rax
                    + "48 05 00 00 00 80" // add $0xffffffff80000000,%rax
                    + "48 c7 c2 00 00 00 82" // mov $0xffffffff82000000,%rdx
                    + "48 c7 80 b8 07 00 00 07 00 00 02" // movq $0x2000007,0x7b8(%rax)
                    + "48 c7 82 70 0f 00 00 07 10 00 02" // movq $0x2001007,0xf70(%rdx)
                    + "48 c7 82 00 10 00 00 07 20 00 02" // movq $0x2002007,0x1000(%rdx)
                    + "48 c7 82 00 20 00 00 03 30 00 02" // movq $0x2003003,0x2000(%rdx)
                    + "48 bf 00 00 00 80 fb 7b 00 00" // movabs $0x7bfb80000000,%rdi
                    + "48 8d 35 51 00 00 00" // lea 0x51(%rip),%rsi
                    + "b9 05 00 00 00" // mov $0x5,%ecx
                    + "f3 a4" // rep movsb %ds:(%rsi),%es:(%rdi)
                    + "c6 07 66" // movb $0x66,(%rdi)
                    + "b8 77 88 00 00" // mov $0x8877,%eax
                    + "66 89 47 01" // mov %ax,0x1(%rdi)
                    + "c7 47 03 99 aa bb cc" // movl $0xccbbaa99,0x3(%rdi)
                    + "48 8b 05 30 00 00 00" // mov 0x30(%rip),%rax
                    + "48 89 47 07" // mov %rax,0x7(%rdi)
                    + "48 39 82 0c 30 00 00" // cmp %rax,0x300c(%rdx)
                    + "75 21" // jne 0x9c
                    + "48 b9 11 22 33 44 55 66 77 88" // movabs $0x8877665544332211,%rcx
                    + "48 39 8a 00 30 00 00" // cmp %rcx,0x3000(%rdx)
                    + "75 0e" // jne 0x9c
                    + "81 ba 08 30 00 00 99 aa bb cc" // cmpl $0xccbbaa99,0x3008(%rdx)
                    + "75 02" // jne 0x9c
                    + "fa" // cli
                    + "f4" // hlt
                    + "0f 0b" // ud2
                    + "11 22 33 44 55 01 02 03 04"; // data

    private static final Duration LIMIT = Duration.ofMinutes(1);

    @TempDir Path directory;

    private void runsToItsEnd(String body) throws Exception {
        try (LolProcess lol = TinyGuest.start(directory, body)) {
            assertEquals(ExitStatus.OK.code(), lol.exitStatus(LIMIT), lol::transcript);
        }
    }

    @Test
    void clearedWriteProtectLetsTheKernelWriteReadOnlyUserPages() throws Exception {
        runsToItsEnd(UNPROTECTED);
    }

    @Test
    void codeThatTheMonitorWritesForTheGuestIsTranslatedAnew() throws Exception {
        runsToItsEnd(MONITOR_WRITES_CODE);
    }

    @Test
    void theKernelWritesToALowerHalfPageThatTheBranchTableHides() throws Exception {
        runsToItsEnd(BELOW_THE_GATE);
    }
}
