// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * I/O ports that translated code serves itself, through the vCPU page, when they are accessed with
 * {@code in al,dx} and {@code out dx,al}. The monitor has the last word each time: see PORT_INPUT
 * and PORT_OUTPUT_ROOM of {@link org.linuxonlinux.gate.VcpuPageLayout}.
 *
 * @param input read from PORT_INPUT; -1 = none
 * @param output written to PORT_OUTPUT; -1 = none
 */
public record InlinePorts(int input, int output) {
    /** All port accesses are the monitor's. */
    public static final InlinePorts NONE = new InlinePorts(-1, -1);
}
