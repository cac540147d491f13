// SPDX-License-Identifier: Apache-2.0

/**
 * Calls into the host's kernel: one method per call, one class per struct.
 *
 * <p>{@link org.linuxonlinux.host.HostCalls} is the only way from Java to the host kernel. It does
 * not go through libc: a few lines of machine code of our own execute the {@code syscall}
 * instruction and return the kernel's result, so that the error number is part of the return value
 * and can never be overwritten between the call and its reader. {@code NativeRoutines} is the one
 * class that knows which foreign-function library carries the calls.
 *
 * <p>Nothing here knows about guests. Every method may be called on any thread unless its comment
 * says otherwise; calls that belong to one host thread by the kernel's rules (ptrace, affinity) say
 * so. Raw addresses are host virtual addresses of this process and are named {@code hva}.
 *
 * <p>Governing texts: Linux man-pages section 2, Linux v6.1 {@code include/uapi}, System V ABI
 * AMD64 supplement 1.0.
 */
package org.linuxonlinux.host;
