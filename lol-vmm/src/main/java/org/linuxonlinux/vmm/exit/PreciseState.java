// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;

/** Takes loaded registers back to the start of the instruction whose expansion was stopped. */
final class PreciseState {
    private PreciseState() {}

    /**
     * Restores the state from before the instruction. The flags follow the virtual IF, which the
     * expansion may have set already: an interrupt must not be taken before an STI or IRET that
     * only would enable it.
     */
    static void restore(int undo, VcpuPage page, GuestState state) {
        Undo.apply(undo, page, state);
        long virtualIf = page.get(VcpuPageLayout.VIRTUAL_IF);
        state.setRflags((state.rflags() & ~Rflags.IF) | virtualIf);
    }
}
