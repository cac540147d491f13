// SPDX-License-Identifier: Apache-2.0

/**
 * The ways to catch a {@code syscall} of guest user code.
 *
 * <p>The package knows user code, its call sites and the gate; it knows nothing of guest page
 * tables, of the guest kernel or of who resumes a context process. See docs/system-calls.md.
 *
 * <p><b>Threads.</b> All objects belong to one vCPU and are used on its thread only.
 */
package org.linuxonlinux.redirect;
