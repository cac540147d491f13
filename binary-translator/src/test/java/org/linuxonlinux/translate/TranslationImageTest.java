// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Dormant blocks: killed ones of the same run, and those of an image. */
final class TranslationImageTest {
    private static final long RIP = 0xffff_ffff_8100_0000L;
    private static final long OTHER_PAGE = RIP + 0x5000;
    private static final int CACHE_BYTES = 1 << 22;
    private static final int ALL = CACHE_BYTES;
    private static final GateEntries GATE =
            new GateEntries(0x7be0_0000_0000L, 0x7be0_0000_0100L, 0x7be0_0000_0200L, 0);

    /** One boot: a guest's memory, a translator and what belongs to it. */
    private final class Run {
        final CodeCache cache = CodeCache.create(CACHE_BYTES);
        final Map<Long, Long> table = new HashMap<>();
        final Translator translator =
                new Translator(guest, cache, table::put, GATE, InlinePorts.NONE, 1);

        Run() {
            runs.add(this);
        }

        Run(TranslationImage image) {
            this();
            assertTrue(translator.load(unpack(image)));
        }

        DormantBlocks unpack(TranslationImage image) {
            return new DormantBlocks(image, cache, table::put);
        }

        byte[] code(TranslationBlock block) {
            return cache.copy(cache.offsetOf(block.indirectEntryHva()), block.hostBytes());
        }

        long jumpTarget(TranslationBlock block) {
            int start = cache.offsetOf(block.entryHva());
            return cache.hvaOf(cache.rel32Target(start + 1 + codeBeforeJump(block)));
        }

        private int codeBeforeJump(TranslationBlock block) {
            byte[] code = code(block);
            int at = CodeCache.INDIRECT_ENTRY_BYTES;
            while ((code[at] & 0xff) != 0xe9) {
                at++;
            }
            return at - CodeCache.INDIRECT_ENTRY_BYTES;
        }
    }

    private final List<Run> runs = new ArrayList<>();
    private final FakeGuest guest = new FakeGuest();
    private final HostPosition position = new HostPosition();

    @AfterEach
    void close() {
        for (Run run : runs) {
            run.translator.close();
            run.cache.close();
        }
    }

    /** A loop over two pages, and a call. */
    private Run runOfThreeBlocks() {
        guest.put(RIP, 0x48, 0x8b, 0x03, 0xe9, 0xf8, 0x4f, 0, 0);
        guest.put(OTHER_PAGE, 0x50, 0xe8, 0x3a, 0, 0, 0);
        guest.put(OTHER_PAGE + 0x40, 0x5b, 0xf4);
        Run run = new Run();
        run.translator.blockAt(RIP);
        run.translator.fillBranchTable(OTHER_PAGE);
        run.translator.blockAt(OTHER_PAGE + 0x40);
        return run;
    }

    @Test
    void blocksOfAnEarlierRunAreNotTranslatedAgain() {
        Run first = runOfThreeBlocks();
        Run second = new Run(first.translator.image(ALL));
        guest.protectedFrames.clear();
        TranslationBlock block = second.translator.blockAt(RIP);
        TranslationBlock target = second.translator.blockAt(OTHER_PAGE);
        assertEquals(0, second.translator.counters().blocks());
        assertEquals(3, second.translator.counters().loadedBlocks());
        assertEquals(target.entryHva(), second.jumpTarget(block));
        assertEquals(target.indirectEntryHva(), second.table.get(OTHER_PAGE));
        assertTrue(guest.protectedFrames.contains(guest.gfnOf(RIP)));
        assertTrue(guest.protectedFrames.contains(guest.gfnOf(OTHER_PAGE)));
    }

    @Test
    void aLoadedBlockIsWhatATranslationWouldYield() {
        Run first = runOfThreeBlocks();
        Run second = new Run(first.translator.image(ALL));
        for (long guestRip : new long[] {RIP, OTHER_PAGE, OTHER_PAGE + 0x40}) {
            TranslationBlock translated = first.translator.blockAt(guestRip);
            TranslationBlock loaded = second.translator.blockAt(guestRip);
            assertEquals(translated.indirectEntryHva(), loaded.indirectEntryHva());
            assertEquals(translated.guestBytes(), loaded.guestBytes());
            assertEquals(translated.instructionCount(), loaded.instructionCount());
            assertEquals(translated.branchTableJumpOffset, loaded.branchTableJumpOffset);
            assertArrayEquals(first.code(translated), second.code(loaded));
            long end = loaded.indirectEntryHva() + loaded.hostBytes();
            for (long hva = loaded.indirectEntryHva(); hva < end; hva++) {
                assertTrue(first.translator.locate(hva, position));
                long expectedRip = position.guestRip();
                int expectedUndo = position.undo();
                assertTrue(second.translator.locate(hva, position));
                assertEquals(expectedRip, position.guestRip());
                assertEquals(expectedUndo, position.undo());
                assertSame(loaded, position.block());
            }
        }
    }

    @Test
    void aBlockWhoseGuestBytesChangedIsTranslatedAgain() {
        Run first = runOfThreeBlocks();
        TranslationImage image = first.translator.image(ALL);
        guest.put(OTHER_PAGE, 0x51);
        Run second = new Run(image);
        TranslationBlock block = second.translator.blockAt(RIP);
        assertNull(second.translator.findBlock(OTHER_PAGE));
        TranslationBlock target = second.translator.blockAt(OTHER_PAGE);
        assertEquals(1, second.translator.counters().blocks());
        assertEquals(2, second.translator.counters().loadedBlocks());
        assertEquals(target.entryHva(), second.jumpTarget(block));
        byte[] code = second.code(target);
        assertEquals(0x51, code[CodeCache.INDIRECT_ENTRY_BYTES], "push rcx, not push rax");
    }

    @Test
    void everyByteOfABlockCounts() {
        guest.put(RIP + 0xffd, 0x50, 0x48, 0x89, 0xc3, 0xf4);
        Run first = new Run();
        TranslationBlock block = first.translator.blockAt(RIP + 0xffd);
        assertEquals(4, block.guestBytes());
        TranslationImage image = first.translator.image(ALL);
        int[] original = {0x50, 0x48, 0x89, 0xc3};
        for (int i = 0; i < original.length; i++) {
            guest.put(RIP + 0xffd + i, original[i] ^ 1);
            Run second = new Run(image);
            second.translator.blockAt(RIP + 0xffd);
            assertEquals(0, second.translator.counters().loadedBlocks(), "byte " + i);
            guest.put(RIP + 0xffd + i, original[i]);
        }
        Run second = new Run(image);
        second.translator.blockAt(RIP + 0xffd);
        assertEquals(1, second.translator.counters().loadedBlocks());
        // The second page is watched, too.
        second.translator.invalidateFrame(guest.gfnOf(RIP + 0x1000));
        assertNull(second.translator.findBlock(RIP + 0xffd));
    }

    @Test
    void aBlockIsNotRevivedWhereItsSecondPageIsGone() {
        guest.put(RIP + 0xffe, 0x90, 0x48, 0x89, 0xc3, 0xf4);
        Run first = new Run();
        first.translator.blockAt(RIP + 0xffe);
        TranslationImage image = first.translator.image(ALL);
        guest.unmap(RIP + 0x1000);
        Run second = new Run(image);
        assertEquals(1, second.translator.blockAt(RIP + 0xffe).guestBytes());
        assertEquals(0, second.translator.counters().loadedBlocks());
    }

    @Test
    void anUndefinedInstructionIsAlwaysLookedAtAgain() {
        guest.put(RIP, 0x90, 0x0f, 0xff, 0x00);
        guest.put(RIP + 0x100, 0x90, 0x0f, 0x04);
        Run first = new Run();
        first.translator.blockAt(RIP);
        first.translator.blockAt(RIP + 0x100);
        // Only bytes behind the first one of the undefined instruction change.
        guest.put(RIP + 0x102, 0xa2);
        Run second = new Run(first.translator.image(ALL));
        assertEquals(3, second.translator.blockAt(RIP + 0x100).guestBytes());
        assertEquals(0, second.translator.counters().loadedBlocks());
    }

    @Test
    void anUnchangedBlockOfAWrittenFrameIsRevived() {
        Run run = runOfThreeBlocks();
        TranslationBlock block = run.translator.blockAt(OTHER_PAGE + 0x40);
        byte[] code = run.code(block);
        for (int round = 0; round < 3; round++) {
            guest.put(OTHER_PAGE, 0x50 + round);
            run.translator.invalidateFrame(guest.gfnOf(OTHER_PAGE));
            assertTrue(block.isDead());
            assertNotEquals(code[8], run.code(block)[8], "a dead entry is a jump");
            TranslationBlock again = run.translator.blockAt(OTHER_PAGE + 0x40);
            assertFalse(again.isDead());
            assertEquals(block.entryHva(), again.entryHva());
            assertArrayEquals(code, run.code(again));
            assertTrue(run.translator.hasCode(guest.gfnOf(OTHER_PAGE)));
            assertTrue(run.translator.locate(again.entryHva(), position));
            assertSame(again, position.block());
        }
        assertEquals(3, run.translator.counters().blocks());
    }

    @Test
    void chainsAreAsBeforeWhenBothEndsWereRevived() {
        Run run = runOfThreeBlocks();
        TranslationBlock block = run.translator.blockAt(RIP);
        TranslationBlock target = run.translator.blockAt(OTHER_PAGE);
        for (boolean targetFirst : new boolean[] {true, false}) {
            long firstRip = targetFirst ? OTHER_PAGE : RIP;
            long secondRip = targetFirst ? RIP : OTHER_PAGE;
            run.translator.invalidateFrame(guest.gfnOf(firstRip));
            run.translator.invalidateFrame(guest.gfnOf(secondRip));
            run.translator.blockAt(RIP);
            assertTrue(run.translator.locate(run.jumpTarget(block), position));
            assertTrue(position.isExiting(), "no target yet");
            run.translator.blockAt(OTHER_PAGE);
            assertEquals(target.entryHva(), run.jumpTarget(block));
            run.translator.invalidateFrame(guest.gfnOf(OTHER_PAGE));
            assertTrue(run.translator.locate(run.jumpTarget(block), position));
            assertTrue(position.isExiting(), "unchained with its target");
            run.translator.blockAt(OTHER_PAGE);
            assertEquals(target.entryHva(), run.jumpTarget(block));
        }
        assertEquals(3, run.translator.counters().blocks());
    }

    @Test
    void versionsOfABlockAreKeptSideBySide() {
        guest.put(RIP, 0x50, 0xf4);
        Run first = new Run();
        first.translator.blockAt(RIP);
        guest.put(RIP, 0x51);
        first.translator.invalidateFrame(guest.gfnOf(RIP));
        first.translator.blockAt(RIP);
        Run second = new Run(first.translator.image(ALL));
        for (int opcode : new int[] {0x50, 0x51, 0x50}) {
            guest.put(RIP, opcode);
            second.translator.invalidateFrame(guest.gfnOf(RIP));
            TranslationBlock block = second.translator.blockAt(RIP);
            assertEquals(opcode, second.code(block)[CodeCache.INDIRECT_ENTRY_BYTES]);
        }
        assertEquals(0, second.translator.counters().blocks());
    }

    @Test
    void aPageMappedToAnotherFrameIsComparedAgain() {
        guest.put(RIP, 0x50, 0xf4);
        Run run = new Run();
        TranslationBlock block = run.translator.blockAt(RIP);
        guest.map(RIP, 0x9999);
        run.translator.invalidatePage(RIP);
        assertTrue(block.isDead());
        guest.put(RIP, 0x50, 0xf4);
        TranslationBlock again = run.translator.blockAt(RIP);
        assertNotSame(block, again);
        assertTrue(block.isDead());
        assertEquals(1, run.translator.counters().revivedBlocks());
        run.translator.invalidateFrame(0x9999);
        assertTrue(again.isDead());
    }

    @Test
    void aBlockMadeBeforeAnInstructionBecameDynamicIsNotRevived() {
        guest.put(RIP, 0x48, 0x8b, 0x03, 0xf4);
        Run first = new Run();
        TranslationBlock plain = first.translator.blockAt(RIP);
        first.translator.makeDynamic(RIP);
        TranslationBlock dynamic = first.translator.blockAt(RIP);
        assertNotEquals(plain.entryHva(), dynamic.entryHva());
        Run second = new Run(first.translator.image(ALL));
        assertTrue(second.translator.isDynamic(RIP));
        assertEquals(dynamic.entryHva(), second.translator.blockAt(RIP).entryHva());
        assertEquals(0, second.translator.counters().blocks());
        // Nor one that lies dormant when it happens.
        second.translator.invalidateFrame(guest.gfnOf(RIP));
        Run third = new Run(second.translator.image(ALL));
        assertEquals(dynamic.entryHva(), third.translator.blockAt(RIP).entryHva());
    }

    @Test
    void aLoadedBlockIsNotRevivedAfterItsInstructionBecameDynamic() {
        guest.put(RIP, 0x48, 0x8b, 0x03, 0xf4);
        Run first = new Run();
        TranslationBlock plain = first.translator.blockAt(RIP);
        Run second = new Run(first.translator.image(ALL));
        second.translator.makeDynamic(RIP);
        assertNotEquals(plain.entryHva(), second.translator.blockAt(RIP).entryHva());
        assertEquals(1, second.translator.counters().blocks());
    }

    @Test
    void anImageOfAnotherExceptionTableIsRefused() {
        guest.put(RIP, 0x48, 0x8b, 0x03, 0xf4);
        Run first = new Run();
        first.translator.blockAt(RIP);
        Run second = new Run();
        second.translator.addDynamic(new long[] {RIP});
        assertFalse(second.translator.load(second.unpack(first.translator.image(ALL))));
        second.translator.blockAt(RIP);
        assertEquals(1, second.translator.counters().blocks());
    }

    @Test
    void linkFieldsOfAnImageLeadToNoCode() {
        Run first = runOfThreeBlocks();
        Run second = new Run(first.translator.image(ALL));
        TranslationBlock block = first.translator.blockAt(RIP);
        long target = second.jumpTarget(block);
        assertFalse(second.cache.contains(target));
    }

    @Test
    void anImageHoldsDeadBlocksAsEmitted() {
        Run first = runOfThreeBlocks();
        byte[] code = first.code(first.translator.blockAt(OTHER_PAGE + 0x40));
        first.translator.invalidateFrame(guest.gfnOf(OTHER_PAGE));
        Run second = new Run(first.translator.image(ALL));
        TranslationBlock block = second.translator.blockAt(OTHER_PAGE + 0x40);
        assertArrayEquals(code, second.code(block));
        assertEquals(0, second.translator.counters().blocks());
    }

    @Test
    void anImageCanBeCutAfterSoMuchCode() {
        Run first = runOfThreeBlocks();
        int twoBlocks =
                first.cache.offsetOf(first.translator.blockAt(OTHER_PAGE + 0x40).indirectEntryHva())
                        - first.cache.commonEnd();
        TranslationImage image = first.translator.image(twoBlocks);
        assertEquals(2, image.blockCount());
        Run second = new Run(image);
        second.translator.blockAt(RIP);
        second.translator.blockAt(OTHER_PAGE);
        second.translator.blockAt(OTHER_PAGE + 0x40);
        assertEquals(2, second.translator.counters().loadedBlocks());
        assertEquals(1, second.translator.counters().blocks());
        assertEquals(0, first.translator.image(0).blockCount());
    }

    @Test
    void anImageOfALoadedRunHoldsOldAndNew() {
        Run first = runOfThreeBlocks();
        guest.put(RIP + 0x800, 0x90, 0xf4);
        Run second = new Run(first.translator.image(ALL));
        second.translator.blockAt(RIP + 0x800);
        TranslationImage image = second.translator.image(ALL);
        assertEquals(4, image.blockCount());
        Run third = new Run(image);
        third.translator.blockAt(RIP + 0x800);
        third.translator.blockAt(OTHER_PAGE + 0x40);
        third.translator.blockAt(RIP);
        assertEquals(0, third.translator.counters().blocks());
        assertEquals(4, third.translator.counters().loadedBlocks());
    }

    @Test
    void aFlushForgetsLoadedBlocks() {
        Run first = runOfThreeBlocks();
        Run second = new Run(first.translator.image(ALL));
        second.translator.blockAt(RIP);
        second.translator.flush();
        second.translator.blockAt(RIP);
        assertEquals(1, second.translator.counters().blocks());
    }

    @Test
    void aHostRipInADormantBlockIsNobodys() {
        Run first = runOfThreeBlocks();
        long hva = first.translator.blockAt(RIP).entryHva();
        Run second = new Run(first.translator.image(ALL));
        assertFalse(second.translator.locate(hva, position));
    }

    @Test
    void bytesThatDoNotFitTheirCountsAreNoImage() {
        TranslationImage image = runOfThreeBlocks().translator.image(ALL);
        int sizeBytes = image.bytes().limit();
        assertThrows(
                IllegalArgumentException.class,
                () -> TranslationImage.of(image.bytes().limit(sizeBytes - 1)));
        assertThrows(
                IllegalArgumentException.class, () -> TranslationImage.of(image.bytes().limit(8)));
    }
}
