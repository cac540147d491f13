// SPDX-License-Identifier: Apache-2.0
/**
 * A small x86-64 assembler: encoding only, no policy.
 *
 * <p>It emits the instructions that gate stubs and translated code need and no others. Operands are
 * in Intel order (destination first). It runs in the monitor, on whichever thread owns the {@link
 * org.linuxonlinux.asm.CodeBuffer}; nothing here is shared between threads. Governing document:
 * Intel SDM vol. 2.
 */
package org.linuxonlinux.asm;
