// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

/** The guest executed HLT with interrupts off: it has stopped for good. */
public final class GuestHaltedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    GuestHaltedException(long guestRip) {
        super(String.format("guest halted with interrupts off: guestRip=0x%x", guestRip));
    }
}
