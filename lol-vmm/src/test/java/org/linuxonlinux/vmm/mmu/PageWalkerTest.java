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
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_1G;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_2M;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_4K;
import static org.linuxonlinux.vmm.mmu.GuestTables.U;
import static org.linuxonlinux.vmm.mmu.GuestTables.W;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.memory.GuestMemory;

final class PageWalkerTest {
    private static final long GVA = 0xffff_8880_4020_1000L;
    private static final long PAT_LARGE = 1L << 12;

    private final GuestMemory memory = GuestMemory.anonymous(8 << 20);
    private final GuestTables tables = new GuestTables(memory, 0x1000);
    private final PageWalker walker = new PageWalker(memory);

    @AfterEach
    void close() {
        memory.close();
    }

    private boolean walk(long gva) {
        return walker.walk(tables.rootGpa(), gva);
    }

    @Test
    void translatesThroughPagesOf4KB() {
        long leafGpa = tables.map(GVA, 0x12_3000, SIZE_4K, P | W);
        assertTrue(walk(GVA + 0xabc));
        assertTrue(walker.isPresent());
        assertEquals(0x12_3abc, walker.gpa());
        assertEquals(12, walker.pageShift());
        assertEquals(4096, walker.pageSizeBytes());
        assertEquals(leafGpa, walker.leafGpa());
    }

    @Test
    void translatesThroughPagesOf2MB() {
        tables.map(GVA, 0x20_0000, SIZE_2M, P | W | PAT_LARGE);
        assertTrue(walk(GVA + 0xabc));
        assertEquals(0x20_0000 + (GVA & 0x1f_ffff) + 0xabc, walker.gpa());
        assertEquals(21, walker.pageShift());
    }

    @Test
    void translatesThroughPagesOf1GB() {
        tables.map(GVA, 0x1_4000_0000L, SIZE_1G, P | PAT_LARGE);
        assertTrue(walk(GVA + 0xabc));
        assertEquals(0x1_4000_0000L + (GVA & 0x3fff_ffff) + 0xabc, walker.gpa());
        assertEquals(30, walker.pageShift());
    }

    @Test
    void keepsFrameBitsUpTo51() {
        tables.map(GVA, 0x000f_ffff_ffff_f000L, SIZE_4K, P | NX | (0x7ffL << 52));
        assertTrue(walk(GVA));
        assertEquals(0x000f_ffff_ffff_f000L, walker.gpa());
    }

    @Test
    void usesBit7OfALastLevelEntryAsPatOnly() {
        tables.map(GVA, 0x12_3000, SIZE_4K, P | PageTables.LARGE);
        assertTrue(walk(GVA));
        assertEquals(12, walker.pageShift());
    }

    @ParameterizedTest
    @ValueSource(ints = {39, 30, 21, 12})
    void failsWhereAnyLevelIsAbsentAndTellsWhich(int shift) {
        tables.map(GVA, 0x12_3000, SIZE_4K, P | W);
        tables.setEntry(GVA, shift, tables.entry(GVA, shift) & ~P);
        assertFalse(walk(GVA));
        assertFalse(walker.isPresent());
        assertEquals(shift, walker.pageShift());
    }

    @Test
    void failsWhereATableIsNotInRam() {
        tables.map(GVA, 0x12_3000, SIZE_4K, P | W);
        tables.setEntry(GVA, SIZE_2M, 0x7000_0000L | P | W);
        assertFalse(walk(GVA));
        assertFalse(walker.walk(0x7000_0000L, GVA));
    }

    @ParameterizedTest
    @ValueSource(ints = {39, 30, 21, 12})
    void grantsOnlyWhatEveryLevelGrants(int shift) {
        tables.map(GVA, 0x12_3000, SIZE_4K, P | W | U);
        assertTrue(walk(GVA));
        assertTrue(walker.isWritable() && walker.isUser() && walker.isExecutable());
        long entry = tables.entry(GVA, shift);
        tables.setEntry(GVA, shift, entry & ~W);
        assertTrue(walk(GVA));
        assertFalse(walker.isWritable());
        tables.setEntry(GVA, shift, entry & ~U);
        assertTrue(walk(GVA));
        assertFalse(walker.isUser());
        assertTrue(walker.isWritable());
        tables.setEntry(GVA, shift, entry | NX);
        assertTrue(walk(GVA));
        assertFalse(walker.isExecutable());
    }

    @Test
    void takesGlobalFromTheLeafAlone() {
        tables.map(GVA, 0x12_3000, SIZE_4K, P);
        tables.setEntry(GVA, SIZE_2M, tables.entry(GVA, SIZE_2M) | G);
        assertTrue(walk(GVA));
        assertFalse(walker.isGlobal());
        tables.map(GVA, 0x12_3000, SIZE_4K, P | G);
        assertTrue(walk(GVA));
        assertTrue(walker.isGlobal());
    }

    @Test
    void setsAccessedInEveryTableEntryButNotInTheLeaf() {
        tables.map(GVA, 0x12_3000, SIZE_4K, P | W);
        assertTrue(walk(GVA));
        for (int shift = 39; shift > SIZE_4K; shift -= 9) {
            assertEquals(A, tables.entry(GVA, shift) & (A | D), "level " + shift);
        }
        assertEquals(0, tables.entry(GVA, SIZE_4K) & (A | D));
        assertFalse(walker.isAccessed());
    }

    @ParameterizedTest
    @ValueSource(ints = {SIZE_4K, SIZE_2M, SIZE_1G})
    void touchSetsAccessedAndOnAWriteDirtyInTheLeaf(int shift) {
        tables.map(GVA, 0x4000_0000, shift, P | W);
        assertTrue(walk(GVA));
        walker.touch(false);
        assertEquals(A, tables.entry(GVA, shift) & (A | D));
        assertTrue(walker.isAccessed());
        assertFalse(walker.isDirty());
        walker.touch(true);
        assertEquals(A | D, tables.entry(GVA, shift) & (A | D));
        assertTrue(walker.isDirty());
        assertEquals(tables.entry(GVA, shift), walker.leaf());
    }

    @Test
    void touchOfOnePageLeavesItsNeighboursAlone() {
        tables.map(GVA, 0x12_3000, SIZE_4K, P | W);
        tables.map(GVA + 0x1000, 0x12_4000, SIZE_4K, P | W);
        assertTrue(walk(GVA));
        walker.touch(true);
        assertEquals(0, tables.entry(GVA + 0x1000, SIZE_4K) & (A | D));
    }
}
