// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.Undo;

final class TranslatorTest {
    private static final long RIP = 0xffff_ffff_8100_0000L;
    private static final long OTHER_PAGE = RIP + 0x5000;
    private static final int CACHE_BYTES = 1 << 22;
    private static final GateEntries GATE =
            new GateEntries(0x7be0_0000_0000L, 0x7be0_0000_0100L, 0x7be0_0000_0200L, 0);

    private final FakeGuest guest = new FakeGuest();
    private final Map<Long, Long> table = new HashMap<>();
    private final CodeCache cache = CodeCache.create(CACHE_BYTES);
    private final HostPosition position = new HostPosition();
    private Translator translator = translator(1);

    private Translator translator(int eagerBlocks) {
        return new Translator(guest, cache, this::putEntry, GATE, InlinePorts.NONE, eagerBlocks);
    }

    private void putEntry(long guestRip, long entryHva) {
        if (entryHva == 0) {
            table.remove(guestRip);
        } else {
            table.put(guestRip, entryHva);
        }
    }

    @AfterEach
    void close() {
        translator.close();
        cache.close();
    }

    /** HVA that the jump at the direct entry of a block goes to; the block is a single jump. */
    private long jumpTarget(TranslationBlock block) {
        int start = cache.offsetOf(block.entryHva());
        byte[] code = cache.copy(start, 16);
        int at = 0;
        while ((code[at] & 0xff) != 0xe9) {
            at++;
        }
        return cache.hvaOf(cache.rel32Target(start + at + 1));
    }

    @Test
    void findsTheSameBlockAgain() {
        guest.put(RIP, 0x90, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        assertEquals(2, block.guestBytes());
        assertEquals(2, block.instructionCount());
        assertSame(block, translator.blockAt(RIP));
        assertEquals(0, block.entryHva() & 7, "killing the entry is one aligned store");
        assertEquals(1, translator.counters().blocks());
    }

    @Test
    void protectsAFrameBeforeItsFirstBlock() {
        guest.put(RIP, 0xf4);
        assertFalse(translator.hasCode(guest.gfnOf(RIP)));
        translator.blockAt(RIP);
        assertTrue(guest.protectedFrames.contains(guest.gfnOf(RIP)));
        assertTrue(translator.hasCode(guest.gfnOf(RIP)));
    }

    @Test
    void returnsNullWhereNothingIsMapped() {
        assertNull(translator.blockAt(RIP));
        assertEquals(RIP, translator.fetchFaultGva());
    }

    @Test
    void returnsNullIfTheFirstInstructionReachesIntoAnUnmappedPage() {
        guest.put(RIP + 0xfff, 0xe9);
        assertNull(translator.blockAt(RIP + 0xfff));
        assertEquals(RIP + 0x1000, translator.fetchFaultGva());
    }

    @Test
    void endsBeforeAnInstructionThatReachesIntoAnUnmappedPage() {
        guest.put(RIP + 0xffe, 0x90, 0xe9);
        assertEquals(1, translator.blockAt(RIP + 0xffe).guestBytes());
    }

    @Test
    void anInstructionAcrossPagesBelongsToBothFrames() {
        guest.put(RIP + 0xfff, 0x48, 0x89, 0xc3, 0xf4);
        TranslationBlock block = translator.blockAt(RIP + 0xfff);
        assertEquals(3, block.guestBytes());
        translator.invalidateFrame(guest.gfnOf(RIP + 0x1000));
        assertTrue(block.isDead());
        assertFalse(translator.hasCode(guest.gfnOf(RIP)));
        assertFalse(translator.hasCode(guest.gfnOf(RIP + 0x1000)));
    }

    @Test
    void unchainedJumpLeavesWithItsSite() {
        guest.put(RIP, 0xeb, 0x10);
        guest.put(RIP + 0x12, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        long stub = jumpTarget(block);
        assertTrue(translator.locate(stub, position));
        assertTrue(position.isExiting());
        assertEquals(RIP + 0x12, position.guestRip());
        translator.link(siteOf(stub));
        TranslationBlock target = translator.findBlock(RIP + 0x12);
        assertNotNull(target);
        assertEquals(target.entryHva(), jumpTarget(block));
    }

    /** Site id that the exit code at an HVA stores. */
    private int siteOf(long stubHva) {
        byte[] code = cache.copy(cache.offsetOf(stubHva), 11);
        return (code[7] & 0xff) | (code[8] & 0xff) << 8;
    }

    @Test
    void aWaitingJumpIsChainedWhenItsTargetAppears() {
        guest.put(RIP, 0xeb, 0x10);
        guest.put(RIP + 0x12, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        TranslationBlock target = translator.blockAt(RIP + 0x12);
        assertEquals(target.entryHva(), jumpTarget(block));
    }

    @Test
    void killingATargetUnchainsItsJumpsAndItsEntry() {
        guest.put(RIP, 0xe9, 0xfb, 0x4f, 0, 0);
        guest.put(OTHER_PAGE, 0x90, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        TranslationBlock target = translator.blockAt(OTHER_PAGE);
        assertEquals(target.entryHva(), jumpTarget(block));
        translator.invalidateFrame(guest.gfnOf(OTHER_PAGE));
        assertTrue(target.isDead());
        assertFalse(block.isDead());
        assertNull(translator.findBlock(OTHER_PAGE));
        assertTrue(translator.locate(jumpTarget(block), position));
        assertTrue(position.isExiting());
        assertEquals(OTHER_PAGE, position.guestRip());
        // The dead entry leaves for its guest RIP, too.
        assertTrue(translator.locate(jumpTarget(target), position));
        assertEquals(OTHER_PAGE, position.guestRip());
        // A host RIP in the dead block still says where the guest is.
        assertTrue(translator.locate(target.entryHva() + 1, position));
        assertTrue(position.inDeadBlock());
        assertEquals(OTHER_PAGE + 1, position.guestRip());

        TranslationBlock again = translator.blockAt(OTHER_PAGE);
        assertFalse(again.isDead());
        assertEquals(again.entryHva(), jumpTarget(block));
    }

    @Test
    void aBlockMayJumpToItself() {
        guest.put(RIP, 0xeb, 0xfe);
        TranslationBlock block = translator.blockAt(RIP);
        assertEquals(block.entryHva(), jumpTarget(block));
        translator.invalidateFrame(guest.gfnOf(RIP));
        assertTrue(block.isDead());
        assertNotNull(translator.blockAt(RIP));
    }

    @Test
    void branchTableFollowsTheBlock() {
        guest.put(RIP, 0xf4);
        translator.blockAt(RIP);
        assertTrue(table.isEmpty());
        translator.fillBranchTable(RIP);
        assertEquals(translator.findBlock(RIP).indirectEntryHva(), table.get(RIP));
        translator.invalidateFrame(guest.gfnOf(RIP));
        assertTrue(table.isEmpty());
        // Once an indirect target, always one.
        TranslationBlock again = translator.blockAt(RIP);
        assertEquals(again.indirectEntryHva(), table.get(RIP));
    }

    @Test
    void returnPointsEnterTheBranchTableAsSoonAsTheyAreTranslated() {
        translator = translator(2);
        guest.put(RIP, 0xe8, 0x20, 0, 0, 0, 0xf4);
        guest.put(RIP + 0x25, 0xc3);
        translator.blockAt(RIP);
        assertEquals(1, table.size());
        assertTrue(table.containsKey(RIP + 5));
    }

    @Test
    void makingAnInstructionDynamicKillsEveryBlockWithIt() {
        guest.put(RIP, 0x90, 0x48, 0x8b, 0x03, 0xf4);
        TranslationBlock whole = translator.blockAt(RIP);
        TranslationBlock tail = translator.blockAt(RIP + 1);
        TranslationBlock after = translator.blockAt(RIP + 4);
        translator.makeDynamic(RIP + 1);
        assertTrue(whole.isDead());
        assertTrue(tail.isDead());
        assertFalse(after.isDead());
        assertTrue(translator.isDynamic(RIP + 1));
        assertTrue(translator.blockAt(RIP + 1).hostBytes() > tail.hostBytes());
        // A second report changes nothing.
        TranslationBlock block = translator.blockAt(RIP);
        translator.makeDynamic(RIP + 1);
        assertFalse(block.isDead());
    }

    @Test
    void blocksOfARemappedPageDie() {
        guest.put(RIP, 0x90, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        translator.revalidateMappings();
        assertFalse(block.isDead());
        guest.map(RIP, 0x7777);
        translator.invalidatePage(RIP + 0x123);
        assertTrue(block.isDead());
        guest.put(RIP, 0xf4);
        assertEquals(1, translator.blockAt(RIP).guestBytes());
        guest.unmap(RIP);
        translator.revalidateMappings();
        assertNull(translator.findBlock(RIP));
    }

    @Test
    void aStaleMappingIsNoticedWhenTheBlockIsLookedUp() {
        guest.put(RIP, 0x90, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        guest.map(RIP, 0x7777);
        guest.put(RIP, 0xf4);
        assertNotSame(block, translator.blockAt(RIP));
        assertTrue(block.isDead());
    }

    @Test
    void flushesAndGoesOnWhenTheCacheIsFull() {
        long rip = RIP;
        for (int page = 0; page < 64; page++) {
            for (int i = 0; i < 4096; i += 2) {
                guest.put(RIP + page * 4096L + i, 0xeb, 0x00);
            }
        }
        translator.fillBranchTable(RIP);
        TranslationBlock first = translator.findBlock(RIP);
        int generation = translator.generation();
        while (translator.generation() == generation) {
            assertNotNull(translator.blockAt(rip));
            rip += 2;
        }
        assertTrue(first.isDead());
        assertTrue(table.isEmpty());
        assertNull(translator.findBlock(RIP));
        assertNotNull(translator.blockAt(RIP));
        assertEquals(1, table.size(), "indirect targets outlive a flush");
        assertEquals(1, translator.counters().flushes());
    }

    @Test
    void manyUnchainedJumpsIntoADyingPageMayExhaustTheColdPart() {
        // Every page is full of jumps to one place; killing that place needs exit code for all.
        translator.close();
        try (CodeCache small = CodeCache.create(1 << 20)) {
            translator = new Translator(guest, small, this::putEntry, GATE, InlinePorts.NONE, 1);
            long target = RIP + 0x10_0000;
            guest.put(target, 0xf4);
            translator.blockAt(target);
            for (int i = 0; i < 200_000; i += 5) {
                int rel = (int) (target - (RIP + i + 5));
                guest.put(RIP + i, 0xe9, rel, rel >> 8, rel >> 16, rel >> 24);
            }
            long rip = RIP;
            int generation = translator.generation();
            while (small.freeBytes() > 600_000) {
                translator.blockAt(rip);
                rip += 5;
            }
            assertEquals(generation, translator.generation());
            translator.blockAt(target);
            translator.invalidateFrame(guest.gfnOf(target));
            translator.blockAt(target);
            assertNotNull(translator.findBlock(target));
            translator.close();
        }
        translator = translator(1);
    }

    @Test
    void locatesCommonExitCodeAndNothingElseOutsideOfBlocks() {
        guest.put(RIP, 0xf4);
        TranslationBlock block = translator.blockAt(RIP);
        assertTrue(translator.locate(cache.baseHva(), position));
        assertTrue(position.isExiting());
        assertNull(position.block());
        assertFalse(translator.locate(cache.baseHva() - 1, position));
        assertFalse(translator.locate(block.indirectEntryHva() + block.hostBytes(), position));
        assertTrue(translator.locate(block.indirectEntryHva(), position));
        assertTrue(Undo.isRcxSpilled(position.undo()));
        assertFalse(position.atBoundary());
        assertTrue(translator.locate(block.entryHva(), position));
        assertTrue(position.atBoundary());
    }

    @Test
    void stiAndHltAreOne() {
        guest.put(RIP, 0xfb, 0xf4, 0x90);
        TranslationBlock block = translator.blockAt(RIP);
        for (long hva = block.entryHva(); translator.locate(hva, position); hva++) {
            if (position.block() == block) {
                assertEquals(RIP, position.guestRip(), "no boundary between sti and hlt");
            }
        }
        assertNotEquals(0, block.hostBytes());
    }

    @Test
    void lowCodeLeavesForIndirectBranches() {
        guest.put(0x100_0000L, 0xc3);
        guest.put(RIP, 0xc3);
        TranslationBlock low = translator.blockAt(0x100_0000L);
        assertEquals(-1, low.branchTableJumpOffset);
        TranslationBlock high = translator.blockAt(RIP);
        long jump = high.indirectEntryHva() + high.branchTableJumpOffset;
        assertTrue(translator.locate(jump, position));
        assertTrue(position.isBranchTableJump());
        translator.fillBranchTable(0x100_0000L);
        assertTrue(table.isEmpty());
    }

    @Test
    void eagerTranslationStopsAtItsBudgetAndAtUnmappedPages() {
        translator = translator(10);
        for (int i = 0; i < 4096; i += 2) {
            guest.put(RIP + i, 0x75, 0x02);
        }
        translator.blockAt(RIP);
        assertTrue(translator.counters().blocks() <= 10);
        guest.put(OTHER_PAGE, 0xe9, 0, 0x10, 0, 0);
        assertNotNull(translator.blockAt(OTHER_PAGE));
    }
}
