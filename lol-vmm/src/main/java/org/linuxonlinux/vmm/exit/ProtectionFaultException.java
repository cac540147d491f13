// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

/** An emulated instruction raises #GP. */
final class ProtectionFaultException extends Exception {
    private static final long serialVersionUID = 1L;

    private final int errorCode;

    ProtectionFaultException(int errorCode) {
        super("errorCode=0x" + Integer.toHexString(errorCode), null, false, false);
        this.errorCode = errorCode;
    }

    int errorCode() {
        return errorCode;
    }
}
