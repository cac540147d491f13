// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

/** One wire from a device to an interrupt controller. Any thread. */
@FunctionalInterface
public interface InterruptLine {
    /** Sets the level; the controller derives edges. */
    void set(boolean asserted);
}
