// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.mmu.GuestTables.A;
import static org.linuxonlinux.vmm.mmu.GuestTables.D;
import static org.linuxonlinux.vmm.mmu.GuestTables.G;
import static org.linuxonlinux.vmm.mmu.GuestTables.NX;
import static org.linuxonlinux.vmm.mmu.GuestTables.P;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_2M;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_4K;
import static org.linuxonlinux.vmm.mmu.GuestTables.U;
import static org.linuxonlinux.vmm.mmu.GuestTables.W;

import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.redirect.CallSites;

/** Copies with patched call sites in a context process's mappings. */
final class PageCopyMappingTest {
    private static final int RAM_BYTES = 9 << 20;
    private static final long FRAME = 0x40_0000;
    private static final long USER = 0x5555_5540_0000L;
    private static final long SITE = 0x100;
    private static final long RETURN_RIP = USER + SITE + 7;
    private static final long NUMBER = 0x6e;

    /** In the direct map; folds to 0480_0000_0000 and up. */
    private static final long KERNEL = 0xffff_8880_0040_0000L;

    private static final long KERNEL_HVA = KERNEL + AddressMap.FOLD;
    private static final long EMPTY_ROOT = 0x8f_f000;

    private final GuestMemory memory = GuestMemory.anonymous(RAM_BYTES);
    private final AddressSpaces spaces = new AddressSpaces(1);
    private final HostCommandQueue queue = spaces.current().commands();
    private final HostModel host = new HostModel(queue);
    private final GuestTables tables = new GuestTables(memory, 0x1_0000);
    private final Mmu mmu = new Mmu(memory, spaces, 3, 40);
    private final CallSites sites = new CallSites(AddressMap.GATE_CODE_HVA);

    @BeforeEach
    void mapCode() {
        memory.fill(FRAME, 4096, (byte) 0x90);
        memory.write(FRAME + SITE, HexFormat.of().parseHex("b86e0000000f05c3"));
        mmu.setWriteProtect(true);
        mmu.setRoot(tables.rootGpa(), false);
        mmu.showCallSites(sites, HostModel.SITES_FD);
        tables.map(USER, FRAME, SIZE_4K, P | U | A);
        tables.map(KERNEL, FRAME, SIZE_4K, P | W | A | D | G);
    }

    @AfterEach
    void close() {
        memory.close();
        sites.close();
    }

    private void touch(long gva, Access access) {
        boolean userMode = gva >= 0;
        assertEquals(
                Mmu.Outcome.MAPPED, mmu.resolve(gva, AddressMap.gvaToHva(gva), access, userMode));
        host.run();
    }

    private void patch() {
        mmu.patchCallSite(RETURN_RIP, NUMBER);
        host.run();
    }

    /** What Faults does on a write to the frame. */
    private void write(long gva) {
        long hva = AddressMap.gvaToHva(gva);
        assertEquals(Mmu.Outcome.CODE_WRITE, mmu.resolve(gva, hva, Access.WRITE, gva >= 0));
        mmu.releaseCodePage(FRAME >>> 12);
        host.run();
    }

    @Test
    void takesThePlaceOfItsFrame() {
        touch(USER, Access.EXECUTE);
        assertEquals("r-x 400000", host.at(USER));
        patch();
        assertEquals("copy r-x", host.at(USER));
        assertEquals(1, sites.patchedSites());
    }

    @Test
    void isShownWheneverTheFrameIsMappedAgain() {
        touch(USER, Access.EXECUTE);
        patch();
        mmu.setRoot(EMPTY_ROOT, false);
        host.run();
        assertEquals("-", host.at(USER));
        mmu.setRoot(tables.rootGpa(), false);
        touch(USER, Access.EXECUTE);
        assertEquals("copy r-x", host.at(USER));
    }

    @Test
    void isShownWhereTheIretStubHasMappedTheFrame() {
        touch(USER, Access.EXECUTE);
        patch();
        mmu.setRoot(EMPTY_ROOT, false);
        mmu.setRoot(tables.rootGpa(), false);
        host.run();
        mmu.enterPremapped(
                USER, FRAME | P | U | A, HostMappings.PROT_READ | HostMappings.PROT_EXEC);
        host.run();
        assertEquals("copy r-x", host.at(USER));
    }

    @Test
    void isNotShownForAnotherFrame() {
        touch(USER, Access.EXECUTE);
        patch();
        tables.map(USER, FRAME + 0x1000, SIZE_4K, P | U | A);
        mmu.invalidatePage(USER);
        touch(USER, Access.EXECUTE);
        assertEquals("r-x 401000", host.at(USER));
    }

    @Test
    void isNotShownAtAnotherAddress() {
        touch(USER, Access.EXECUTE);
        patch();
        tables.map(USER + 0x10_0000, FRAME, SIZE_4K, P | U | A);
        touch(USER + 0x10_0000, Access.EXECUTE);
        assertEquals("r-x 400000", host.at(USER + 0x10_0000));
    }

    @Test
    void isNotShownWhereCodeCannotRun() {
        touch(USER, Access.EXECUTE);
        patch();
        tables.map(USER, FRAME, SIZE_4K, P | U | A | NX);
        mmu.invalidatePage(USER);
        touch(USER, Access.READ);
        assertEquals("r-- 400000", host.at(USER));
        tables.map(USER, FRAME, SIZE_4K, P | U | A);
        touch(USER, Access.EXECUTE);
        assertEquals("copy r-x", host.at(USER));
    }

    @Test
    void stopsWritesThroughEveryMapping() {
        touch(KERNEL, Access.WRITE);
        touch(USER, Access.EXECUTE);
        assertEquals("rw- 400000", host.at(KERNEL_HVA));
        patch();
        assertEquals("r-- 400000", host.at(KERNEL_HVA));
    }

    @Test
    void goesWhenTheKernelWritesTheFrame() {
        touch(USER, Access.EXECUTE);
        patch();
        write(KERNEL + 8);
        assertEquals("r-x 400000", host.at(USER));
        touch(KERNEL, Access.WRITE);
        assertEquals("rw- 400000", host.at(KERNEL_HVA));
        assertEquals(1, sites.droppedCopies());
    }

    @Test
    void goesWhenTheProgramWritesItsCode() {
        tables.map(USER, FRAME, SIZE_4K, P | U | W | A | D);
        touch(USER, Access.EXECUTE);
        assertEquals("rwx 400000", host.at(USER));
        patch();
        assertEquals("copy r-x", host.at(USER));
        write(USER + 0x800);
        assertEquals("rwx 400000", host.at(USER));
    }

    @Test
    void goesWhenTheMonitorWritesTheFrame() throws GuestPageFaultException {
        touch(USER, Access.EXECUTE);
        patch();
        mmu.writeLong(KERNEL, 1);
        host.run();
        assertEquals("r-x 400000", host.at(USER));
        patch();
        assertEquals("copy r-x", host.at(USER), "the frame as it is now is patched");
    }

    @Test
    void doesNotGoWithOthersOfItsRun() {
        for (int i = 1; i < 4; i++) {
            tables.map(USER + i * 0x1000L, FRAME + i * 0x1000L, SIZE_4K, P | U | A);
        }
        touch(USER + 0x1000, Access.EXECUTE);
        patch();
        assertEquals("copy r-x", host.at(USER));
        assertEquals("r-x 401000", host.at(USER + 0x1000));
        mmu.invalidatePage(USER + 0x1000);
        tables.map(USER + 0x1000, 0, SIZE_4K, 0);
        mmu.invalidatePage(USER + 0x1000);
        host.run();
        assertEquals("-", host.at(USER + 0x1000));
        assertEquals("copy r-x", host.at(USER));
    }

    @Test
    void isShownInsideALargePage() {
        long large = 0x5555_5560_0000L;
        tables.map(large, FRAME, SIZE_2M, P | U | A);
        touch(large, Access.EXECUTE);
        mmu.patchCallSite(large + SITE + 7, NUMBER);
        host.run();
        assertEquals("copy r-x", host.at(large));
        assertEquals("r-x 401000", host.at(large + 0x1000));
    }

    @Test
    void isNotMadeOfACallThatLeavesThePage() {
        touch(USER, Access.EXECUTE);
        mmu.patchCallSite(USER + 0x1001, NUMBER);
        mmu.patchCallSite(0, NUMBER);
        mmu.patchCallSite(0x8000_0000_0000L, NUMBER);
        assertEquals(List.of(), host.run());
        assertEquals(0, sites.patchedSites());
    }

    @Test
    void givesWayWithAllOthersToAUserPageInThePlaceOfTheTable() {
        touch(USER, Access.EXECUTE);
        patch();
        assertFalse(mmu.canPremap(AddressMap.SITE_TABLE_HVA + 0x3000));
        tables.map(AddressMap.SITE_TABLE_HVA + 0x3000, FRAME + 0x1000, SIZE_4K, P | U | A);
        touch(AddressMap.SITE_TABLE_HVA + 0x3000, Access.READ);
        assertEquals("r-x 401000", host.at(AddressMap.SITE_TABLE_HVA + 0x3000));
        assertEquals("r-x 400000", host.at(USER));
        patch();
        assertEquals("r-x 400000", host.at(USER));
        assertTrue(mmu.canPremap(AddressMap.SITE_TABLE_HVA));
    }

    @Test
    void givesWayToAUserPageNearTheTable() {
        touch(USER, Access.EXECUTE);
        patch();
        tables.map(0x1_0000, FRAME + 0x1000, SIZE_4K, P | U | A);
        touch(0x1_0000, Access.READ);
        assertEquals("r-x 400000", host.at(USER));
    }

    @Test
    void leavesTheTableMappedBetweenUserPages() {
        // The kernel's own page in the lower half, as text_poke has one.
        tables.map(AddressMap.SITE_TABLE_HVA - 0x1000, FRAME, SIZE_4K, P | A);
        assertEquals(
                Mmu.Outcome.MAPPED,
                mmu.resolve(
                        AddressMap.SITE_TABLE_HVA - 0x1000,
                        AddressMap.SITE_TABLE_HVA - 0x1000,
                        Access.READ,
                        false));
        touch(USER, Access.READ);
        mmu.setRoot(EMPTY_ROOT, false);
        assertEquals(List.of("unmap 5f000+1000", "unmap 555555400000+1000"), host.run());
    }
}
