// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/**
 * What the guest can do to its whole machine. Called on a vCPU thread in the middle of an I/O
 * instruction; the machine stops after it.
 */
public interface MachineControl {
    /** The guest asks for a reset: a reboot, or the end of a panic. */
    void reset(String how);

    /** The guest has switched the machine off. */
    void powerOff();
}
