// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

/**
 * The guest's instruction must fault with #GP(0): an unknown model-specific register, or reserved
 * bits in one. Thrown by the models, turned into the exception by the vCPU loop. Carries no stack,
 * since Linux probes dozens of registers at boot.
 */
public final class GeneralProtectionException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Always the same fault. */
    public GeneralProtectionException() {
        super("#GP(0)", null, false, false);
    }
}
