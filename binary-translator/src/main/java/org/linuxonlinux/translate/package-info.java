// SPDX-License-Identifier: Apache-2.0
/**
 * Binary translation of guest kernel code, one basic block at a time, into a shared code cache
 * (DESIGN §3 and §4).
 *
 * <p>Runs in the monitor, on the vCPU's thread, while the vCPU is stopped. Works on the encoding of
 * guest instructions and knows nothing of their meaning beyond what the decoder's tables say; it
 * never touches guest memory except through {@link org.linuxonlinux.translate.GuestCode}, and never
 * the state of a vCPU. Reading order: {@code Translator} (what is where and what dies when), {@code
 * BlockEmitter} (the rules), {@code SideTable} (precise state), {@code CodeCache} and {@code
 * BranchTable} (the memory). The rules with their listings are in docs/translator.md.
 */
package org.linuxonlinux.translate;
