// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.util.List;

/**
 * Carries interrupt messages to the local APICs they address: from the I/O APIC, and later from
 * message-signalled interrupts. Any thread.
 */
public final class ApicBus {
    /** Deliver to the vector given. */
    public static final int DELIVERY_FIXED = 0;

    /** As fixed; any one of the addressed APICs. */
    public static final int DELIVERY_LOWEST_PRIORITY = 1;

    private final List<LocalApic> apics;

    /** A bus of all local APICs of the machine. */
    public ApicBus(List<LocalApic> apics) {
        this.apics = List.copyOf(apics);
    }

    /**
     * Delivers one message. Modes other than fixed and lowest priority (SMI, NMI, INIT, ExtINT) are
     * dropped: nothing on this machine's wires produces them.
     *
     * @param destination 8-bit APIC ID, or logical destination
     * @param logical whether the destination is logical
     * @param deliveryMode a {@code DELIVERY_} constant
     * @param vector interrupt vector
     * @param level whether the local APIC is to broadcast the EOI
     */
    public void deliver(
            int destination, boolean logical, int deliveryMode, int vector, boolean level) {
        if (deliveryMode > DELIVERY_LOWEST_PRIORITY) {
            return;
        }
        for (LocalApic apic : apics) {
            if (apic.isAddressed(destination, logical)) {
                apic.raise(vector, level);
                if (deliveryMode == DELIVERY_LOWEST_PRIORITY) {
                    return;
                }
            }
        }
    }
}
