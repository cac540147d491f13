// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

/**
 * The guest's tables lead an access that the monitor makes for it (a stack, a descriptor, an
 * operand) to where there is no RAM. The guest's doing, and the end of it.
 */
public final class NotRamException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotRamException(long gva, long gpa) {
        super(
                String.format(
                        "stack, descriptor table or operand is not in RAM: gva=0x%x, gpa=0x%x",
                        gva, gpa));
    }
}
