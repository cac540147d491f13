// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

/** An access that the monitor makes on the guest's behalf met a page fault of the guest. */
public final class GuestPageFaultException extends Exception {
    private static final long serialVersionUID = 1L;

    private final long gva;
    private final int errorCode;

    GuestPageFaultException(long gva, int errorCode) {
        super("gva=0x" + Long.toHexString(gva) + ", errorCode=0x" + Integer.toHexString(errorCode));
        this.gva = gva;
        this.errorCode = errorCode;
    }

    /** The value for CR2. */
    public long gva() {
        return gva;
    }

    /** The page-fault error code (Intel SDM vol. 3A §4.7). */
    public int errorCode() {
        return errorCode;
    }
}
