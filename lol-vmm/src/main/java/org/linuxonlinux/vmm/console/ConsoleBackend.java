// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

/** The far end of the guest's serial line, as the serial port sees it. */
public interface ConsoleBackend {
    /**
     * Takes one byte that the guest has transmitted. Called on the vCPU thread; returns at once
     * unless the reader of the output is more than 64 KB behind.
     */
    void transmit(byte value);

    /**
     * Names the receiver of typed bytes; until then none are read. Called once, before the guest
     * runs.
     */
    void attach(ConsoleInput input);
}
