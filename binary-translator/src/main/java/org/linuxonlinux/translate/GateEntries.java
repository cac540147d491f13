// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.gate.GateCode;

/**
 * Gate stubs that translated code jumps to.
 *
 * @param exitHva saves the registers and waits for the monitor; reason and details are stored
 *     before
 * @param sysretHva the 64-bit sysret stub; STUB_GUEST_RIP is stored before
 * @param iretHva the iretq stub; STUB_GUEST_RIP is stored before
 * @param writeCr3Hva the stub for writes of CR3; STUB_GUEST_RIP, STUB_NEXT_RIP and NEW_CR3 are
 *     stored before; 0 = there is none
 */
public record GateEntries(long exitHva, long sysretHva, long iretHva, long writeCr3Hva) {
    /** The entries of generated gate code. */
    public static GateEntries of(GateCode gate) {
        return new GateEntries(
                gate.exitHva(), gate.sysretHva(), gate.iretHva(), gate.writeCr3Hva());
    }
}
