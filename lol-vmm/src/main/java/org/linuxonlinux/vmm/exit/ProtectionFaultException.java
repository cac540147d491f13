// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.vmm.cpu.Vector;

/** An emulated instruction raises #GP or, with another vector, #NP, #SS or #UD. */
final class ProtectionFaultException extends Exception {
    private static final long serialVersionUID = 1L;

    private final int vector;
    private final int errorCode;

    ProtectionFaultException(int errorCode) {
        this(Vector.GP, errorCode);
    }

    ProtectionFaultException(int vector, int errorCode) {
        super("errorCode=0x" + Integer.toHexString(errorCode), null, false, false);
        this.vector = vector;
        this.errorCode = errorCode;
    }

    int vector() {
        return vector;
    }

    int errorCode() {
        return errorCode;
    }
}
