// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.redirect.CallSites;
import org.linuxonlinux.redirect.PageCopy;

/**
 * What the context processes have mapped of guest RAM: the guest's TLB.
 *
 * <p>Two kinds of tables are kept: one of the upper half of the guest's address space, folded,
 * which is the same in all context processes, and one for each {@link AddressSpace} of its lower
 * half (user pages, and before the first user mode entry the low-window alias of identity-mapped
 * boot code at FOLD + GVA). Changes go to the queues of the context processes they concern. Frames
 * that hold translated code are never mapped writable, whatever the guest's tables say.
 */
final class HostMappings {
    /** End of what the host lets processes map (TASK_SIZE_MAX, 4-level paging). */
    private static final long TASK_END_HVA = 0x7fff_ffff_f000L;

    /** Where nothing of the guest is: start and size, ascending. */
    private static final long[][] KEPT_AREAS = {
        {AddressMap.SITE_TABLE_HVA, AddressMap.SITE_TABLE_SIZE_BYTES},
        {AddressMap.LOW_PAGE_HVA, AddressMap.LOW_PAGE_SIZE_BYTES},
        {AddressMap.STUB_HVA, (AddressMap.GATE_CODE_HVA | 0xffff_ffffL) + 1 - AddressMap.STUB_HVA},
        {AddressMap.BRANCH_TABLE_HVA, AddressMap.BRANCH_TABLE_SIZE_BYTES},
    };

    static final int PROT_READ = 1;
    static final int PROT_WRITE = 2;
    static final int PROT_EXEC = 4;

    private final GuestMemory memory;
    private final AddressSpaces spaces;
    private final int ramFd;
    private final int maxRuns;
    private final RunTable upper = new RunTable();

    /** Frames with translated code, by RAM-file page number. */
    private final BitSet codeFrames = new BitSet();

    private boolean hasLowPage = true;
    private long pagesMapped;
    private long evictions;

    /** Patched copies to show in place of RAM; null = none. */
    private CallSites callSites;

    private int sitesFd;
    private boolean gaveUpCallSites;

    /**
     * @param ramFd number of the RAM file's descriptor in the context process
     * @param maxRuns mappings kept before lower-half ones are forgotten, below the host's
     *     vm.max_map_count
     */
    HostMappings(GuestMemory memory, AddressSpaces spaces, int ramFd, int maxRuns) {
        this.memory = memory;
        this.spaces = spaces;
        this.ramFd = ramFd;
        this.maxRuns = maxRuns;
    }

    /** The table that a mapping at {@code gva} belongs to. */
    RunTable tableFor(long gva) {
        return AddressMap.isUpperHalf(gva) ? upper : lower();
    }

    RunTable upper() {
        return upper;
    }

    /** The lower half of the current address space. */
    RunTable lower() {
        return spaces.current().lower();
    }

    private HostCommandQueue commands() {
        return spaces.current().commands();
    }

    /** Whether a lower-half page at this HVA would collide with folded kernel pages or the gate. */
    boolean isTaken(long hva, long sizeBytes) {
        return AddressMap.meetsGate(hva, sizeBytes)
                || meetsSiteTable(hva, sizeBytes)
                || upper.intersects(hva, hva + sizeBytes);
    }

    // --- Patched call sites ---------------------------------------------------------------------

    /** From now on, shows copies of user code whose call sites are patched. */
    void showCopies(CallSites sites, int fd) {
        callSites = sites;
        sitesFd = fd;
    }

    /** Whether the range meets the table that patched call sites jump through. */
    boolean meetsSiteTable(long hva, long sizeBytes) {
        return callSites != null && AddressMap.meetsSiteTable(hva, sizeBytes);
    }

    /** The guest wants the table's place: no call site is patched any more. */
    void giveUpCallSites() {
        hideCopies(callSites.dropAll());
        for (AddressSpace space : spaces.all()) {
            space.commands().unmap(AddressMap.SITE_TABLE_HVA, AddressMap.SITE_TABLE_SIZE_BYTES);
        }
        callSites = null;
        gaveUpCallSites = true;
    }

    /** Forgets all copies to make room for others. */
    void dropCopies() {
        hideCopies(callSites.dropAll());
    }

    /** Shows a copy, if its page is mapped. */
    void show(PageCopy copy) {
        for (AddressSpace space : spaces.all()) {
            Run run = runOf(space, copy);
            if (run != null && (run.prot() & PROT_EXEC) != 0) {
                mapCopy(space.commands(), copy);
            }
        }
    }

    private void mapCopy(HostCommandQueue commands, PageCopy copy) {
        commands.map(
                copy.gva(),
                PageTables.PAGE_SIZE,
                PROT_READ | PROT_EXEC,
                sitesFd,
                copy.fileOffsetBytes());
    }

    /** Shows the copies of a run's frames, if user code can execute it. */
    private void showCopiesIn(Run run) {
        if (callSites == null || (run.prot() & PROT_EXEC) == 0 || run.hva() != run.gva()) {
            return;
        }
        for (List<PageCopy> copies : callSites.copiesIn(run.hva(), run.endHva())) {
            for (PageCopy copy : copies) {
                if (isOf(run, copy)) {
                    mapCopy(commands(), copy);
                }
            }
        }
    }

    /** Puts RAM back where a copy is shown. */
    private void hideCopies(List<PageCopy> copies) {
        for (PageCopy copy : copies) {
            for (AddressSpace space : spaces.all()) {
                hideCopy(space, copy);
            }
        }
    }

    private void hideCopy(AddressSpace space, PageCopy copy) {
        Run run = runOf(space, copy);
        if (run != null) {
            long gpa = copy.gfn() << PageTables.PAGE_SHIFT;
            int prot = isCodeFrame(gpa) ? run.prot() & ~PROT_WRITE : run.prot();
            long fileOffset = memory.gpaToFileOffset(gpa);
            space.commands().map(copy.gva(), PageTables.PAGE_SIZE, prot, ramFd, fileOffset);
        }
    }

    /** The run that maps the page of a copy in an address space, null = none. */
    private static Run runOf(AddressSpace space, PageCopy copy) {
        Run run = space.lower().at(copy.gva());
        return run != null && isOf(run, copy) ? run : null;
    }

    private static boolean isOf(Run run, PageCopy copy) {
        return run.hva() == run.gva()
                && run.gpa() + (copy.gva() - run.gva()) == copy.gfn() << PageTables.PAGE_SHIFT;
    }

    // --- Mapping --------------------------------------------------------------------------------

    /** Maps a run, splitting off write permission from frames with translated code. */
    void map(Run run) {
        if (runCount() >= maxRuns) {
            evict();
        }
        if (AddressMap.isUpperHalf(run.gva())) {
            for (AddressSpace space : spaces.all()) {
                mapIn(space, run);
                // A user page in the same place is gone; the kernel's goes first.
                space.lower().cut(run.hva(), run.endHva());
            }
        } else {
            mapIn(spaces.current(), run);
        }
        tableFor(run.gva()).put(run);
        hasLowPage &= !AddressMap.meetsLowPage(run.hva(), run.sizeBytes());
        pagesMapped += run.sizeBytes() >>> PageTables.PAGE_SHIFT;
        showCopiesIn(run);
    }

    private void mapIn(AddressSpace space, Run run) {
        HostCommandQueue commands = space.commands();
        commands.map(
                run.hva(), run.sizeBytes(), run.prot(), ramFd, memory.gpaToFileOffset(run.gpa()));
        if ((run.prot() & PROT_WRITE) != 0) {
            protectCodeFramesIn(run, commands);
        }
    }

    /** Makes all mappings of the current address space's process anew. */
    void rebuild() {
        AddressSpace space = spaces.current();
        space.renew();
        HostCommandQueue commands = space.commands();
        long from = 0;
        for (long[] kept : KEPT_AREAS) {
            commands.unmap(from, kept[0] - from);
            from = kept[0] + kept[1];
        }
        commands.unmap(from, TASK_END_HVA - from);
        mapUpperInNewProcess();
    }

    /** Maps what all address spaces share in the current one's process, which is a new one. */
    void mapUpperInNewProcess() {
        for (Run run : upper.all()) {
            mapIn(spaces.current(), run);
        }
        if (gaveUpCallSites) {
            commands().unmap(AddressMap.SITE_TABLE_HVA, AddressMap.SITE_TABLE_SIZE_BYTES);
        }
        if (!hasLowPage) {
            commands().unmap(AddressMap.LOW_PAGE_HVA, AddressMap.LOW_PAGE_SIZE_BYTES);
        }
    }

    /** Whether the guest has never had a page mapped in the low page's place. */
    boolean hasLowPage() {
        return hasLowPage;
    }

    /** Enters a run that is mapped already, at a lower-half address that is not taken. */
    void enter(Run run) {
        lower().put(run);
        hasLowPage &= !AddressMap.meetsLowPage(run.hva(), run.sizeBytes());
        pagesMapped += run.sizeBytes() >>> PageTables.PAGE_SHIFT;
        showCopiesIn(run);
        if (runCount() > maxRuns) {
            evict();
        }
    }

    /** Makes room: user pages first, kernel pages where they are all there is. */
    private void evict() {
        evictions++;
        unmapLower();
        if (upper.size() >= maxRuns) {
            for (Run run : upper.snapshot()) {
                unmap(upper, run.hva(), run.sizeBytes());
            }
        }
    }

    private void protectCodeFramesIn(Run run, HostCommandQueue commands) {
        int first = frameIndex(run.gpa());
        int end = first + (int) (run.sizeBytes() >>> PageTables.PAGE_SHIFT);
        int from = codeFrames.nextSetBit(first);
        while (from >= 0 && from < end) {
            int to = Math.min(codeFrames.nextClearBit(from), end);
            long hva = run.hva() + ((long) (from - first) << PageTables.PAGE_SHIFT);
            long sizeBytes = (long) (to - from) << PageTables.PAGE_SHIFT;
            commands.protect(hva, sizeBytes, run.prot() & ~PROT_WRITE);
            from = codeFrames.nextSetBit(to);
        }
    }

    /** Removes whatever is mapped for lower- or upper-half pages in the HVA range. */
    void unmap(RunTable table, long hva, long sizeBytes) {
        if (table.intersects(hva, hva + sizeBytes)) {
            table.cut(hva, hva + sizeBytes);
            if (table == upper) {
                for (AddressSpace space : spaces.all()) {
                    space.commands().unmap(hva, sizeBytes);
                }
            } else {
                commands().unmap(hva, sizeBytes);
            }
        }
    }

    /** Forgets the whole lower half, in as few host calls as the islands between allow. */
    void unmapLower() {
        HostCommandQueue commands = commands();
        RunTable lower = lower();
        long pendingFrom = 0;
        long pendingTo = 0;
        for (Run run : lower.all()) {
            boolean joins =
                    pendingTo != 0
                            && !upper.intersects(pendingTo, run.hva())
                            && !AddressMap.meetsGate(pendingTo, run.hva() - pendingTo)
                            && !meetsSiteTable(pendingTo, run.hva() - pendingTo)
                            && !AddressMap.meetsLowPage(pendingTo, run.hva() - pendingTo);
            if (!joins) {
                if (pendingTo != 0) {
                    commands.unmap(pendingFrom, pendingTo - pendingFrom);
                }
                pendingFrom = run.hva();
            }
            pendingTo = run.endHva();
        }
        if (pendingTo != 0) {
            commands.unmap(pendingFrom, pendingTo - pendingFrom);
        }
        lower.clear();
    }

    /** Removes the low-window aliases (runs whose HVA is not their GVA) from the lower half. */
    void unmapAliases() {
        List<Run> aliases = new ArrayList<>();
        for (AddressSpace space : spaces.all()) {
            aliases.clear();
            for (Run run : space.lower().all()) {
                if (run.hva() != run.gva()) {
                    aliases.add(run);
                }
            }
            for (Run run : aliases) {
                space.lower().cut(run.hva(), run.endHva());
                space.commands().unmap(run.hva(), run.sizeBytes());
            }
        }
    }

    boolean isCodeFrame(long gpa) {
        return codeFrames.get(frameIndex(gpa));
    }

    /** Takes write permission from every mapping of the frame. */
    void protectCodeFrame(long gpa) {
        int index = frameIndex(gpa);
        if (!codeFrames.get(index)) {
            codeFrames.set(index);
            reprotect(gpa, ~PROT_WRITE);
        }
    }

    /** Gives back what the guest's tables allow, once no translated code is left in the frame. */
    void releaseCodeFrame(long gpa) {
        int index = frameIndex(gpa);
        if (codeFrames.get(index)) {
            codeFrames.clear(index);
            if (callSites != null) {
                hideCopies(callSites.dropFrame(gpa >>> PageTables.PAGE_SHIFT));
            }
            reprotect(gpa, ~0);
        }
    }

    private void reprotect(long gpa, int protMask) {
        reprotect(upper, gpa, protMask, spaces.all());
        for (AddressSpace space : spaces.all()) {
            reprotect(space.lower(), gpa, protMask, List.of(space));
        }
    }

    private static void reprotect(
            RunTable table, long gpa, int protMask, List<AddressSpace> where) {
        long frameGpa = gpa & -PageTables.PAGE_SIZE;
        for (Run run : table.all()) {
            if ((run.prot() & PROT_WRITE) != 0 && run.coversFrame(frameGpa)) {
                long hva = run.hva() + (frameGpa - run.gpa());
                for (AddressSpace space : where) {
                    space.commands().protect(hva, PageTables.PAGE_SIZE, run.prot() & protMask);
                }
            }
        }
    }

    private int frameIndex(long gpa) {
        return (int) (memory.gpaToFileOffset(gpa) >>> PageTables.PAGE_SHIFT);
    }

    int runCount() {
        return upper.size() + lower().size();
    }

    long pagesMapped() {
        return pagesMapped;
    }

    long evictions() {
        return evictions;
    }
}
