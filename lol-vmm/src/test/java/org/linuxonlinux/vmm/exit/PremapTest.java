// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.translate.TranslationBlock;

final class PremapTest {
    private static final long USER = 0x5555_5540_0000L;
    private static final int LEAF_BITS = 0x67;
    private static final int READ_WRITE = 3;

    private final ExitFixture fixture = new ExitFixture();
    private final VcpuPage page = fixture.guest.page;
    private final Premap premap = new Premap(page, fixture.guest.mmu, fixture.translator, true);

    @BeforeEach
    void mapText() {
        fixture.mapText();
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private void premapped(long gva, long leaf) {
        page.set(VcpuPageLayout.PREMAPPED_GVA, gva);
        page.set(VcpuPageLayout.PREMAPPED_LEAF, leaf);
        page.set(VcpuPageLayout.PREMAPPED_PROT, READ_WRITE);
        premap.onStop();
    }

    @Test
    void asksForThePageOfAFault() {
        premap.onUserPageFault(USER + 0x123);
        assertEquals(USER, page.get(VcpuPageLayout.PREMAP_GVA));
        premap.onKernelPageMapped();
        assertEquals(USER, page.get(VcpuPageLayout.PREMAP_GVA));
        premap.onUserPageFault(-0x1000);
        assertEquals(0, page.get(VcpuPageLayout.PREMAP_GVA));
    }

    @Test
    void asksForNothingWhereTheStubCannot() {
        Premap disabled = new Premap(page, fixture.guest.mmu, fixture.translator, false);
        disabled.onUserPageFault(USER);
        assertEquals(0, page.get(VcpuPageLayout.PREMAP_GVA));
    }

    @Test
    void entersAPageOnce() {
        int before = fixture.guest.mmu.runCount();
        premapped(USER, 0x30_0000 | LEAF_BITS);
        assertEquals(before + 1, fixture.guest.mmu.runCount());
        assertEquals(0, page.get(VcpuPageLayout.PREMAPPED_GVA));
        premap.onStop();
        assertEquals(before + 1, fixture.guest.mmu.runCount());
    }

    @Test
    void dropsTranslationsOfAFrameThatBecameWritable() {
        TranslationBlock block = fixture.translator.blockAt(ExitFixture.TEXT);
        long gpa = fixture.guest.mmu.gfnOf(ExitFixture.TEXT) << 12;
        assertFalse(block.isDead());
        premapped(USER, gpa | LEAF_BITS);
        assertEquals(true, block.isDead());
        assertFalse(fixture.guest.mmu.isCodeFrame(gpa));
    }
}
