// SPDX-License-Identifier: Apache-2.0
/**
 * The user's end of the guest's serial line: raw terminal or plain pipes, escape sequences, batched
 * output.
 *
 * <p>Two daemon threads live here. <i>console-output</i> drains what the vCPU thread has
 * transmitted; <i>console-input</i> blocks in read(2) on standard input. No lock is held while
 * calling out of the package. Knows nothing of the UART: bytes come in by {@link
 * org.linuxonlinux.vmm.console.ConsoleBackend} and go out by {@link
 * org.linuxonlinux.vmm.console.ConsoleInput}.
 */
package org.linuxonlinux.vmm.console;
