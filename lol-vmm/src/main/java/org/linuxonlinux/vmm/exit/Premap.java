// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.DamagedPageException;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Has the iret stub map the page that the guest's page-fault handler was called for, when it
 * returns to user mode, so that the access does not fault a second time.
 *
 * <p>What the stub has mapped is entered in the {@link Mmu} at the next stop. Nothing can happen to
 * the page in between: from the stub on, user code runs, and every way out of it is a stop.
 */
final class Premap {
    private final VcpuPage page;
    private final Mmu mmu;
    private final Translator translator;
    private final boolean enabled;

    /**
     * @param enabled whether the stub has what it needs in the context process
     */
    Premap(VcpuPage page, Mmu mmu, Translator translator, boolean enabled) {
        this.page = page;
        this.mmu = mmu;
        this.translator = translator;
        this.enabled = enabled;
    }

    /** User mode took a page fault at this address. */
    void onUserPageFault(long gva) {
        page.set(VcpuPageLayout.PREMAP_GVA, enabled && mmu.canPremap(gva) ? gva & -4096L : 0);
    }

    /** A kernel page was mapped, maybe where the page wanted would be. */
    void onKernelPageMapped() {
        long gva = page.get(VcpuPageLayout.PREMAP_GVA);
        if (gva != 0 && !mmu.canPremap(gva)) {
            page.set(VcpuPageLayout.PREMAP_GVA, 0);
        }
    }

    /** Enters what was mapped; first thing at each stop. */
    void onStop() {
        long gva = page.get(VcpuPageLayout.PREMAPPED_GVA);
        if (gva == 0) {
            return;
        }
        page.set(VcpuPageLayout.PREMAPPED_GVA, 0);
        long leaf = page.get(VcpuPageLayout.PREMAPPED_LEAF);
        int prot = (int) page.get(VcpuPageLayout.PREMAPPED_PROT);
        if (!isPossible(gva, prot)) {
            throw new DamagedPageException(
                    String.format("mapped by the gate: gva=0x%x, prot=%d", gva, prot));
        }
        long gfn = mmu.enterPremapped(gva, leaf, prot);
        if (gfn >= 0) {
            translator.invalidateFrame(gfn);
            mmu.releaseCodePage(gfn);
        }
    }

    private static boolean isPossible(long gva, int prot) {
        return (gva & 4095) == 0
                && gva > 0
                && AddressMap.isMappable(gva)
                && !AddressMap.meetsGate(gva, 4096)
                && prot == (prot & 7);
    }
}
