// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * Offsets in what the host kernel passes to a 64-bit signal handler: the {@code ucontext} that RDX
 * points to and the {@code siginfo} at RSI.
 *
 * <p>Source: Linux v6.1 arch/x86/include/uapi/asm/{ucontext,sigcontext}.h,
 * include/uapi/asm-generic/siginfo.h. The vector registers lie at the address in {@link #FPU_STATE}
 * in the standard format of XSAVE, 64-byte aligned.
 */
public final class SignalFrame {
    /** Instruction pointer. */
    public static final int RIP = 168;

    /** Flags. */
    public static final int RFLAGS = 176;

    /** Code segment selector, 2 bytes. */
    public static final int CS = 184;

    /** Stack segment selector, 2 bytes. */
    public static final int SS = 190;

    /** Error code of a hardware exception. */
    public static final int ERROR_CODE = 192;

    /** Address of the vector registers. */
    public static final int FPU_STATE = 224;

    /** In siginfo: cause, 4 bytes. */
    public static final int SI_CODE = 8;

    /** In siginfo: faulting address; of SIGSYS, the address of the call. */
    public static final int SI_ADDRESS = 16;

    /** In siginfo of SIGSYS: AUDIT_ARCH_*, 4 bytes. */
    public static final int SI_ARCH = 28;

    private static final int[] GPR = {
        144, 152, 136, 128, 160, 120, 112, 104, 40, 48, 56, 64, 72, 80, 88, 96
    };

    private SignalFrame() {}

    /** Offset of a general-purpose register, 0-15 in encoding order. */
    public static int gpr(int number) {
        return GPR[number];
    }
}
