// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

/** The guest did something from which a machine does not come back, such as a triple fault. */
public final class GuestDiedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public GuestDiedException(String reason) {
        super(reason);
    }

    public GuestDiedException(String reason, Throwable cause) {
        super(reason, cause);
    }
}
