// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * Host code emitted for one basic block of the guest.
 *
 * <pre>
 *   indirect entry   nop; mov rcx, [SPILL_RCX]      reached through the branch table
 *   direct entry     body                           reached by chained jumps and from the monitor
 *                    exit code of the body's end
 * </pre>
 */
public final class TranslationBlock {
    /** Value of {@link #secondGfn}: the block lies in one page. */
    static final long NO_FRAME = -2;

    final int id;
    final long guestRip;
    final long gfn;
    final long secondGfn;
    final int guestBytes;
    final int instructionCount;
    final long indirectEntryHva;
    final int hostBytes;
    final int branchTableJumpOffset;
    final int sideTableStart;
    final int sideTableEnd;
    boolean dead;
    boolean inBranchTable;
    int firstIncomingSite;

    /** Offset of the exit code for a dead entry; 0 = not emitted yet. */
    int deadStubOffset;

    /** What the direct entry held before the block was killed. */
    long entryWord;

    TranslationBlock(
            BlockTable table,
            int id,
            int sideTableEnd,
            long gfn,
            long secondGfn,
            CodeCache codeCache) {
        this.id = id;
        this.guestRip = table.guestRip[id];
        this.gfn = gfn;
        this.secondGfn = secondGfn;
        this.guestBytes = table.guestByteCount(id);
        this.instructionCount = table.instructionCount(id);
        this.indirectEntryHva = codeCache.hvaOf(table.start[id]);
        this.hostBytes = table.hostBytes(id);
        this.branchTableJumpOffset = table.branchTableJumpOffset(id);
        this.sideTableStart = table.sideTableStart[id];
        this.sideTableEnd = sideTableEnd;
    }

    private TranslationBlock(TranslationBlock former, long gfn, long secondGfn) {
        this.id = former.id;
        this.guestRip = former.guestRip;
        this.gfn = gfn;
        this.secondGfn = secondGfn;
        this.guestBytes = former.guestBytes;
        this.instructionCount = former.instructionCount;
        this.indirectEntryHva = former.indirectEntryHva;
        this.hostBytes = former.hostBytes;
        this.branchTableJumpOffset = former.branchTableJumpOffset;
        this.sideTableStart = former.sideTableStart;
        this.sideTableEnd = former.sideTableEnd;
        this.deadStubOffset = former.deadStubOffset;
        this.entryWord = former.entryWord;
    }

    /** The same code for the same guest bytes in other frames. */
    TranslationBlock inFrames(long newGfn, long newSecondGfn) {
        return new TranslationBlock(this, newGfn, newSecondGfn);
    }

    /** GVA of the first guest instruction. */
    public long guestRip() {
        return guestRip;
    }

    /** Bytes of guest code, which may reach into the page after the first. */
    public int guestBytes() {
        return guestBytes;
    }

    /** Guest instructions. */
    public int instructionCount() {
        return instructionCount;
    }

    /** HVA to resume at with all registers in place. */
    public long entryHva() {
        return indirectEntryHva + CodeCache.INDIRECT_ENTRY_BYTES;
    }

    /** HVA of the entry that first loads RCX from its spill slot. */
    public long indirectEntryHva() {
        return indirectEntryHva;
    }

    /** Bytes of host code, from {@link #indirectEntryHva}. */
    public int hostBytes() {
        return hostBytes;
    }

    /** Whether the instruction at a guest RIP begins in the block's range. */
    boolean contains(long instructionRip) {
        return instructionRip - guestRip >= 0 && instructionRip - guestRip < guestBytes;
    }

    /**
     * Whether the block was killed; its host code must not be entered or resumed. False again when
     * it was found unchanged and revived.
     */
    public boolean isDead() {
        return dead;
    }
}
