// SPDX-License-Identifier: Apache-2.0

/**
 * Host processes under ptrace: start, stop, inspect, drive, end.
 *
 * <p>The traced process is a libc-free program of a few instructions ({@link
 * org.linuxonlinux.ptrace.StubProgram}) that does nothing but wait; what it becomes is up to the
 * tracer, which maps memory into it by remote system calls, sets registers and resumes it. The
 * package knows nothing of guests or machines and may be used alone.
 *
 * <p><b>Threads.</b> The kernel ties a tracee to the one host thread that attached. Every method of
 * {@link org.linuxonlinux.ptrace.TracedProcess} must be called on the thread that spawned it and
 * says so when it is not; only {@code kick} and {@code kill} may come from anywhere. When that
 * thread ends, or this process dies in any way, the kernel kills the traced process.
 *
 * <p><b>Waiting.</b> Only {@code wait4} for exactly this pid is used. The process has no exit
 * signal, so the Java runtime's own child watcher does not see it.
 *
 * <p>Source: ptrace(2) of man-pages 6.03; Linux v6.1 {@code kernel/ptrace.c} (behaviour only).
 */
package org.linuxonlinux.ptrace;
