// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * Translates guest kernel code and keeps track of what was translated.
 *
 * <p><em>Preconditions of every method:</em> called on the vCPU's thread, vCPU stopped. Methods
 * that translate may flush the whole cache when it is full, and those that invalidate kill blocks:
 * take the guest state out of the host registers ({@link #locate}, then the undo) <em>before</em>
 * calling them, and resume at the {@link TranslationBlock#entryHva} of {@link #blockAt} afterwards
 * unless the host RIP's block is still alive ({@link #generation} unchanged and {@link
 * TranslationBlock#isDead} false).
 */
@SuppressWarnings("DoNotCallSuggester") // skeleton
public final class Translator implements AutoCloseable {
    /**
     * A translator with an empty cache.
     *
     * @param guestCode the guest's memory
     * @param codeCache where code goes
     * @param branchTable where indirect branches look
     * @param gate the gate stubs
     */
    public Translator(
            GuestCode guestCode, CodeCache codeCache, BranchTable branchTable, GateEntries gate) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /**
     * Finds or translates the block at a guest RIP (and eagerly some that follow it).
     *
     * @return the block, null = fetch fault; {@link #fetchFaultGva} tells where
     */
    public TranslationBlock blockAt(long guestRip) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** GVA that was not mapped when {@link #blockAt} last returned null. */
    public long fetchFaultGva() {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /**
     * Translates a host RIP of the code cache into guest terms.
     *
     * @return false = not in the code cache
     */
    public boolean locate(long hostRip, HostPosition out) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /**
     * Chains a site after its LINK exit, when its target can be translated; otherwise does nothing.
     *
     * @param linkSiteId EXIT_DETAIL of the exit
     */
    public void link(int linkSiteId) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Enters the block at {@code guestRip} into the branch table, translating it if needed. */
    public void fillBranchTable(long guestRip) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /**
     * Notes that the instruction at {@code guestRip} touched the lower half: its blocks are killed
     * and from now on it is translated with the dynamic fold.
     */
    public void makeDynamic(long guestRip) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Whether the instruction at {@code guestRip} is translated with the dynamic fold. */
    public boolean isDynamic(long guestRip) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /**
     * Adds instructions of an exception table, which get the dynamic fold when they are translated
     * from now on (blocks that exist are left alone unless they hold one of them).
     *
     * @param guestRips addresses of instructions, any order
     */
    public void addDynamic(long[] guestRips) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Kills the blocks of a frame, because it was or is about to be written. */
    public void invalidateFrame(long gfn) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /**
     * Kills the blocks of a virtual page if it no longer maps to the frame they were translated
     * from.
     *
     * @param gva any address in the page
     */
    public void invalidatePage(long gva) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** {@link #invalidatePage} for every page that has blocks. */
    public void revalidateMappings() {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Whether a frame holds translated code and must therefore stay write-protected. */
    public boolean hasCode(long gfn) {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Forgets all blocks. */
    public void flush() {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Grows with every flush: host RIPs of an earlier generation are meaningless. */
    public int generation() {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    /** Counters since the start. */
    public TranslatorCounters counters() {
        throw new UnsupportedOperationException("TODO(translator)");
    }

    @Override
    public void close() {}
}
