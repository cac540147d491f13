// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.linuxonlinux.gate.AddressMap;

/**
 * Translates guest kernel code and keeps track of what was translated.
 *
 * <p>Blocks are found by guest RIP, by guest frame (a write kills the frame's blocks) and by
 * virtual page (a changed mapping kills the page's blocks). Direct jumps between blocks are
 * <em>link sites</em>: chained to the target's direct entry while it lives, otherwise pointing at
 * exit code of their own, which leaves with LINK and the site's id. Every site whose target is
 * missing waits in a list of that target's guest RIP and is chained as soon as a block for it
 * appears, for whatever reason it was translated.
 *
 * <p><em>Preconditions of every method:</em> called on the vCPU's thread, vCPU stopped. Methods
 * that translate may flush the whole cache when it is full, and those that invalidate kill blocks:
 * take the guest state out of the host registers ({@link #locate}, then the undo) <em>before</em>
 * calling them, and resume at the {@link TranslationBlock#entryHva} of {@link #blockAt} afterwards
 * unless the host RIP's block is still alive ({@link #generation} unchanged and {@link
 * TranslationBlock#isDead} false).
 */
public final class Translator implements AutoCloseable {
    /**
     * Blocks translated at most per miss. A miss costs about 10 µs under ptrace, a block of cold
     * JVM time half as much. CPU time of a boot is least from 9 to 16 blocks: 3 to 8 % less than
     * with 6, 24 or 48.
     */
    private static final int DEFAULT_EAGER_BLOCKS = 12;

    /**
     * Blocks of an image that are revived at most after the one that is missing, in the order they
     * were first translated in.
     */
    private static final int REVIVE_AHEAD = 128;

    /**
     * Blocks of a page looked at per miss, newest first; arbitrary: ten times what a page of the
     * kernel has. Where a guest keeps putting new code in the same place (BPF), the list grows.
     */
    private static final int MAX_BLOCKS_IN_PAGE = 1 << 10;

    /** Free code-cache bytes below which everything is flushed before a block is translated. */
    private static final int RESERVE_BYTES = 4 * BlockEmitter.MAX_BLOCK_BYTES;

    /** Bytes of the exit code of one site, rounded up. */
    private static final int MAX_COLD_BYTES = 64;

    private final GuestCode guestCode;
    private final CodeCache codeCache;
    private final BranchTable branchTable;
    private final CodePages pages;
    private final BasicBlock basicBlock = new BasicBlock();
    private final SideTable sideTable = new SideTable();
    private BlockTable table = new BlockTable();
    private final EmitContext context;
    private final BlockEmitter emitter;
    private final int eagerBlocks;

    /** Guest RIPs of instructions that get the dynamic fold. */
    private final LongIntMap dynamicRips = new LongIntMap(1 << 12);

    /** Guest RIPs that belong into the branch table whenever they have a block. */
    private LongIntMap indirectTargets = new LongIntMap(1 << 13);

    /** Live blocks by guest RIP. */
    private final LongIntMap blockOf = new LongIntMap(1 << 15);

    /** First site that waits for a block at a guest RIP. */
    private final LongIntMap waitingSite = new LongIntMap(1 << 13);

    private final CodePageIndex frames = new CodePageIndex();

    /** By page number of the GVA; the tag is the frame it was translated from, plus 1. */
    private final CodePageIndex virtualPages = new CodePageIndex();

    private LinkSites sites = new LinkSites();

    /** Blocks by id, from 1; null = dormant since it was loaded. */
    private TranslationBlock[] blocks = new TranslationBlock[1 << 14];

    /** One above the last id of a block that was loaded. */
    private int loadedEnd = 1;

    /** Starts of cold exit code, descending, with the guest RIP each leaves for. */
    private int[] coldOffset = new int[1 << 12];

    private long[] coldGuestRip = new long[1 << 12];
    private int coldCount;

    /**
     * Guest RIPs to translate in this batch: a stack, so that straight-line code stays together.
     */
    private final long[] pending = new long[1 << 10];

    private int pendingCount;

    /** Blocks revived in this batch, whose sites are to get exit code. */
    private int[] revived = new int[1 << 10];

    private int revivedCount;

    /** Sites of {@link #revived}: at most so many pieces of exit code are still to be emitted. */
    private int revivedSites;

    private boolean coldExhausted;
    private long fetchFaultGva;
    private int generation;

    private long blockCounter;
    private long instructionCounter;
    private long hostByteCounter;
    private long revivedCounter;
    private long loadedCounter;
    private long linkCounter;
    private long invalidatedCounter;
    private long flushCounter;
    private long translateNanos;

    /**
     * A translator with an empty cache.
     *
     * @param guestCode the guest's memory
     * @param codeCache where code goes
     * @param branchTable where indirect branches look
     * @param gate the gate stubs
     * @param ports I/O ports served without the monitor
     */
    public Translator(
            GuestCode guestCode,
            CodeCache codeCache,
            BranchTable branchTable,
            GateEntries gate,
            InlinePorts ports) {
        this(guestCode, codeCache, branchTable, gate, ports, DEFAULT_EAGER_BLOCKS);
    }

    /** As the other constructor, with the number of blocks translated at most per miss. */
    Translator(
            GuestCode guestCode,
            CodeCache codeCache,
            BranchTable branchTable,
            GateEntries gate,
            InlinePorts ports,
            int eagerBlocks) {
        this.guestCode = guestCode;
        this.codeCache = codeCache;
        this.branchTable = branchTable;
        this.eagerBlocks = eagerBlocks;
        this.pages = new CodePages(guestCode);
        this.context = new EmitContext(codeCache, gate, ports, sideTable);
        this.emitter = new BlockEmitter(context, dynamicRips);
    }

    /**
     * Finds or translates the block at a guest RIP (and eagerly some that follow it).
     *
     * @return the block, null = fetch fault; {@link #fetchFaultGva} tells where
     */
    public TranslationBlock blockAt(long guestRip) {
        int id = blockOf.get(guestRip);
        if (id != 0) {
            TranslationBlock block = blocks[id];
            if (guestCode.gfnOf(guestRip) == block.gfn) {
                return block;
            }
            invalidatePage(guestRip);
        }
        return translateBatch(guestRip);
    }

    /** The live block at a guest RIP; null = none. Translates nothing. */
    public TranslationBlock findBlock(long guestRip) {
        return blocks[blockOf.get(guestRip)];
    }

    /** A live block that holds the instruction at a guest RIP, for dumps; null = none. Slow. */
    public TranslationBlock blockContaining(long guestRip) {
        for (TranslationBlock block : blocks) {
            if (block != null && !block.dead && block.contains(guestRip)) {
                return block;
            }
        }
        return null;
    }

    /** GVA that was not mapped when {@link #blockAt} last returned null. */
    public long fetchFaultGva() {
        return fetchFaultGva;
    }

    /**
     * Translates a host RIP of the code cache into guest terms.
     *
     * @return false = not in the code cache
     */
    public boolean locate(long hostRip, HostPosition out) {
        if (!codeCache.contains(hostRip)) {
            return false;
        }
        int offset = codeCache.offsetOf(hostRip);
        out.block = null;
        out.undo = 0;
        out.branchTableJump = false;
        out.exiting = true;
        out.guestRip = 0;
        if (offset < codeCache.commonEnd()) {
            return true;
        }
        if (offset >= codeCache.coldStart()) {
            return locateCold(offset, out);
        }
        int id = Arrays.binarySearch(table.start, 1, table.end(), offset);
        if (id < 0) {
            id = -id - 2;
        }
        TranslationBlock block = id < 1 ? null : blocks[id];
        if (block == null || offset >= table.start[id] + block.hostBytes) {
            return false;
        }
        int hostOffset = offset - table.start[id];
        long entry = sideTable.find(block.sideTableStart, block.sideTableEnd, hostOffset);
        out.exiting = false;
        out.block = block;
        out.guestRip = block.guestRip + SideTable.guestOffset(entry);
        out.undo = SideTable.undo(entry);
        out.branchTableJump = hostOffset == block.branchTableJumpOffset;
        return true;
    }

    private boolean locateCold(int offset, HostPosition out) {
        int low = 0;
        int high = coldCount - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (coldOffset[middle] <= offset) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        out.guestRip = coldGuestRip[low];
        return true;
    }

    /**
     * Chains a site after its LINK exit, when its target can be translated; otherwise does nothing.
     *
     * @param linkSiteId EXIT_DETAIL of the exit; 0 = none
     */
    public void link(int linkSiteId) {
        if (linkSiteId <= 0 || linkSiteId >= sites.end()) {
            return;
        }
        long guestRip = sites.targetRip[linkSiteId];
        // The site waits for its target: translating it chains the site, if that is still alive.
        if (blockOf.get(guestRip) == 0) {
            blockAt(guestRip);
        }
    }

    /** Enters the block at {@code guestRip} into the branch table, translating it if needed. */
    public void fillBranchTable(long guestRip) {
        if (!AddressMap.hasBranchTableEntry(guestRip)) {
            return;
        }
        indirectTargets.put(guestRip, 1);
        TranslationBlock block = blockAt(guestRip);
        if (block != null) {
            enterBranchTable(block);
        }
    }

    private void enterBranchTable(TranslationBlock block) {
        if (!block.inBranchTable) {
            block.inBranchTable = true;
            branchTable.put(block.guestRip, block.indirectEntryHva);
        }
    }

    /**
     * Notes that the instruction at {@code guestRip} touched the lower half: its blocks are killed
     * and from now on it is translated with the dynamic fold.
     */
    public void makeDynamic(long guestRip) {
        if (dynamicRips.put(guestRip, 1) == 0) {
            killBlocksWith(guestRip);
            flushIfExhausted();
        }
    }

    /** Whether the instruction at {@code guestRip} is translated with the dynamic fold. */
    public boolean isDynamic(long guestRip) {
        return dynamicRips.get(guestRip) != 0;
    }

    /**
     * Adds instructions of an exception table, which get the dynamic fold when they are translated
     * from now on; blocks that hold one of them are killed.
     *
     * @param guestRips addresses of instructions, any order
     */
    public void addDynamic(long[] guestRips) {
        for (long guestRip : guestRips) {
            if (dynamicRips.put(guestRip, 1) == 0) {
                killBlocksWith(guestRip);
            }
        }
        flushIfExhausted();
    }

    /** The blocks would be translated differently from now on: none may be revived. */
    private void killBlocksWith(long guestRip) {
        // A block that holds the instruction starts in its page: only a last instruction crosses.
        int id = table.newestInPage(guestRip >> CodePages.PAGE_SHIFT);
        for (; id != 0; id = table.olderInPage[id]) {
            if (table.contains(id, guestRip)) {
                table.retire(id);
                if (isLive(id)) {
                    kill(blocks[id]);
                }
            }
        }
    }

    private boolean isLive(int id) {
        return blocks[id] != null && !blocks[id].dead;
    }

    /** Kills the blocks of a frame, because it was or is about to be written. */
    public void invalidateFrame(long gfn) {
        int index = frames.find(gfn);
        if (index != 0) {
            killAll(frames, index);
            flushIfExhausted();
        }
    }

    /**
     * Kills the blocks of a virtual page if it no longer maps to the frame they were translated
     * from.
     *
     * @param gva any address in the page
     */
    public void invalidatePage(long gva) {
        int index = virtualPages.find(gva >> CodePages.PAGE_SHIFT);
        if (index != 0) {
            revalidate(index);
            flushIfExhausted();
        }
    }

    /** {@link #invalidatePage} for every page that has blocks. */
    public void revalidateMappings() {
        for (int index = 1; index < virtualPages.end(); index++) {
            revalidate(index);
        }
        flushIfExhausted();
    }

    private void revalidate(int index) {
        if (virtualPages.liveBlocks(index) != 0) {
            long gva = virtualPages.page(index) << CodePages.PAGE_SHIFT;
            if (guestCode.gfnOf(gva) + 1 != virtualPages.tag(index)) {
                killAll(virtualPages, index);
            }
        }
    }

    private void killAll(CodePageIndex pageIndex, int index) {
        int node = pageIndex.firstNode(index);
        while (node != 0) {
            int next = pageIndex.nextNode(node);
            TranslationBlock block = blocks[node >> 1];
            if (!block.dead) {
                kill(block);
            }
            node = next;
        }
    }

    /** Whether a frame holds translated code and must therefore stay write-protected. */
    public boolean hasCode(long gfn) {
        int index = frames.find(gfn);
        return index != 0 && frames.liveBlocks(index) != 0;
    }

    /** Forgets all blocks. */
    public void flush() {
        for (int id = 1; id < table.end(); id++) {
            TranslationBlock block = blocks[id];
            if (block != null) {
                if (block.inBranchTable && !block.dead) {
                    branchTable.put(block.guestRip, 0);
                }
                block.dead = true;
                blocks[id] = null;
            }
        }
        table.clear();
        loadedEnd = 1;
        coldCount = 0;
        coldExhausted = false;
        blockOf.clear();
        waitingSite.clear();
        frames.clear();
        virtualPages.clear();
        sites.clear();
        sideTable.clear();
        codeCache.reset();
        generation++;
        flushCounter++;
    }

    private void flushIfExhausted() {
        if (coldExhausted) {
            flush();
        }
    }

    /** Grows with every flush: host RIPs of an earlier generation are meaningless. */
    public int generation() {
        return generation;
    }

    /** Counters since the start. */
    public TranslatorCounters counters() {
        return new TranslatorCounters(
                blockCounter,
                instructionCounter,
                hostByteCounter,
                revivedCounter,
                loadedCounter,
                linkCounter,
                invalidatedCounter,
                flushCounter,
                translateNanos);
    }

    @Override
    public void close() {
        flush();
    }

    // ---- Translation ----

    private TranslationBlock translateBatch(long guestRip) {
        long startNanos = System.nanoTime();
        pages.startBatch();
        if (codeCache.freeBytes() < eagerBlocks * RESERVE_BYTES) {
            flush();
        }
        int firstSite = sites.end();
        pendingCount = 0;
        revivedCount = 0;
        revivedSites = 0;
        TranslationBlock root = reviveAt(guestRip);
        if (root != null) {
            revivePage(guestRip);
            reviveAfter(root.id);
        } else {
            root = translateOne(guestRip);
            if (root != null) {
                translatePending();
            }
        }
        for (int i = 0; i < revivedCount; i++) {
            emitExits(table.firstSite[revived[i]], sitesEnd(revived[i]));
        }
        emitExits(firstSite, sites.end());
        translateNanos += System.nanoTime() - startNanos;
        return root;
    }

    private void translatePending() {
        for (int budget = eagerBlocks - 1; budget > 0 && pendingCount > 0; ) {
            long next = pending[--pendingCount];
            if (blockOf.get(next) == 0 && (reviveAt(next) != null || translateOne(next) != null)) {
                budget--;
            }
        }
    }

    /** Leads the sites that are not chained to their exit code. */
    private void emitExits(int firstSite, int endSite) {
        for (int site = firstSite; site < endSite; site++) {
            if (sites.chainedTo[site] <= 0) {
                codeCache.patchRel32(sites.fieldOffset[site], stubOf(site));
            }
        }
    }

    private TranslationBlock translateOne(long guestRip) {
        int slot = pages.slotOf(guestRip);
        if (slot < 0) {
            fetchFaultGva = guestRip;
            return null;
        }
        basicBlock.decode(pages, slot, guestRip);
        if (basicBlock.count() == 0) {
            fetchFaultGva = (guestRip & -CodePages.PAGE_SIZE) + CodePages.PAGE_SIZE;
            return null;
        }
        int sideTableStart = sideTable.size();
        emitter.emit(basicBlock);
        int start = codeCache.appendBlock(context.code());
        int hostBytes = context.code().position();
        int id =
                table.add(
                        basicBlock,
                        start,
                        hostBytes,
                        sideTableStart,
                        sites.end(),
                        context.branchTableJumpOffset());
        if (basicBlock.endsUndefined()) {
            table.retire(id);
        }
        TranslationBlock block =
                newBlock(
                        id,
                        pages.gfn(slot),
                        basicBlock.crossesPage()
                                ? pages.secondGfn(slot)
                                : TranslationBlock.NO_FRAME);
        enter(block);
        blockCounter++;
        instructionCounter += basicBlock.count();
        hostByteCounter += hostBytes;

        addSites(block, start);
        long returnRip = context.returnRip();
        if (returnRip != EmitContext.NO_RIP && AddressMap.hasBranchTableEntry(returnRip)) {
            indirectTargets.put(returnRip, 1);
            pushPending(returnRip);
            TranslationBlock returnBlock = findBlock(returnRip);
            if (returnBlock != null) {
                enterBranchTable(returnBlock);
            }
        }
        chainWaitingSites(block);
        if (indirectTargets.get(guestRip) != 0) {
            enterBranchTable(block);
        }
        return block;
    }

    private TranslationBlock newBlock(int id, long gfn, long secondGfn) {
        int sideTableEnd = id + 1 < table.end() ? table.sideTableStart[id + 1] : sideTable.size();
        TranslationBlock block =
                new TranslationBlock(table, id, sideTableEnd, gfn, secondGfn, codeCache);
        if (id >= blocks.length) {
            blocks = Arrays.copyOf(blocks, id * 2);
        }
        blocks[id] = block;
        return block;
    }

    /** Makes a block live: it can be found from now on, and its pages are watched. */
    private void enter(TranslationBlock block) {
        int node = 2 * block.id;
        long pageNumber = block.guestRip >> CodePages.PAGE_SHIFT;
        blockOf.put(block.guestRip, block.id);
        list(node, pageNumber, block.gfn);
        if (block.secondGfn != TranslationBlock.NO_FRAME) {
            list(node + 1, pageNumber + 1, block.secondGfn);
        }
    }

    private void list(int node, long pageNumber, long gfn) {
        int frame = frames.find(gfn);
        if (frame == 0 || frames.liveBlocks(frame) == 0) {
            guestCode.protectCodePage(gfn);
        }
        frames.add(gfn, node);
        int index = virtualPages.find(pageNumber);
        if (index != 0
                && virtualPages.liveBlocks(index) != 0
                && virtualPages.tag(index) != gfn + 1) {
            killAll(virtualPages, index);
        }
        virtualPages.setTag(virtualPages.add(pageNumber, node), gfn + 1);
    }

    private void addSites(TranslationBlock block, int start) {
        int count = context.siteCount();
        for (int i = count - 1; i >= 0; i--) {
            long target = context.siteTargetRip(i);
            int site = sites.add(start + context.siteFieldOffset(i), target, block.id);
            if (!chainOrWait(site)) {
                pushPending(target);
            }
        }
    }

    private boolean chainOrWait(int site) {
        int targetId = blockOf.get(sites.targetRip[site]);
        if (targetId != 0) {
            chain(site, blocks[targetId]);
            return true;
        }
        await(site);
        return false;
    }

    private void await(int site) {
        sites.chainedTo[site] = LinkSites.WAITING;
        sites.next[site] = waitingSite.put(sites.targetRip[site], site);
    }

    private void pushPending(long guestRip) {
        if (pendingCount < pending.length) {
            pending[pendingCount++] = guestRip;
        }
    }

    // ---- Revival ----

    /**
     * Revives a block at a guest RIP whose guest bytes are the ones there now.
     *
     * @return null = there is none
     */
    private TranslationBlock reviveAt(long guestRip) {
        int id = table.newestInPage(guestRip >> CodePages.PAGE_SHIFT);
        for (int i = 0; id != 0 && i < MAX_BLOCKS_IN_PAGE; i++) {
            if (table.guestRip[id] == guestRip && revive(id)) {
                return blocks[id];
            }
            id = table.olderInPage[id];
        }
        return null;
    }

    /** Revives what else is unchanged in a virtual page, which is watched anyway now. */
    private void revivePage(long guestRip) {
        int id = table.newestInPage(guestRip >> CodePages.PAGE_SHIFT);
        for (int i = 0; id != 0 && i < MAX_BLOCKS_IN_PAGE; i++) {
            revive(id);
            id = table.olderInPage[id];
        }
    }

    /** Revives loaded blocks that an earlier run translated soon after this one. */
    private void reviveAfter(int id) {
        int end = Math.min(loadedEnd, id + 1 + REVIVE_AHEAD);
        for (int next = id + 1; next < end; next++) {
            if (blocks[next] == null) {
                revive(next);
            }
        }
    }

    /**
     * Makes a dormant block live again if a translation of the guest's bytes would yield it.
     *
     * @return false = it stays dormant
     */
    private boolean revive(int id) {
        long guestRip = table.guestRip[id];
        if (table.isRetired(id)
                || isLive(id)
                || codeCache.freeBytes() < RESERVE_BYTES + revivedSites * MAX_COLD_BYTES
                || blockOf.get(guestRip) != 0) {
            return false;
        }
        int slot = pages.slotOf(guestRip);
        if (slot < 0) {
            return false;
        }
        long secondGfn = TranslationBlock.NO_FRAME;
        int position = (int) guestRip & (CodePages.PAGE_SIZE - 1);
        if (table.crossesPage(id)) {
            pages.extend(slot);
            secondGfn = pages.secondGfn(slot);
        }
        if (position + table.guestByteCount(id) > pages.length(slot)
                || !table.matches(id, pages.bytes(slot), position)) {
            return false;
        }
        TranslationBlock block = blocks[id];
        if (block == null) {
            block = newBlock(id, pages.gfn(slot), secondGfn);
            loadedCounter++;
        } else {
            if (block.gfn != pages.gfn(slot) || block.secondGfn != secondGfn) {
                block = block.inFrames(pages.gfn(slot), secondGfn);
                blocks[id] = block;
            }
            block.dead = false;
            block.inBranchTable = false;
            codeCache.restoreEntry(codeCache.offsetOf(block.entryHva()), block.entryWord);
            revivedCounter++;
        }
        enter(block);
        int endSite = sitesEnd(id);
        revivedSites += endSite - table.firstSite[id];
        for (int site = table.firstSite[id]; site < endSite; site++) {
            if (sites.chainedTo[site] == 0) {
                chainOrWait(site);
            }
        }
        chainWaitingSites(block);
        if (indirectTargets.get(guestRip) != 0) {
            enterBranchTable(block);
        }
        if (revivedCount == revived.length) {
            revived = Arrays.copyOf(revived, 2 * revivedCount);
        }
        revived[revivedCount++] = id;
        return true;
    }

    private int sitesEnd(int id) {
        return id + 1 < table.end() ? table.firstSite[id + 1] : sites.end();
    }

    // ---- Image ----

    /**
     * All blocks, so that a later run can revive them.
     *
     * @param maxCodeBytes blocks behind that many bytes of host code are left out
     */
    public TranslationImage image(int maxCodeBytes) {
        int blockEnd = table.end();
        int codeLimit = codeCache.commonEnd() + maxCodeBytes;
        while (blockEnd > 1
                && table.start[blockEnd - 1] + table.hostBytes(blockEnd - 1) > codeLimit) {
            blockEnd--;
        }
        boolean all = blockEnd == table.end();
        int codeEnd =
                blockEnd == 1
                        ? codeCache.commonEnd()
                        : table.start[blockEnd - 1] + table.hostBytes(blockEnd - 1);
        int siteEnd = all ? sites.end() : table.firstSite[blockEnd];
        int sideTableEnd = all ? sideTable.size() : table.sideTableStart[blockEnd];
        int guestBytesEnd = all ? table.guestBytesEnd() : table.guestBytesStart[blockEnd];
        // A guest can invent targets; an honest one has fewer than blocks.
        boolean plausible = indirectTargets.size() <= 2 * blockEnd;
        long[] indirect = plausible ? indirectTargets.keys() : new long[0];
        long[] dynamic = dynamicRips.keys();
        long[] pageNumbers = table.pages();
        TranslationImage image =
                TranslationImage.allocate(
                        codeCache.commonEnd(),
                        codeEnd - codeCache.commonEnd(),
                        blockEnd - 1,
                        guestBytesEnd,
                        sideTableEnd,
                        siteEnd - 1,
                        indirect.length,
                        dynamic.length,
                        pageNumbers.length);
        TranslationImage.Cursor cursor = image.cursor();
        table.writeLongs(cursor, blockEnd);
        sideTable.write(cursor, sideTableEnd);
        sites.writeLongs(cursor, siteEnd);
        cursor.put(indirect, 0, indirect.length);
        cursor.put(dynamic, 0, dynamic.length);
        cursor.put(pageNumbers, 0, pageNumbers.length);
        table.writeInts(cursor, blockEnd);
        sites.writeInts(cursor, siteEnd);
        cursor.put(table.newestOfPages(blockEnd), 0, pageNumbers.length);
        cursor.put(table.guestBytes, 0, guestBytesEnd);
        copyCode(codeEnd, siteEnd, blockEnd, cursor.rest());
        return image;
    }

    /** The host code as emitted, but with all link fields leading nowhere. */
    private void copyCode(int codeEnd, int siteEnd, int blockEnd, ByteBuffer code) {
        int base = codeCache.commonEnd();
        codeCache.copyBlocks(codeEnd, code);
        for (int id = 1; id < blockEnd; id++) {
            TranslationBlock block = blocks[id];
            if (block != null && block.dead) {
                code.putLong(codeCache.offsetOf(block.entryHva()) - base, block.entryWord);
            }
        }
        for (int site = 1; site < siteEnd; site++) {
            code.putInt(sites.fieldOffset[site] - base, CodeCache.UNLINKED_REL32);
        }
    }

    /**
     * Takes over the blocks of an earlier run. Only before the first block, and after all calls of
     * {@link #addDynamic} that the earlier run began with.
     *
     * @param earlier made from an image with this translator's code cache
     * @return false = the image is not of a translator like this; nothing has changed that matters
     */
    public boolean load(DormantBlocks earlier) {
        if (table.end() != 1
                || earlier.codeStart != codeCache.commonEnd()
                || earlier.codeEnd - codeCache.commonEnd()
                        > codeCache.freeBytes() - eagerBlocks * RESERVE_BYTES) {
            return false;
        }
        for (long guestRip : earlier.dynamicRips) {
            dynamicRips.put(guestRip, 1);
        }
        if (dynamicRips.size() != earlier.dynamicRips.length) {
            // Blocks of the image may hold an instruction that is dynamic here and was not there.
            return false;
        }
        table = earlier.table;
        sites = earlier.sites;
        sideTable.adopt(earlier.sideTable);
        indirectTargets = earlier.indirectTargets;
        blocks = earlier.blocks;
        blockOf.reserve(table.end() / 2);
        waitingSite.reserve(table.end() / 2);
        codeCache.setBlocksEnd(earlier.codeEnd);
        loadedEnd = table.end();
        return true;
    }

    // ---- Chaining ----

    private void chain(int site, TranslationBlock target) {
        sites.chainedTo[site] = target.id;
        sites.next[site] = target.firstIncomingSite;
        target.firstIncomingSite = site;
        codeCache.patchRel32(sites.fieldOffset[site], codeCache.offsetOf(target.entryHva()));
        linkCounter++;
    }

    private void chainWaitingSites(TranslationBlock block) {
        int site = waitingSite.remove(block.guestRip);
        while (site != 0) {
            int next = sites.next[site];
            if (blocks[sites.block[site]].dead) {
                sites.chainedTo[site] = 0;
            } else {
                chain(site, block);
            }
            site = next;
        }
    }

    private void kill(TranslationBlock block) {
        block.dead = true;
        invalidatedCounter++;
        blockOf.remove(block.guestRip);
        int node = 2 * block.id;
        frames.remove(block.gfn, node);
        virtualPages.remove(block.guestRip >> CodePages.PAGE_SHIFT, node);
        if (block.secondGfn != TranslationBlock.NO_FRAME) {
            frames.remove(block.secondGfn, node + 1);
            virtualPages.remove((block.guestRip >> CodePages.PAGE_SHIFT) + 1, node + 1);
        }
        if (block.inBranchTable) {
            branchTable.put(block.guestRip, 0);
        }
        int site = block.firstIncomingSite;
        block.firstIncomingSite = 0;
        while (site != 0) {
            int next = sites.next[site];
            sites.chainedTo[site] = 0;
            if (!blocks[sites.block[site]].dead) {
                int stub = stubOf(site);
                if (stub != 0) {
                    codeCache.patchRel32(sites.fieldOffset[site], stub);
                }
                await(site);
            }
            site = next;
        }
        int entryOffset = codeCache.offsetOf(block.entryHva());
        block.entryWord = codeCache.entryWord(entryOffset);
        if (block.deadStubOffset == 0) {
            block.deadStubOffset = emitColdLink(0, block.guestRip);
        }
        if (block.deadStubOffset != 0) {
            codeCache.patchEntry(entryOffset, block.deadStubOffset);
        }
    }

    /** Offset of a site's exit code, emitted now if it has none; 0 = no room. */
    private int stubOf(int site) {
        int stub = sites.stubOffset[site];
        if (stub == 0) {
            stub = emitColdLink(site, sites.targetRip[site]);
            sites.stubOffset[site] = stub;
        }
        return stub;
    }

    private int emitColdLink(int site, long targetRip) {
        if (codeCache.freeBytes() < MAX_COLD_BYTES) {
            coldExhausted = true;
            return 0;
        }
        context.emitLinkExit(site, targetRip);
        if (coldCount == coldOffset.length) {
            coldOffset = Arrays.copyOf(coldOffset, coldCount * 2);
            coldGuestRip = Arrays.copyOf(coldGuestRip, coldCount * 2);
        }
        coldOffset[coldCount] = codeCache.coldStart();
        coldGuestRip[coldCount++] = targetRip;
        return codeCache.coldStart();
    }
}
