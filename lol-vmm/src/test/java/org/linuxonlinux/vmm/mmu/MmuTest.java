// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.mmu.GuestTables.A;
import static org.linuxonlinux.vmm.mmu.GuestTables.D;
import static org.linuxonlinux.vmm.mmu.GuestTables.G;
import static org.linuxonlinux.vmm.mmu.GuestTables.NX;
import static org.linuxonlinux.vmm.mmu.GuestTables.P;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_1G;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_2M;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_4K;
import static org.linuxonlinux.vmm.mmu.GuestTables.U;
import static org.linuxonlinux.vmm.mmu.GuestTables.W;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.GeneralProtectionException;

final class MmuTest {
    private static final int MB = 1 << 20;
    private static final int RAM_BYTES = 9 * MB;
    private static final int MAX_RUNS = 40;

    /** In the direct map; folds to 0480_0000_0000 and up. */
    private static final long KERNEL = 0xffff_8880_0040_0000L;

    private static final long KERNEL_HVA = KERNEL + AddressMap.FOLD;
    private static final long USER = 0x5555_5540_0000L;
    private static final long FRAME = 0x40_0000;

    /** A page of zeros: an address space with nothing in it. */
    private static final long EMPTY_ROOT = 0x8f_f000;

    private final GuestMemory memory = GuestMemory.anonymous(RAM_BYTES);
    private final AddressSpaces spaces = new AddressSpaces(1);
    private final HostCommandQueue queue = spaces.current().commands();
    private final HostModel host = new HostModel(queue);
    private final GuestTables tables = new GuestTables(memory, 0x1_0000);
    private final Mmu mmu = new Mmu(memory, spaces, 3, MAX_RUNS);

    @BeforeEach
    void loadRoot() {
        mmu.setWriteProtect(true);
        mmu.setRoot(tables.rootGpa(), false);
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private Mmu.Outcome touch(long gva, Access access, boolean userMode) {
        return mmu.resolve(gva, AddressMap.gvaToHva(gva), access, userMode);
    }

    private void mapped(long gva, Access access, boolean userMode) {
        assertEquals(Mmu.Outcome.MAPPED, touch(gva, access, userMode));
        host.run();
    }

    private static long hva(long gva) {
        return AddressMap.gvaToHva(gva);
    }

    @Nested
    final class Premapping {
        private static final long LEAF = FRAME | P | W | U | A | D;

        @Test
        void entersWhatTheStubHasMappedSoThatAFlushDropsIt() {
            tables.map(USER, FRAME, SIZE_4K, P | W | U | A | D);
            assertEquals(-1, mmu.enterPremapped(USER, LEAF, 7));
            assertEquals(1, mmu.runCount());
            assertEquals(Mmu.Outcome.MAPPED, touch(USER, Access.WRITE, true));
            assertEquals(List.of(), host.run());
            tables.map(USER, FRAME, SIZE_4K, 0);
            mmu.invalidatePage(USER);
            assertEquals(0, mmu.runCount());
        }

        @Test
        void dropsPagesThatAdjoinInOneCall() {
            for (int i = 0; i < 3; i++) {
                mmu.enterPremapped(USER + i * 0x1000L, LEAF - i * 0x1000L, 7);
            }
            mmu.enterPremapped(USER + 0x5000, LEAF, 7);
            mmu.flushAll();
            assertEquals(List.of("unmap 555555400000+3000", "unmap 555555405000+1000"), host.run());
            assertEquals(0, mmu.runCount());
        }

        @Test
        void tellsAFrameWithTranslatedCodeThatUserCodeMayHaveWritten() {
            mmu.protectCodePage(FRAME >>> 12);
            assertEquals(-1, mmu.enterPremapped(USER, LEAF, 5));
            assertEquals(FRAME >>> 12, mmu.enterPremapped(USER, LEAF, 7));
        }

        @Test
        void keepsWithinTheHostsLimit() {
            for (int i = 0; i <= MAX_RUNS; i++) {
                mmu.enterPremapped(USER + i * 0x2000L, LEAF, 7);
            }
            assertTrue(mmu.runCount() <= MAX_RUNS);
            assertEquals(1, mmu.evictions());
        }

        @Test
        void isForUserPagesThatMeetNothing() {
            assertTrue(mmu.canPremap(USER + 0x123));
            assertFalse(mmu.canPremap(KERNEL));
            assertFalse(mmu.canPremap(AddressMap.RAM_WINDOW_HVA));
            assertFalse(mmu.canPremap(AddressMap.FOLD + 0x1000));
            assertFalse(mmu.canPremap(0x8000_0000_0000L));
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            assertTrue(mmu.canPremap(KERNEL_HVA));
            mapped(KERNEL, Access.READ, false);
            assertFalse(mmu.canPremap(KERNEL_HVA));
        }
    }

    @Nested
    final class Resolving {
        @Test
        void mapsACleanPageWithoutWritePermission() {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL + 0x123, Access.READ, false));
            assertEquals(List.of("map 48000400000+1000 r-- at 400000"), host.run());
            assertEquals(A, tables.entry(KERNEL, SIZE_4K) & (A | D));
        }

        @Test
        void mapsAWrittenPageWritableAndMarksItDirty() {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            mapped(KERNEL, Access.READ, false);
            mapped(KERNEL + 0xfff, Access.WRITE, false);
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            assertEquals(A | D, tables.entry(KERNEL, SIZE_4K) & (A | D));
            assertEquals(1, mmu.runCount());
        }

        @Test
        void neverMakesKernelPagesExecutableForTheHost() {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            mapped(KERNEL, Access.EXECUTE, false);
            assertEquals("r-- 400000", host.at(KERNEL_HVA));
        }

        @Test
        void makesUserPagesExecutableUnlessTheGuestForbidsIt() {
            tables.map(USER, FRAME, SIZE_4K, P | U);
            tables.map(USER + 0x1000, FRAME + 0x5000, SIZE_4K, P | U | W | NX);
            mapped(USER, Access.EXECUTE, true);
            mapped(USER + 0x1000, Access.WRITE, true);
            assertEquals("r-x 400000", host.at(USER));
            assertEquals("rw- 405000", host.at(USER + 0x1000));
        }

        @Test
        void refusesUserPagesInTheShadowOfTheFoldButNotTheKernelsOwn() {
            long shadow = 0x7c26_f56e_3000L;
            tables.map(shadow, FRAME, SIZE_4K, P | W | U);
            assertEquals(Mmu.Outcome.CONFLICT, touch(shadow, Access.WRITE, true));
            tables.map(shadow + 0x1000, FRAME, SIZE_4K, P | W);
            assertEquals(Mmu.Outcome.MAPPED, touch(shadow + 0x1000, Access.WRITE, false));
        }

        @Test
        void leadsToDevicesWhereThereIsNoRam() {
            tables.map(KERNEL, 0xfec0_0000L, SIZE_4K, P | W);
            assertEquals(Mmu.Outcome.MMIO, touch(KERNEL + 0x10, Access.WRITE, false));
            assertEquals(0xfec0_0010L, mmu.faultGpa());
            assertTrue(queue.isEmpty());
        }

        @Test
        void mapsNothingWhereThePageIsMappedRightAlready() {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            mapped(KERNEL, Access.WRITE, false);
            assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL, Access.READ, false));
            assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL, Access.WRITE, false));
            assertTrue(queue.isEmpty());
        }

        @Test
        void clearedWriteProtectLetsTheKernelWriteItsReadOnlyPages() {
            tables.map(KERNEL, FRAME, SIZE_4K, P);
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(KERNEL, Access.WRITE, false));
            mmu.setWriteProtect(false);
            mapped(KERNEL, Access.WRITE, false);
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            mmu.setWriteProtect(true);
            mmu.flushAll();
            host.run();
            assertEquals("-", host.at(KERNEL_HVA));
        }

        @Test
        void clearedWriteProtectOpensReadOnlyUserPagesForOneWrite() {
            tables.map(USER, FRAME, SIZE_4K, P | U);
            mapped(USER, Access.READ, true);
            mmu.setWriteProtect(false);
            assertEquals(Mmu.Outcome.UNPROTECTED_WRITE, touch(USER, Access.WRITE, false));
            host.run();
            assertEquals("rwx 400000", host.at(USER));
            mmu.endUnprotectedWrite(USER, USER);
            host.run();
            assertEquals("-", host.at(USER), "user mode must not write there");
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(USER, Access.WRITE, true));
            mapped(USER, Access.READ, true);
            assertEquals("r-x 400000", host.at(USER));
        }

        @Test
        void refusesKernelPagesWhereTheGateIs() {
            long[] taken = {
                AddressMap.STUB_HVA,
                AddressMap.GATE_CODE_HVA,
                AddressMap.VCPU_PAGE_HVA,
                AddressMap.CODE_CACHE_HVA,
                AddressMap.BRANCH_TABLE_HVA,
                AddressMap.BRANCH_TABLE_HVA + AddressMap.BRANCH_TABLE_SIZE_BYTES - 4096
            };
            for (long hva : taken) {
                long gva = hva - AddressMap.FOLD;
                tables.map(gva, FRAME, SIZE_4K, P | W);
                assertEquals(Mmu.Outcome.CONFLICT, touch(gva, Access.WRITE, false));
            }
            assertTrue(queue.isEmpty());
        }

        @Test
        void refusesUserPagesWhereTheGateOrTheFoldedKernelIs() {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            mapped(KERNEL, Access.WRITE, false);
            tables.map(KERNEL_HVA, FRAME + 0x1000, SIZE_4K, P | W | U);
            assertEquals(Mmu.Outcome.CONFLICT, touch(KERNEL_HVA, Access.READ, true));
            tables.map(AddressMap.VCPU_PAGE_HVA, FRAME, SIZE_4K, P | W | U);
            assertEquals(Mmu.Outcome.CONFLICT, touch(AddressMap.VCPU_PAGE_HVA, Access.WRITE, true));
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            assertTrue(queue.isEmpty());
        }

        @Test
        void refusesUpperHalfPagesThatUserModeReachesUnfolded() {
            long vsyscall = 0xffff_ffff_ff60_0000L;
            tables.map(vsyscall, FRAME, SIZE_4K, P | U);
            assertEquals(Mmu.Outcome.CONFLICT, mmu.resolve(vsyscall, vsyscall, Access.READ, true));
        }

        @Test
        void kernelPageTakesThePlaceOfAUserPage() {
            tables.map(KERNEL_HVA, FRAME + 0x1000, SIZE_4K, P | W | U);
            mapped(KERNEL_HVA, Access.WRITE, true);
            tables.map(KERNEL, FRAME, SIZE_4K, P | W | G);
            mapped(KERNEL, Access.WRITE, false);
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            mmu.setRoot(EMPTY_ROOT, false);
            host.run();
            assertEquals("rw- 400000", host.at(KERNEL_HVA), "forgetting user pages leaves it");
        }
    }

    @Nested
    final class Permissions {
        @ParameterizedTest(name = "{0} user={1} of a page with {2} gives error {3}")
        @CsvSource({
            "READ,    false, none,  0x00",
            "WRITE,   false, none,  0x02",
            "EXECUTE, false, none,  0x10",
            "READ,    true,  none,  0x04",
            "WRITE,   true,  none,  0x06",
            "EXECUTE, true,  none,  0x14",
            "WRITE,   false, r-x,   0x03",
            "EXECUTE, false, rw-,   0x11",
            "READ,    true,  rwx,   0x05",
            "WRITE,   true,  rwx,   0x07",
            "EXECUTE, true,  rwx,   0x15",
            "WRITE,   true,  r-xu,  0x07",
            "EXECUTE, true,  rw-u,  0x15",
        })
        void denialsHaveTheErrorCodeOfTheManual(
                Access access, boolean userMode, String page, String expected) {
            if (!"none".equals(page)) {
                long flags = P;
                flags |= page.contains("w") ? W : 0;
                flags |= page.contains("x") ? 0 : NX;
                flags |= page.contains("u") ? U : 0;
                tables.map(USER, FRAME, SIZE_4K, flags);
            }
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(USER, access, userMode));
            assertEquals(Integer.decode(expected), mmu.errorCode());
            assertTrue(queue.isEmpty());
            assertEquals(0, tables.entry(USER, SIZE_4K) & (A | D), "leaf of a denied access");
        }

        @ParameterizedTest
        @CsvSource({"READ, r--u", "EXECUTE, r-xu", "WRITE, rw-u"})
        void userModeMayDoWhatThePageSays(Access access, String page) {
            long flags = P | U;
            flags |= page.contains("w") ? W : 0;
            flags |= page.contains("x") ? 0 : NX;
            tables.map(USER, FRAME, SIZE_4K, flags);
            assertEquals(Mmu.Outcome.MAPPED, touch(USER, access, true));
        }

        @Test
        void upperLevelsTakePermissionsAway() {
            tables.map(USER, FRAME, SIZE_4K, P | W | U);
            long entry = tables.entry(USER, SIZE_1G);
            tables.setEntry(USER, SIZE_1G, entry & ~U);
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(USER, Access.READ, true));
            assertEquals(5, mmu.errorCode());
            tables.setEntry(USER, SIZE_1G, entry & ~W);
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(USER, Access.WRITE, false));
            assertEquals(3, mmu.errorCode());
            tables.setEntry(USER, SIZE_1G, entry | NX);
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(USER, Access.EXECUTE, true));
            assertEquals(0x15, mmu.errorCode());
        }
    }

    @Nested
    final class Runs {
        private static final long READY = P | W | A | D;

        @Test
        void joinAllOfAPageTableForTheKernel() {
            long start = KERNEL & -(2L * MB);
            tables.mapRange(start, FRAME, SIZE_4K, 512, READY);
            assertEquals(Mmu.Outcome.MAPPED, touch(start + 0x8_0000, Access.READ, false));
            assertEquals(List.of("map 48000400000+200000 rw- at 400000"), host.run());
            assertEquals(512, mmu.pagesMapped());
        }

        @Test
        void reachSixteenPagesToEitherSideForUsers() {
            long start = USER & -(2L * MB);
            tables.mapRange(start, FRAME, SIZE_4K, 512, READY | U);
            assertEquals(Mmu.Outcome.MAPPED, touch(start + 0x8_0000, Access.READ, true));
            assertEquals(List.of("map 555555470000+21000 rwx at 470000"), host.run());
        }

        @Test
        void endWhereAnEntryDiffersInFramePermissionOrAccessed() {
            long[] differing = {
                READY | FRAME + 0x20_0000, (READY & ~W) | FRAME, (READY & ~A) | FRAME, 0
            };
            for (long different : differing) {
                tables.mapRange(KERNEL, FRAME, SIZE_4K, 8, READY);
                long lastGva = KERNEL + 5 * 4096;
                tables.setEntry(lastGva, SIZE_4K, different == 0 ? 0 : different + 5 * 4096);
                assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL + 0x2000, Access.READ, false));
                assertEquals(List.of("map 48000400000+5000 rw- at 400000"), host.run());
                tables.mapRange(KERNEL, 0, SIZE_4K, 8, 0);
                mmu.flushAll();
                host.run();
            }
        }

        @Test
        void doNotMakeCleanNeighboursWritable() {
            tables.mapRange(KERNEL, FRAME, SIZE_4K, 3, P | W | A);
            mapped(KERNEL + 0x1000, Access.WRITE, false);
            assertEquals(1, host.pageCount());
        }

        @Test
        void joinPagesOf2MB() {
            tables.mapRange(KERNEL, 0x20_0000, SIZE_2M, 3, READY);
            assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL + 3 * MB, Access.READ, false));
            assertEquals(List.of("map 48000400000+600000 rw- at 200000"), host.run());
        }

        @Test
        void endAtTheEndOfRam() {
            tables.mapRange(KERNEL, 0x60_0000, SIZE_2M, 4, READY);
            assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL, Access.READ, false));
            assertEquals(List.of("map 48000400000+300000 rw- at 600000"), host.run());
            assertEquals(Mmu.Outcome.MMIO, touch(KERNEL + 3 * MB, Access.READ, false));
            assertEquals(RAM_BYTES, mmu.faultGpa());
        }

        @Test
        void ofA1GBPageEndAtTheEndOfRam() {
            tables.map(KERNEL, 0, SIZE_1G, P | W);
            assertEquals(Mmu.Outcome.MAPPED, touch(KERNEL, Access.WRITE, false));
            assertEquals(List.of("map 48000000000+900000 rw- at 0"), host.run());
        }

        @Test
        void reachTheVeryTopOfTheAddressSpace() {
            long top = -4L * 4096;
            tables.mapRange(top, FRAME, SIZE_4K, 4, READY);
            assertEquals(Mmu.Outcome.MAPPED, touch(-1, Access.READ, false));
            assertEquals(List.of("map 7bffffffc000+4000 rw- at 400000"), host.run());
            tables.unmap(-4096);
            mmu.flushAll();
            assertEquals(List.of("unmap 7bfffffff000+1000"), host.run());
        }

        @Test
        void ofUsersShrinkToOnePageNextToTheFoldedKernel() {
            tables.map(KERNEL, FRAME, SIZE_4K, READY);
            mapped(KERNEL, Access.READ, false);
            tables.mapRange(KERNEL_HVA - 0x4000, FRAME, SIZE_4K, 4, READY | U);
            tables.mapRange(KERNEL_HVA, FRAME + 0x4000, SIZE_4K, 4, READY | U);
            mapped(KERNEL_HVA + 0x1000, Access.READ, true);
            assertEquals("rwx 405000", host.at(KERNEL_HVA + 0x1000));
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            assertEquals(2, host.pageCount());
        }
    }

    @Test
    void kernelRunShrinksToOnePageNextToTheGate() {
        try (GuestMemory large = GuestMemory.anonymous(1024L * MB + 16 * MB)) {
            GuestTables largeTables = new GuestTables(large, 0x1_0000);
            Mmu largeMmu = new Mmu(large, spaces, 3, MAX_RUNS);
            largeMmu.setRoot(largeTables.rootGpa(), false);
            long below = AddressMap.STUB_HVA - AddressMap.FOLD - (1L << 30);
            largeTables.mapRange(below, 0, SIZE_1G, 2, P | W | A | D);
            assertEquals(
                    Mmu.Outcome.MAPPED, largeMmu.resolve(below, hva(below), Access.READ, false));
            assertEquals(List.of("map 7bcfc0000000+1000 rw- at 0"), host.run());
        }
    }

    @Nested
    final class Invalidation {
        private static final long READY = P | W | A | D;

        @BeforeEach
        void mapALargeRun() {
            tables.mapRange(KERNEL, FRAME, SIZE_4K, 64, READY | G);
            mapped(KERNEL, Access.READ, false);
            tables.mapRange(USER, FRAME, SIZE_4K, 8, READY | U);
            mapped(USER, Access.READ, true);
        }

        @Test
        void ofAPageInTheMiddleOfARunKeepsTheRest() {
            tables.unmap(KERNEL + 0x5000);
            mmu.invalidatePage(KERNEL + 0x5432);
            assertEquals(List.of("unmap 48000405000+1000"), host.run());
            assertEquals(3, mmu.runCount());
            assertEquals("rw- 404000", host.at(KERNEL_HVA + 0x4000));
            assertEquals("rw- 406000", host.at(KERNEL_HVA + 0x6000));
        }

        @Test
        void ofOnePageLeavesOtherStalePagesAlone() {
            tables.unmap(KERNEL + 0x5000);
            tables.unmap(KERNEL + 0x6000);
            mmu.invalidatePage(KERNEL + 0x5000);
            host.run();
            assertEquals("rw- 406000", host.at(KERNEL_HVA + 0x6000));
        }

        @Test
        void ofAPageThatIsStillRightCostsNothing() {
            mmu.invalidatePage(KERNEL + 0x5000);
            mmu.invalidatePage(USER + 0x5000);
            assertTrue(queue.isEmpty());
        }

        @Test
        void ofWhatIsNotMappedCostsNothing() {
            mmu.invalidatePage(KERNEL - 0x10_0000);
            mmu.invalidatePage(0x1234_5678_9abc_def0L);
            mmu.invalidatePage(0xffff_8000_0000_0000L);
            assertTrue(queue.isEmpty());
        }

        @Test
        void dropsPagesThatMapElsewhereOrMayDoLess() {
            tables.map(KERNEL + 0x1000, FRAME + 0x9000, SIZE_4K, READY | G);
            tables.map(KERNEL + 0x2000, FRAME + 0x2000, SIZE_4K, P | A | D | G);
            tables.map(KERNEL + 0x3000, FRAME + 0x3000, SIZE_4K, P | W | A | G);
            tables.map(KERNEL + 0x4000, FRAME + 0x4000, SIZE_4K, P | W | D | G);
            tables.map(KERNEL + 0x5000, FRAME + 0x5000, SIZE_4K, READY | NX | G);
            for (int page = 1; page <= 5; page++) {
                mmu.invalidatePage(KERNEL + page * 4096L);
            }
            host.run();
            assertEquals("-", host.at(KERNEL_HVA + 0x1000), "another frame");
            assertEquals("-", host.at(KERNEL_HVA + 0x2000), "read-only now");
            assertEquals("-", host.at(KERNEL_HVA + 0x3000), "clean now: a write must set D");
            assertEquals("-", host.at(KERNEL_HVA + 0x4000), "an access must set A");
            assertEquals("rw- 405000", host.at(KERNEL_HVA + 0x5000));
        }

        @Test
        void dropsUserPagesThatMustNotBeExecutedNow() {
            tables.map(USER, FRAME, SIZE_4K, READY | U | NX);
            mmu.invalidatePage(USER);
            assertEquals(List.of("unmap 555555400000+1000"), host.run());
        }

        @Test
        void keepsPagesThatMayDoMoreNow() {
            tables.map(USER + 0x10_0000, FRAME, SIZE_4K, P | A | U);
            mapped(USER + 0x10_0000, Access.READ, true);
            tables.map(USER + 0x10_0000, FRAME, SIZE_4K, READY | U);
            mmu.invalidatePage(USER + 0x10_0000);
            assertTrue(queue.isEmpty());
        }

        @Test
        void ofOneAddressDropsAllOfALargePage() {
            long large = USER + 0x4000_0000L;
            tables.map(large, 0x20_0000, SIZE_2M, READY | U);
            mapped(large, Access.READ, true);
            tables.setEntry(large, SIZE_2M, 0);
            mmu.invalidatePage(large + 0x12_3456);
            assertEquals(List.of("unmap 555595400000+200000"), host.run());
        }

        @Test
        void ofOneLargePageKeepsTheNextInTheSameRun() {
            long large = USER + 0x4000_0000L;
            tables.mapRange(large, 0x20_0000, SIZE_2M, 3, READY | U);
            mapped(large, Access.READ, true);
            tables.setEntry(large + 2 * MB, SIZE_2M, 0);
            tables.setEntry(large + 4 * MB, SIZE_2M, 0);
            mmu.invalidatePage(large + 2 * MB);
            assertEquals(List.of("unmap 555595600000+200000"), host.run());
            assertEquals("rwx 600000", host.at(large + 4 * MB));
        }

        @Test
        void ofASplitLargePageDropsOnlyThePagesThatChanged() {
            long large = USER + 0x4000_0000L;
            tables.map(large, 0x20_0000, SIZE_2M, READY | U);
            mapped(large, Access.READ, true);
            tables.setEntry(large, SIZE_2M, 0);
            tables.mapRange(large, 0x20_0000, SIZE_4K, 512, READY | U);
            tables.map(large + 0x7000, 0x20_7000, SIZE_4K, P | A | D | U);
            mmu.invalidatePage(large);
            assertEquals(List.of("unmap 555595407000+1000"), host.run());
        }

        @Test
        void ofALargePageDropsAllPiecesOfIt() {
            long large = USER + 0x4000_0000L;
            tables.map(large, 0x20_0000, SIZE_2M, READY | U);
            mapped(large, Access.READ, true);
            tables.setEntry(large, SIZE_2M, 0);
            tables.mapRange(large, 0x20_0000, SIZE_4K, 512, READY | U);
            tables.unmap(large + 0x7000);
            mmu.invalidatePage(large);
            host.run();
            tables.setEntry(large, SIZE_2M, 0);
            mmu.invalidatePage(large + 0x7000);
            host.run();
            assertEquals("-", host.at(large));
            assertEquals("-", host.at(large + 0x1f_f000));
        }

        @Test
        void byTheSameCr3KeepsWhatIsStillRightAndAllGlobals() {
            tables.unmap(KERNEL + 0x1000);
            tables.unmap(USER + 0x2000);
            mmu.setRoot(tables.rootGpa() | 0x18, false);
            assertEquals(List.of("unmap 555555402000+1000"), host.run());
            assertEquals("rwx 401000", host.at(USER + 0x1000));
            assertEquals("rw- 401000", host.at(KERNEL_HVA + 0x1000), "global: survives");
        }

        @Test
        void byTheSameCr3DropsStaleKernelPagesThatAreNotGlobal() {
            long local = KERNEL + 0x4000_0000L;
            tables.mapRange(local, FRAME, SIZE_4K, 4, READY);
            mapped(local, Access.READ, false);
            tables.unmap(local + 0x1000);
            mmu.setRoot(tables.rootGpa(), false);
            assertEquals(List.of("unmap 48040401000+1000"), host.run());
        }

        /** Linux' direct map: mapped large and local first, then split and made global. */
        @Test
        void byCr3LeavesAloneWhatHasBecomeGlobal() {
            long local = KERNEL + 0x4000_0000L;
            tables.map(local, FRAME, SIZE_2M, READY);
            mapped(local, Access.READ, false);
            GuestTables split = new GuestTables(memory, 0x20_0000);
            split.mapRange(local, FRAME, SIZE_4K, 512, READY | G);
            tables.setEntry(local, SIZE_2M, split.entry(local, SIZE_2M));
            mmu.setRoot(tables.rootGpa(), false);
            assertEquals(List.of(), host.run());
            tables.unmap(local + 0x1000);
            mmu.setRoot(tables.rootGpa(), false);
            assertEquals(List.of(), host.run(), "global now: survives");
            mmu.invalidatePage(local + 0x1000);
            assertEquals(List.of("unmap 48040401000+1000"), host.run(), "of 4 KB now");
        }

        @Test
        void byCr3GoesOnConcerningWhatIsGlobalInPart() {
            long local = KERNEL + 0x4000_0000L;
            tables.mapRange(local, FRAME, SIZE_4K, 4, READY);
            mapped(local, Access.READ, false);
            tables.map(local, FRAME, SIZE_4K, READY | G);
            mmu.setRoot(tables.rootGpa(), false);
            tables.unmap(local + 0x3000);
            mmu.setRoot(tables.rootGpa(), false);
            assertEquals(List.of("unmap 48040403000+1000"), host.run());
        }

        @Test
        void byAnotherCr3DropsAllUserPages() {
            GuestTables others = new GuestTables(memory, 0x10_0000);
            others.setEntry(KERNEL, 39, tables.entry(KERNEL, 39));
            mmu.setRoot(others.rootGpa(), false);
            assertEquals(List.of("unmap 555555400000+8000"), host.run());
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            assertEquals(Mmu.Outcome.PAGE_FAULT, touch(USER, Access.READ, true));
        }

        @Test
        void byAnotherCr3SparesTheKernelBetweenUserPages() {
            tables.map(KERNEL_HVA - 0x2000, FRAME, SIZE_4K, READY | U);
            mapped(KERNEL_HVA - 0x2000, Access.READ, true);
            mmu.setRoot(0x10_0000, false);
            host.run();
            assertEquals("-", host.at(KERNEL_HVA - 0x2000));
            assertEquals("-", host.at(USER));
            assertEquals("rw- 43f000", host.at(KERNEL_HVA + 0x3_f000));
        }

        @Test
        void ofEverythingDropsStaleGlobalsToo() {
            tables.unmap(KERNEL + 0x1000);
            tables.unmap(KERNEL + 0x2000);
            tables.unmap(KERNEL + 0x3f000);
            tables.unmap(USER);
            mmu.flushAll();
            assertEquals(
                    List.of(
                            "unmap 555555400000+1000",
                            "unmap 48000401000+2000",
                            "unmap 4800043f000+1000"),
                    host.run());
        }

        @Test
        void ofATopLevelEntryThatIsGoneTakesOneCommand() {
            long large = 0x5555_8000_0000L;
            tables.map(large, 0, SIZE_1G, READY | U);
            mapped(large, Access.READ, true);
            tables.setEntry(USER, 39, 0);
            mmu.flushAll();
            assertEquals(
                    List.of("unmap 555555400000+8000", "unmap 555580000000+900000"), host.run());
        }
    }

    @Nested
    final class LowWindow {
        private static final long LOW = 0x10_0000;
        private static final long ALIAS_HVA = LOW + AddressMap.FOLD;

        @BeforeEach
        void identityMap() {
            tables.map(0, 0, SIZE_2M, P | W);
            assertEquals(Mmu.Outcome.MAPPED, mmu.resolve(LOW, ALIAS_HVA, Access.WRITE, false));
            host.run();
        }

        @Test
        void showsLowPagesAtTheirFoldedAddress() {
            assertEquals("rw- 100000", host.at(ALIAS_HVA));
            assertEquals("-", host.at(LOW));
            assertTrue(mmu.isLowWindowOpen());
        }

        @Test
        void followsInvalidationOfTheLowAddress() {
            tables.setEntry(0, SIZE_2M, 0);
            mmu.invalidatePage(LOW);
            host.run();
            assertEquals("-", host.at(ALIAS_HVA));
        }

        @Test
        void closesForGoodAndKeepsPagesAtTheirOwnAddress() {
            mapped(LOW, Access.WRITE, false);
            mmu.closeLowWindow();
            assertEquals(List.of("unmap 7c0000000000+200000"), host.run());
            assertFalse(mmu.isLowWindowOpen());
            assertEquals("rw- 100000", host.at(LOW));
            mmu.closeLowWindow();
            assertTrue(queue.isEmpty());
        }

        @Test
        void goesWithAnotherCr3() {
            mmu.setRoot(0x10_0000, false);
            host.run();
            assertEquals("-", host.at(ALIAS_HVA));
        }
    }

    @Nested
    final class TranslatedCode {
        private static final long READY = P | W | A | D;
        private static final long TEXT = 0xffff_ffff_8100_0000L;
        private static final long TEXT_HVA = TEXT + AddressMap.FOLD;
        private static final long CODE_FRAME = FRAME + 0x3000;

        @BeforeEach
        void mapItTwice() {
            tables.mapRange(KERNEL, FRAME, SIZE_4K, 8, READY);
            mapped(KERNEL, Access.WRITE, false);
            tables.map(TEXT, CODE_FRAME, SIZE_4K, READY);
            mapped(TEXT, Access.WRITE, false);
        }

        @Test
        void loosesWritePermissionInEveryMappingAndGetsItBack() {
            mmu.protectCodePage(CODE_FRAME >>> 12);
            assertEquals(
                    List.of("protect 48000403000+1000 r--", "protect 7bff81000000+1000 r--"),
                    host.run());
            assertTrue(mmu.isCodeFrame(CODE_FRAME + 0xfff));
            mmu.protectCodePage(CODE_FRAME >>> 12);
            assertTrue(queue.isEmpty(), "protected already");
            mmu.releaseCodePage(CODE_FRAME >>> 12);
            assertEquals(
                    List.of("protect 48000403000+1000 rw-", "protect 7bff81000000+1000 rw-"),
                    host.run());
            assertFalse(mmu.isCodeFrame(CODE_FRAME));
        }

        @Test
        void isProtectedInMappingsMadeLater() {
            mmu.protectCodePage(CODE_FRAME >>> 12);
            mmu.protectCodePage((CODE_FRAME >>> 12) + 1);
            mmu.protectCodePage((FRAME >>> 12) + 8);
            host.run();
            tables.mapRange(USER, FRAME, SIZE_4K, 8, READY | U);
            assertEquals(Mmu.Outcome.MAPPED, touch(USER, Access.READ, true));
            assertEquals(
                    List.of("map 555555400000+8000 rwx at 400000", "protect 555555403000+2000 r-x"),
                    host.run());
        }

        @Test
        void leavesReadOnlyMappingsAlone() {
            tables.map(USER, CODE_FRAME, SIZE_4K, P | A | U);
            mapped(USER, Access.READ, true);
            mmu.protectCodePage(CODE_FRAME >>> 12);
            host.run();
            mmu.releaseCodePage(CODE_FRAME >>> 12);
            host.run();
            assertEquals("r-x 403000", host.at(USER));
        }

        @Test
        void reportsPermittedWritesToIt() {
            mmu.protectCodePage(CODE_FRAME >>> 12);
            host.run();
            assertEquals(Mmu.Outcome.CODE_WRITE, touch(TEXT + 8, Access.WRITE, false));
            assertEquals(CODE_FRAME + 8, mmu.faultGpa());
            assertEquals(Mmu.Outcome.MAPPED, touch(TEXT + 8, Access.READ, false));
            host.run();
            assertEquals("r-- 403000", host.at(TEXT_HVA));
        }

        @Test
        void keepsItsProtectionThroughAPartialFlush() {
            mmu.protectCodePage(CODE_FRAME >>> 12);
            host.run();
            tables.unmap(KERNEL + 0x2000);
            mmu.flushAll();
            host.run();
            assertEquals("r-- 403000", host.at(KERNEL_HVA + 0x3000));
            mmu.releaseCodePage(CODE_FRAME >>> 12);
            assertEquals(
                    List.of("protect 48000403000+1000 rw-", "protect 7bff81000000+1000 rw-"),
                    host.run());
        }

        @Test
        void ignoresFramesThatAreNotRam() {
            mmu.protectCodePage(0xf_ec00);
            assertFalse(mmu.isCodeFrame(0xfec0_0000L));
            assertTrue(queue.isEmpty());
        }
    }

    @Nested
    final class Eviction {
        private static final long READY = P | W | A | D;

        private void mapUserPages(int count) {
            for (int i = 0; i < count; i++) {
                long gva = USER + i * 0x2000L;
                tables.map(gva, FRAME + i * 0x1000L, SIZE_4K, READY | U);
                mapped(gva, Access.READ, true);
            }
        }

        @Test
        void forgetsUserPagesWhenMappingsRunOut() {
            tables.map(KERNEL, FRAME, SIZE_4K, READY);
            mapped(KERNEL, Access.READ, false);
            mapUserPages(MAX_RUNS - 1);
            assertEquals(0, mmu.evictions());
            assertEquals(MAX_RUNS, mmu.runCount());
            tables.map(USER - 0x2000, FRAME, SIZE_4K, READY | U);
            mapped(USER - 0x2000, Access.READ, true);
            assertEquals(1, mmu.evictions());
            assertEquals(2, mmu.runCount());
            assertEquals("rw- 400000", host.at(KERNEL_HVA));
            assertEquals(mmu.runCount(), host.pageCount());
        }

        @Test
        void forgetsKernelPagesWhenThereAreNoOthers() {
            for (int i = 0; i <= MAX_RUNS; i++) {
                long gva = KERNEL + i * 0x2000L;
                tables.map(gva, FRAME + i * 0x1000L, SIZE_4K, READY);
                mapped(gva, Access.READ, false);
            }
            assertEquals(1, mmu.evictions());
            assertEquals(1, mmu.runCount());
            assertEquals(1, host.pageCount());
        }

        @Test
        void takesFewCommandsWhereNothingLiesBetween() {
            mapUserPages(10);
            mmu.setRoot(EMPTY_ROOT, false);
            assertEquals(List.of("unmap 555555400000+13000"), host.run());
            assertEquals(0, mmu.runCount());
        }

        @Test
        void leavesTheGateBetweenUserPagesAlone() {
            long below = AddressMap.STUB_HVA - 0x1000;
            long above = AddressMap.THUNKS_HVA + AddressMap.THUNKS_SIZE_BYTES;
            tables.map(below, FRAME, SIZE_4K, READY | U);
            tables.map(above, FRAME, SIZE_4K, READY | U);
            mapped(below, Access.READ, true);
            mapped(above, Access.READ, true);
            mmu.setRoot(EMPTY_ROOT, false);
            assertEquals(List.of("unmap 7bcffffff000+1000", "unmap 7be020100000+1000"), host.run());
        }
    }

    @Nested
    final class MonitorAccesses {
        @Test
        void writesToTranslatedCodeAreAnnouncedOnce() throws GuestPageFaultException {
            List<Long> announced = new ArrayList<>();
            mmu.onCodeWrite(announced::add);
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            mmu.protectCodePage(FRAME >> 12);
            mmu.readValue(KERNEL, 8);
            assertEquals(List.of(), announced);
            mmu.writeValue(KERNEL + 8, 8, 1);
            mmu.writeLong(KERNEL + 16, 1);
            assertEquals(List.of(FRAME >> 12), announced);
            assertFalse(mmu.isCodeFrame(FRAME));
        }

        @Test
        void readAndWriteValuesOfEverySizeAcrossPages() throws GuestPageFaultException {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            tables.map(KERNEL + 0x1000, FRAME + 0x8000, SIZE_4K, P | W);
            for (int size = 1; size <= 8; size *= 2) {
                for (long gva : new long[] {KERNEL + 0x10, KERNEL + 0x1000 - size / 2}) {
                    long value = 0xf1e2_d3c4_b5a6_9788L;
                    mmu.writeValue(gva, size, value);
                    long expected = size == 8 ? value : value & ((1L << (8 * size)) - 1);
                    assertEquals(expected, mmu.readValue(gva, size), "size " + size);
                }
            }
            mmu.writeLong(KERNEL + 0xffc, 0x1122_3344_5566_7788L);
            assertEquals(0x1122_3344_5566_7788L, mmu.readLong(KERNEL + 0xffc));
            assertEquals(0x5566_7788, memory.getInt(FRAME + 0xffc));
            assertEquals(0x1122_3344, memory.getInt(FRAME + 0x8000));
            assertEquals(A | D, tables.entry(KERNEL + 0x1000, SIZE_4K) & (A | D));
            byte[] bytes = new byte[8];
            mmu.read(KERNEL + 0xffc, bytes, 8);
            assertArrayEquals(
                    new byte[] {(byte) 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11}, bytes);
        }

        @Test
        void readsDoNotMarkPagesDirty() throws GuestPageFaultException {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            mmu.readLong(KERNEL);
            assertEquals(A, tables.entry(KERNEL, SIZE_4K) & (A | D));
        }

        @Test
        void thatCannotBeFinishedHaveNoEffect() {
            tables.map(KERNEL, FRAME, SIZE_4K, P | W);
            GuestPageFaultException fault =
                    assertThrows(
                            GuestPageFaultException.class,
                            () -> mmu.writeValue(KERNEL + 0xffe, 4, -1));
            assertEquals(2, fault.errorCode());
            assertEquals(KERNEL + 0x1000, fault.gva() & -4096);
            assertEquals(0, memory.getShort(FRAME + 0xffe));
        }

        @Test
        void obeyWriteProtection() {
            tables.map(KERNEL, FRAME, SIZE_4K, P);
            GuestPageFaultException fault =
                    assertThrows(
                            GuestPageFaultException.class, () -> mmu.writeLong(KERNEL + 8, -1));
            assertEquals(3, fault.errorCode());
            assertEquals(KERNEL + 8, fault.gva());
        }

        @Test
        void thatAreLedOutOfRamSaySo() {
            tables.map(KERNEL, 0xfec0_0000L, SIZE_4K, P | W);
            assertThrows(NotRamException.class, () -> mmu.readLong(KERNEL));
            assertThrows(NotRamException.class, () -> mmu.writeValue(KERNEL + 1, 4, 0));
        }

        @Test
        void toAddressesThatAreNotCanonicalAreProtectionFaults() {
            long notCanonical = 0x8000_0000_0000L;
            assertThrows(GeneralProtectionException.class, () -> mmu.readLong(notCanonical));
            assertThrows(
                    GeneralProtectionException.class, () -> mmu.writeValue(notCanonical, 4, 0));
        }
    }

    @Nested
    final class Fetching {
        private final byte[] into = new byte[32];

        @Test
        void readsAcrossPages() {
            tables.map(KERNEL, FRAME, SIZE_4K, P);
            tables.map(KERNEL + 0x1000, FRAME + 0x8000, SIZE_4K, P);
            memory.setByte(FRAME + 0xfff, (byte) 0x48);
            memory.setByte(FRAME + 0x8000, (byte) 0x89);
            assertEquals(15, mmu.fetch(KERNEL + 0xfff, into, 15));
            assertEquals(0x48, into[0]);
            assertEquals((byte) 0x89, into[1]);
            assertEquals(A, tables.entry(KERNEL, SIZE_4K) & (A | D));
        }

        @Test
        void endsWhereNothingIsExecutable() {
            tables.map(KERNEL, FRAME, SIZE_4K, P);
            assertEquals(3, mmu.fetch(KERNEL + 0xffd, into, 15));
            tables.map(KERNEL + 0x1000, FRAME, SIZE_4K, P | NX);
            assertEquals(3, mmu.fetch(KERNEL + 0xffd, into, 15));
            tables.map(KERNEL + 0x1000, 0xfec0_0000L, SIZE_4K, P);
            assertEquals(3, mmu.fetch(KERNEL + 0xffd, into, 15));
            assertEquals(0, mmu.fetch(KERNEL + 0x2000, into, 15));
        }

        @Test
        void doesNotTakeAnAddressThatIsNotCanonicalForAnother() {
            tables.map(KERNEL, FRAME, SIZE_4K, P);
            long alias = KERNEL & 0xffff_ffff_ffffL;
            assertEquals(0, mmu.fetch(alias, into, 15));
            assertEquals(-1, mmu.gfnOf(alias));
        }

        @Test
        void tellsFrames() {
            tables.map(KERNEL, 0x40_0000, SIZE_2M, P);
            assertEquals(0x403, mmu.gfnOf(KERNEL + 0x3456));
            assertEquals(-1, mmu.gfnOf(KERNEL + 2 * MB));
        }
    }
}
