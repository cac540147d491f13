// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.translate.TranslationImage.Count;

/**
 * An image unpacked into a translator's own structures, with its code in place: what costs time
 * when blocks of an earlier run are taken over, done on another thread before the translator is
 * there.
 */
public final class DormantBlocks {
    final BlockTable table = new BlockTable();
    final SideTable sideTable = new SideTable();
    final LinkSites sites = new LinkSites();
    final LongIntMap indirectTargets;
    final long[] dynamicRips;
    final TranslationBlock[] blocks;
    final int codeStart;
    final int codeEnd;

    /**
     * Unpacks an image.
     *
     * @param codeCache gets the code; it has no blocks, and gets none before {@link
     *     Translator#load}
     * @param branchTable is told what will be entered; not in use before {@link Translator#load}
     */
    public DormantBlocks(TranslationImage image, CodeCache codeCache, BranchTable branchTable) {
        int blockCount = image.count(Count.BLOCKS);
        codeStart = image.count(Count.COMMON_END);
        codeEnd = codeStart + image.count(Count.CODE_BYTES);
        long[] indirect = new long[image.count(Count.INDIRECT_TARGETS)];
        dynamicRips = new long[image.count(Count.DYNAMIC_INSTRUCTIONS)];
        long[] pageNumbers = new long[image.count(Count.PAGES)];
        int[] newest = new int[pageNumbers.length];
        blocks = new TranslationBlock[BlockTable.withRoom(blockCount) + 1];

        TranslationImage.Cursor cursor = image.cursor();
        table.readLongs(cursor, blockCount, image.count(Count.GUEST_BYTES));
        sideTable.read(cursor, image.count(Count.SIDE_TABLE_ENTRIES));
        sites.readLongs(cursor, image.count(Count.SITES));
        cursor.get(indirect, 0, indirect.length);
        cursor.get(dynamicRips, 0, dynamicRips.length);
        cursor.get(pageNumbers, 0, pageNumbers.length);
        table.readInts(cursor);
        sites.readInts(cursor);
        cursor.get(newest, 0, newest.length);
        cursor.get(table.guestBytes, 0, table.guestBytesEnd());
        codeCache.prepareBlocks(codeStart, cursor.rest());

        table.setPages(pageNumbers, newest);
        indirectTargets = new LongIntMap(2 * indirect.length);
        for (long guestRip : indirect) {
            indirectTargets.put(guestRip, 1);
            if (AddressMap.hasBranchTableEntry(guestRip)) {
                branchTable.prepare(guestRip);
            }
        }
    }

    /** Blocks unpacked. */
    public int blockCount() {
        return table.end() - 1;
    }
}
