// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

/** Tells a vCPU that an interrupt has become deliverable. */
@FunctionalInterface
public interface Kick {
    /**
     * Makes the vCPU look at {@link LocalApic#hasDeliverable()} soon: sets its pending flag and
     * wakes or stops it. Called on whatever thread raised the interrupt, including the vCPU's own,
     * and with the raising device's lock held: it must be quick and not call devices. May be called
     * more often than needed.
     */
    void kick();
}
