// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

/** Where typed bytes go: the receive queue of the serial port. */
@FunctionalInterface
public interface ConsoleInput {
    /**
     * Offers bytes to the guest. Called on the thread <i>console-input</i>; must not block. What is
     * not taken is offered again some milliseconds later.
     *
     * @return how many of the bytes were taken, from the first on; 0 while the queue is full or the
     *     guest does not listen
     */
    int offer(byte[] bytes, int offset, int length);
}
