// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.linuxonlinux.vmm.mmu.HostMappings.PROT_EXEC;
import static org.linuxonlinux.vmm.mmu.HostMappings.PROT_READ;
import static org.linuxonlinux.vmm.mmu.HostMappings.PROT_WRITE;
import static org.linuxonlinux.vmm.mmu.PageTables.ACCESSED;
import static org.linuxonlinux.vmm.mmu.PageTables.FRAME_MASK;
import static org.linuxonlinux.vmm.mmu.PageTables.GLOBAL;
import static org.linuxonlinux.vmm.mmu.PageTables.LARGE;
import static org.linuxonlinux.vmm.mmu.PageTables.PAGE_SHIFT;
import static org.linuxonlinux.vmm.mmu.PageTables.PAGE_SIZE;
import static org.linuxonlinux.vmm.mmu.PageTables.PRESENT;

import java.util.function.LongConsumer;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.DamagedPageException;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.memory.MemoryRegion;
import org.linuxonlinux.redirect.CallSites;
import org.linuxonlinux.redirect.PageCopy;
import org.linuxonlinux.translate.GuestCode;
import org.linuxonlinux.vmm.GeneralProtectionException;

/**
 * The memory management unit of one vCPU: resolves host faults through the guest's page tables and
 * keeps the host mappings as current as a TLB has to be.
 *
 * <p>Used on the vCPU thread only. Governing text: Intel SDM vol. 3A §4.5 (paging), §4.7
 * (page-fault exceptions), §4.10 (TLB invalidation).
 */
public final class Mmu implements GuestCode {
    /** What became of an access. */
    public enum Outcome {
        /** The page is mapped (or queued to be); run the instruction again. */
        MAPPED,
        /** The guest's tables forbid it; {@link #errorCode()} tells how. */
        PAGE_FAULT,
        /** The tables lead to {@link #faultGpa()}, where there is no RAM. */
        MMIO,
        /** A permitted write to a frame that holds translated code, at {@link #faultGpa()}. */
        CODE_WRITE,
        /**
         * A kernel's write to a user page that only CR0.WP = 0 permits. The page is writable (or
         * queued to be) until {@link #endUnprotectedWrite}, which must come before user code runs.
         */
        UNPROTECTED_WRITE,
        /**
         * The page cannot be shown: a user page where the folded kernel or the gate is, a kernel
         * page where the gate is, or an address that no host process can map.
         */
        CONFLICT
    }

    /** Page-fault error-code bits (Intel SDM vol. 3A §4.7). */
    private static final int PF_PRESENT = 1;

    public static final int PF_WRITE = 2;
    private static final int PF_USER = 4;
    public static final int PF_FETCH = 16;

    /** Frames looked at on each side of a 4 KB user page for a contiguous run; arbitrary. */
    private static final int USER_RUN_PAGES = 16;

    private static final int PCID_MASK = 0xfff;

    private static final int ENTRIES_PER_TABLE = 512;

    /** 1 TB: more than programs place low, and less than leaves them short of addresses. */
    private static final long FOLD_SHADOW_BYTES = 1L << 40;

    /**
     * User pages below this, 1 MB, are taken to be neighbours of the table of call sites. Programs
     * that are not made for a place of their own start at 4 MB.
     */
    private static final long NEAR_SITE_TABLE_END = 1L << 20;

    private static final int TOP_SHIFT = 39;
    private static final int LEVEL_BITS = 9;

    private final GuestMemory memory;
    private final PageWalker walker;
    private final AddressSpaces spaces;
    private final HostMappings mappings;

    private long rootGpa;

    /** The address space that was found to have one lower page table, and its page. */
    private long soleRootGpa = -1;

    private long soleGva;
    private boolean writeProtect;
    private boolean aliasAllowed = true;
    private LongConsumer codeWriteListener = gfn -> {};

    /** Where revalidation has found a range to unmap; null = nowhere. */
    private RunTable staleTable;

    private long staleFromHva;
    private long staleEndHva;

    private long rootChanges;
    private int errorCode;
    private long faultGpa;

    /** Null = none are patched. */
    private CallSites callSites;

    /** The page of user code that is being patched. */
    private final byte[] codePage = new byte[(int) PAGE_SIZE];

    /**
     * @param ramFd number of the RAM file's descriptor in the context process
     * @param maxRuns mappings kept at most, below the host's vm.max_map_count
     */
    public Mmu(GuestMemory memory, AddressSpaces spaces, int ramFd, int maxRuns) {
        this.memory = memory;
        this.walker = new PageWalker(memory);
        this.spaces = spaces;
        this.mappings = new HostMappings(memory, spaces, ramFd, maxRuns);
    }

    /** Whether all bits above bit 47 repeat it (Intel SDM vol. 1 §3.3.7.1). */
    public static boolean isCanonical(long gva) {
        return PageTables.isCanonical(gva);
    }

    /** Whether a host process can map something at {@code hva}: the canonical lower half. */
    public static boolean isUserHva(long hva) {
        return hva >= 0 && PageTables.isCanonical(hva);
    }

    // --- Faults -------------------------------------------------------------------------------

    /**
     * Resolves an access as the paging hardware would and maps the page at {@code hva} where the
     * guest's tables permit it. Accessed and dirty bits are set as needed.
     *
     * @param hva where the faulting instruction looks for it: {@link AddressMap#gvaToHva}, or FOLD
     *     + GVA for a low address used by a folded instruction
     */
    public Outcome resolve(long gva, long hva, Access access, boolean userMode) {
        if (!isPermitted(gva, access, userMode)) {
            return Outcome.PAGE_FAULT;
        }
        faultGpa = walker.gpa();
        if (!memory.isRam(faultGpa)) {
            return Outcome.MMIO;
        }
        long pageHva = hva & -PAGE_SIZE;
        giveUpCallSitesIfNear(pageHva);
        boolean taken =
                AddressMap.isUpperHalf(gva)
                        ? AddressMap.meetsGate(pageHva, PAGE_SIZE)
                        : isUserPageInFoldShadow(gva, hva) || mappings.isTaken(pageHva, PAGE_SIZE);
        if (taken || !isUserHva(pageHva)) {
            return Outcome.CONFLICT;
        }
        walker.touch(access == Access.WRITE);
        if (access == Access.WRITE && mappings.isCodeFrame(faultGpa)) {
            return Outcome.CODE_WRITE;
        }
        if (access == Access.WRITE && walker.isUser() && !walker.isWritable()) {
            mappings.map(onePage(gva, pageHva, protOf(false) | PROT_WRITE));
            return Outcome.UNPROTECTED_WRITE;
        }
        if (!isMappedFor(gva, pageHva, access)) {
            mappings.map(runAround(gva, pageHva));
        }
        return Outcome.MAPPED;
    }

    /**
     * Whether a user page lies where the constant fold takes low addresses. It is not shown, so
     * that a module's access to user memory, which no exception table known here lists, faults and
     * is made dynamic instead of reaching the wrong page. The kernel's own lower-half pages, such
     * as text_poke's at a random address, may lie there.
     */
    private boolean isUserPageInFoldShadow(long gva, long hva) {
        return walker.isUser()
                && gva == hva
                && hva >= AddressMap.FOLD
                && hva < AddressMap.FOLD + FOLD_SHADOW_BYTES;
    }

    private Run onePage(long gva, long pageHva, int prot) {
        return new Run(
                pageHva,
                gva & -PAGE_SIZE,
                walker.gpa() & -PAGE_SIZE,
                PAGE_SIZE,
                prot,
                walker.isGlobal(),
                walker.pageShift());
    }

    /** Takes away what {@link Outcome#UNPROTECTED_WRITE} has mapped for {@code gva}. */
    public void endUnprotectedWrite(long gva, long hva) {
        mappings.unmap(mappings.tableFor(gva), hva & -PAGE_SIZE, PAGE_SIZE);
    }

    /** Whether {@link AddressMap#LOW_PAGE_HVA} is still the gate's. */
    public boolean hasLowPage() {
        return mappings.hasLowPage();
    }

    /** Whether the iret stub may map a user page here by itself. */
    public boolean canPremap(long gva) {
        long pageGva = gva & -PAGE_SIZE;
        boolean inFoldShadow = gva >= AddressMap.FOLD && gva < AddressMap.FOLD + FOLD_SHADOW_BYTES;
        return isUserHva(gva)
                && !inFoldShadow
                && !isNearSiteTable(pageGva)
                && !mappings.isTaken(pageGva, PAGE_SIZE);
    }

    /**
     * Enters a 4 KB user page that the iret stub has mapped.
     *
     * @return number of its frame if that holds translated code which user code may now have
     *     changed, -1 otherwise
     * @throws DamagedPageException if no stub can have mapped that
     */
    public long enterPremapped(long gva, long leaf, int prot) {
        long gpa = leaf & FRAME_MASK;
        if (!memory.isRam(gpa)) {
            throw new DamagedPageException(String.format("mapped by the gate: gpa=0x%x", gpa));
        }
        boolean global = (leaf & GLOBAL) != 0;
        mappings.enter(new Run(gva, gva, gpa, PAGE_SIZE, prot, global, PAGE_SHIFT));
        return (prot & PROT_WRITE) != 0 && mappings.isCodeFrame(gpa) ? gpa >>> PAGE_SHIFT : -1;
    }

    /** Whether a lower-half page is mapped, so that reading it does not fault. */
    public boolean isReadable(long gva) {
        return mappings.lower().at(gva & -PAGE_SIZE) != null;
    }

    /** Whether the page last walked is mapped at {@code pageHva} with what the access needs. */
    private boolean isMappedFor(long gva, long pageHva, Access access) {
        Run run = mappings.tableFor(gva).at(pageHva);
        if (run == null || run.gpa() + (pageHva - run.hva()) != (walker.gpa() & -PAGE_SIZE)) {
            return false;
        }
        int needed =
                switch (access) {
                    case READ -> PROT_READ;
                    case WRITE -> PROT_WRITE;
                    case EXECUTE -> PROT_EXEC;
                };
        return (run.prot() & needed) != 0;
    }

    /** Walks for {@code gva} and checks permissions; fills {@link #errorCode} where it fails. */
    private boolean isPermitted(long gva, Access access, boolean userMode) {
        boolean present = walker.walk(rootGpa, gva);
        boolean permitted = present;
        if (present && userMode) {
            permitted = walker.isUser();
        }
        if (permitted && access == Access.WRITE) {
            permitted = walker.isWritable() || !(userMode || writeProtect);
        }
        if (permitted && access == Access.EXECUTE) {
            permitted = walker.isExecutable();
        }
        if (!permitted) {
            errorCode =
                    (present ? PF_PRESENT : 0)
                            | (access == Access.WRITE ? PF_WRITE : 0)
                            | (userMode ? PF_USER : 0)
                            | (access == Access.EXECUTE ? PF_FETCH : 0);
        }
        return permitted;
    }

    /** Error code of the last {@link Outcome#PAGE_FAULT}. */
    public int errorCode() {
        return errorCode;
    }

    /** Guest physical address of the last {@link Outcome#MMIO} or {@link Outcome#CODE_WRITE}. */
    public long faultGpa() {
        return faultGpa;
    }

    /** Host protection for the page last walked. */
    private int protOf(boolean upper) {
        int prot = PROT_READ;
        boolean writable = walker.isWritable() || (!writeProtect && !walker.isUser());
        if (writable && walker.isDirty()) {
            prot |= PROT_WRITE;
        }
        if (!upper && walker.isUser() && walker.isExecutable()) {
            prot |= PROT_EXEC;
        }
        return prot;
    }

    /**
     * The longest run around the page last walked whose leaf entries agree in every bit but the
     * frame, are contiguous in frames and lie in one RAM region.
     */
    private Run runAround(long gva, long pageHva) {
        boolean upper = AddressMap.isUpperHalf(gva);
        int prot = protOf(upper);
        boolean global = walker.isGlobal();
        int shift = walker.pageShift();
        long leafSize = 1L << shift;
        long leaf = walker.leaf();
        long leafEntryGpa = walker.leafGpa();
        long leafFrame = leaf & FRAME_MASK & -leafSize;
        long leafGva = gva & -leafSize;
        long hvaOfLeaf = pageHva - (gva & -PAGE_SIZE) + leafGva;

        int index = (int) (gva >>> shift) & (ENTRIES_PER_TABLE - 1);
        int reach = upper || shift != PAGE_SHIFT ? ENTRIES_PER_TABLE : USER_RUN_PAGES;
        int before = 0;
        while (before < index
                && before < reach
                && continues(leafEntryGpa, leaf, -(before + 1), shift)) {
            before++;
        }
        int after = 0;
        while (index + after + 1 < ENTRIES_PER_TABLE
                && after < reach
                && continues(leafEntryGpa, leaf, after + 1, shift)) {
            after++;
        }
        long runGpa = leafFrame - before * leafSize;
        long runGva = leafGva - before * leafSize;
        long runHva = hvaOfLeaf - before * leafSize;
        long sizeBytes = (before + after + 1) * leafSize;
        return clipped(new Run(runHva, runGva, runGpa, sizeBytes, prot, global, shift), pageHva);
    }

    /** Whether the neighbour {@code distance} entries away continues the leaf's run. */
    private boolean continues(long leafEntryGpa, long leaf, int distance, int shift) {
        long entry = memory.getLong(leafEntryGpa + distance * 8L);
        long expected = leaf + ((long) distance << shift);
        return entry == expected && (entry & ACCESSED) != 0;
    }

    /** Cuts a run to contiguous RAM and, for the lower half, to what does not collide. */
    private Run clipped(Run run, long pageHva) {
        long from = run.hva();
        long to = run.endHva();
        long pageGpa = run.gpa() + (pageHva - run.hva());
        MemoryRegion region = regionOf(pageGpa);
        long ramStart = region.gpa();
        long ramEnd = ramStart + region.sizeBytes();
        from = Math.max(from, pageHva - (pageGpa - ramStart));
        to = Math.min(to, pageHva + (ramEnd - pageGpa));
        boolean lowerHalf = !AddressMap.isUpperHalf(run.gva());
        boolean collides =
                lowerHalf
                        ? mappings.isTaken(from, to - from)
                        : AddressMap.meetsGate(from, to - from);
        if (collides) {
            from = pageHva;
            to = pageHva + PAGE_SIZE;
        }
        return from == run.hva() && to == run.endHva() ? run : run.slice(from, to);
    }

    private MemoryRegion regionOf(long gpa) {
        for (MemoryRegion region : memory.regions()) {
            if (gpa >= region.gpa() && gpa - region.gpa() < region.sizeBytes()) {
                return region;
            }
        }
        throw new IllegalArgumentException(String.format("not RAM: gpa=0x%x", gpa));
    }

    // --- TLB invalidation -----------------------------------------------------------------------

    /** INVLPG: drops the mapping of a page that its entry no longer justifies. */
    public void invalidatePage(long gva) {
        long pageGva = gva & -PAGE_SIZE;
        if (AddressMap.isMappable(pageGva)) {
            RunTable table = mappings.tableFor(pageGva);
            invalidateAt(table, AddressMap.gvaToHva(pageGva), pageGva);
            if (aliasAllowed && !AddressMap.isUpperHalf(gva)) {
                invalidateAt(table, pageGva + AddressMap.FOLD, pageGva);
            }
            unmapStale();
        }
    }

    /** A TLB entry goes as a whole: one INVLPG drops all of a large page (§4.10.4.1). */
    private void invalidateAt(RunTable table, long hva, long gva) {
        int shift = table.pageShiftAt(hva);
        if (shift == PAGE_SHIFT) {
            revalidate(table, table.at(hva), gva, gva + PAGE_SIZE);
            return;
        }
        long size = 1L << shift;
        long pageGva = gva & -size;
        long pageHva = pageGva + (hva - gva);
        for (Run run : table.overlapping(pageHva, pageHva + size)) {
            long from = Math.max(run.gva(), pageGva);
            revalidate(table, run, from, Math.min(run.endGva(), pageGva + size));
        }
    }

    /**
     * A CR3 write: flushes all non-global translations, or with PCIDs those of the new PCID unless
     * bit 63 is set (Intel SDM §4.10.4.1).
     *
     * @param withPcids CR4.PCIDE
     */
    public void setRoot(long cr3, boolean withPcids) {
        long newRoot = cr3 & FRAME_MASK;
        rootChanges++;
        boolean flushes = !withPcids || cr3 >= 0;
        int pcid = withPcids ? (int) cr3 & PCID_MASK : 0;
        rootGpa = newRoot;
        if (pcid != spaces.current().pcid() && spaces.select(pcid)) {
            mappings.mapUpperInNewProcess();
        }
        AddressSpace space = spaces.current();
        if (space.isOutdated()) {
            mappings.rebuild();
        }
        boolean sameTables = newRoot == space.rootGpa();
        space.setRootGpa(newRoot);
        if (!sameTables) {
            mappings.unmapLower();
            mapSoleLowerPage();
        } else if (flushes || space.isStale()) {
            revalidateAll(mappings.lower());
        }
        space.setStale(false);
        if (mappings.upper().hasNonGlobal()) {
            revalidateNonGlobal(mappings.upper());
        }
    }

    /**
     * Maps the lower half at once where it is a single page table with a page or two: the address
     * space through which Linux patches its code (text_poke), which would fault each time.
     */
    private void mapSoleLowerPage() {
        if (rootGpa != soleRootGpa) {
            long found = findSoleLowerPage();
            if (found < 0) {
                return;
            }
            soleGva = found;
            soleRootGpa = rootGpa;
        }
        if (!walker.walk(rootGpa, soleGva)) {
            return;
        }
        resolve(soleGva, soleGva, Access.READ, false);
        long nextGva = soleGva + PAGE_SIZE;
        if (walker.walk(rootGpa, nextGva)) {
            resolve(nextGva, nextGva, Access.READ, false);
        }
    }

    /** The lowest page of a lower half with a single page table, or -1 if there are more. */
    private long findSoleLowerPage() {
        long tableGpa = rootGpa;
        long gva = 0;
        for (int shift = TOP_SHIFT; shift > PAGE_SHIFT; shift -= LEVEL_BITS) {
            int entries = shift == TOP_SHIFT ? ENTRIES_PER_TABLE / 2 : ENTRIES_PER_TABLE;
            int index = soleEntry(tableGpa, 0, entries);
            if (index < 0) {
                return -1;
            }
            gva |= (long) index << shift;
            tableGpa = memory.getLong(tableGpa + index * 8L) & FRAME_MASK;
            if (!memory.isRam(tableGpa)) {
                return -1;
            }
        }
        int index = nextEntry(tableGpa, 0, ENTRIES_PER_TABLE);
        return index < 0 ? -1 : gva | (long) index << PAGE_SHIFT;
    }

    /** Index of the only present entry that leads to a table, or -1. */
    private int soleEntry(long tableGpa, int from, int end) {
        int index = nextEntry(tableGpa, from, end);
        boolean sole = index >= 0 && nextEntry(tableGpa, index + 1, end) < 0;
        boolean large = sole && (memory.getLong(tableGpa + index * 8L) & LARGE) != 0;
        return sole && !large ? index : -1;
    }

    private int nextEntry(long tableGpa, int from, int end) {
        for (int index = from; index < end; index++) {
            if ((memory.getLong(tableGpa + index * 8L) & PRESENT) != 0) {
                return index;
            }
        }
        return -1;
    }

    /** Flushes every translation, global ones too (a change of CR4.PGE, CR0.PG or CR0.WP). */
    public void flushAll() {
        spaces.makeOthersStale();
        revalidateAll(mappings.lower());
        revalidateAll(mappings.upper());
    }

    /** INVPCID of type 3: flushes all translations but global ones. */
    public void flushNonGlobal() {
        spaces.makeOthersStale();
        flushCurrent();
    }

    private void flushCurrent() {
        revalidateAll(mappings.lower());
        if (mappings.upper().hasNonGlobal()) {
            revalidateNonGlobal(mappings.upper());
        }
    }

    /** INVPCID of types 0 and 1: flushes what is not global of one PCID. */
    public void flushPcid(int pcid) {
        AddressSpace space = spaces.find(pcid);
        if (space == spaces.current()) {
            flushCurrent();
        } else if (space != null) {
            space.setStale(true);
        }
    }

    /** Whether there are context processes for several PCIDs. */
    public boolean hasPcids() {
        return spaces.areMany();
    }

    /** The guest may have changed to another address space by itself; first thing at each stop. */
    public void follow(int slot) {
        if (slot != spaces.current().slot()) {
            spaces.follow(slot);
            rootGpa = spaces.current().rootGpa();
        }
    }

    /** The number of the context process that the guest is to go on in. */
    public int slot() {
        return spaces.current().slot();
    }

    /**
     * Tells the gate which address spaces the guest can change to; last thing before each entry.
     */
    public void publish(VcpuPage page) {
        spaces.outdateLaggards();
        spaces.publish(page);
    }

    private void revalidateAll(RunTable table) {
        for (Run run : table.snapshot()) {
            revalidate(table, run, run.gva(), run.endGva());
        }
        unmapStale();
    }

    /**
     * A run that has become global since it was mapped is noted as such, and concerns no CR3 write
     * any more. Linux maps and splits the first pages of its direct map before it knows of global
     * pages; looking at their 512 entries again at each of 17,000 CR3 writes took 0.4 s of a boot.
     */
    private void revalidateNonGlobal(RunTable table) {
        for (Run run : table.snapshot()) {
            if (!run.global()) {
                boolean sound = revalidate(table, run, run.gva(), run.endGva());
                if (sound && isGlobalNow(run)) {
                    table.put(run.asGlobal(walker.pageShift()));
                }
            }
        }
        unmapStale();
    }

    /** Whether all entries of a run are global and of one size, that of the last walk. */
    private boolean isGlobalNow(Run run) {
        int shift = 0;
        long gva = run.gva();
        while (gva < run.endGva()) {
            boolean present = walker.walk(rootGpa, gva);
            if (!present || !walker.isGlobal() || (shift != 0 && shift != walker.pageShift())) {
                return false;
            }
            shift = walker.pageShift();
            gva = (gva & -walker.pageSizeBytes()) + walker.pageSizeBytes();
        }
        return true;
    }

    /**
     * Has {@link #unmapStale} unmap those pages of a run in {@code [fromGva, endGva)} that the
     * tables deny now.
     *
     * @return whether there were none
     */
    private boolean revalidate(RunTable table, Run run, long fromGva, long endGva) {
        if (run == null) {
            return true;
        }
        boolean sound = true;
        long hvaOffset = run.hva() - run.gva();
        long staleFrom = 0;
        boolean stale = false;
        long gva = fromGva;
        while (gva < endGva) {
            boolean valid = isStillValid(run, gva);
            if (!valid && !stale) {
                staleFrom = gva;
                stale = true;
                sound = false;
            } else if (valid && stale) {
                addStale(table, staleFrom + hvaOffset, gva - staleFrom);
                stale = false;
            }
            long step = walker.pageSizeBytes();
            gva = (gva & -step) + step;
        }
        if (stale) {
            addStale(table, staleFrom + hvaOffset, endGva - staleFrom);
        }
        return sound;
    }

    /** Notes a range to unmap. Those that adjoin become one call: a process's pages, run by run. */
    private void addStale(RunTable table, long hva, long sizeBytes) {
        if (staleTable != table || staleEndHva != hva) {
            unmapStale();
            staleTable = table;
            staleFromHva = hva;
        }
        staleEndHva = hva + sizeBytes;
    }

    private void unmapStale() {
        if (staleTable != null) {
            mappings.unmap(staleTable, staleFromHva, staleEndHva - staleFromHva);
            staleTable = null;
        }
    }

    private boolean isStillValid(Run run, long gva) {
        if (!walker.walk(rootGpa, gva)) {
            return false;
        }
        long expectedGpa = run.gpa() + (gva - run.gva());
        int prot = protOf(AddressMap.isUpperHalf(gva));
        // After a flush the next access must set the accessed bit again.
        return walker.gpa() == expectedGpa && (run.prot() & ~prot) == 0 && walker.isAccessed();
    }

    // --- Control state --------------------------------------------------------------------------

    /** CR0.WP: whether kernel mode respects read-only pages. */
    public void setWriteProtect(boolean enabled) {
        writeProtect = enabled;
    }

    /**
     * User mode is about to run for the first time: the low-window aliases of early boot go, and
     * from now on a folded instruction that meets a low address must be made dynamic.
     */
    public void closeLowWindow() {
        if (aliasAllowed) {
            aliasAllowed = false;
            mappings.unmapAliases();
        }
    }

    public boolean isLowWindowOpen() {
        return aliasAllowed;
    }

    // --- Translated code ------------------------------------------------------------------------

    @Override
    public int fetch(long guestRip, byte[] into, int maxBytes) {
        int done = 0;
        while (done < maxBytes) {
            long gva = guestRip + done;
            if (!PageTables.isCanonical(gva)
                    || !walker.walk(rootGpa, gva)
                    || !walker.isExecutable()
                    || !memory.isRam(walker.gpa())) {
                break;
            }
            walker.touch(false);
            int chunk = (int) Math.min(maxBytes - done, PAGE_SIZE - (gva & (PAGE_SIZE - 1)));
            memory.read(walker.gpa(), into, done, chunk);
            done += chunk;
        }
        return done;
    }

    @Override
    public long gfnOf(long guestRip) {
        boolean present = PageTables.isCanonical(guestRip) && walker.walk(rootGpa, guestRip);
        return present ? walker.gpa() >>> PAGE_SHIFT : -1;
    }

    @Override
    public void protectCodePage(long gfn) {
        if (memory.isRam(gfn << PAGE_SHIFT)) {
            mappings.protectCodeFrame(gfn << PAGE_SHIFT);
        }
    }

    /** The frame holds no translated code any more. */
    public void releaseCodePage(long gfn) {
        mappings.releaseCodeFrame(gfn << PAGE_SHIFT);
    }

    /**
     * Who hears that the monitor is about to write to a frame that holds translated code; takes the
     * frame's number. The frame is released then.
     */
    public void onCodeWrite(LongConsumer listener) {
        codeWriteListener = listener;
    }

    public boolean isCodeFrame(long gpa) {
        return memory.isRam(gpa) && mappings.isCodeFrame(gpa);
    }

    // --- Patched call sites ---------------------------------------------------------------------

    /**
     * The table that patched call sites jump through hides fresh pages of a program that lie there,
     * as long as they are only read. Programs with pages so low, emulators and the like, have
     * others about, and come to one of them first.
     */
    private void giveUpCallSitesIfNear(long pageHva) {
        if (walker.isUser() && isNearSiteTable(pageHva)) {
            mappings.giveUpCallSites();
            callSites = null;
        }
    }

    private boolean isNearSiteTable(long pageHva) {
        return callSites != null && pageHva >= 0 && pageHva < NEAR_SITE_TABLE_END;
    }

    /**
     * From now on, user code is shown with patched call sites.
     *
     * @param fd number of their file's descriptor in the context process
     */
    public void showCallSites(CallSites sites, int fd) {
        callSites = sites;
        mappings.showCopies(sites, fd);
    }

    /**
     * Patches the call site that a 64-bit system call of user mode returns to, if possible.
     *
     * @param number RAX of the call
     */
    public void patchCallSite(long returnRip, long number) {
        if (callSites == null
                || !PageTables.isCanonical(returnRip)
                || !walker.walk(rootGpa, returnRip - 1)
                || !memory.isRam(walker.gpa())) {
            return;
        }
        long frameGpa = walker.gpa() & -PAGE_SIZE;
        if (callSites.isFull()) {
            mappings.dropCopies();
        }
        memory.read(frameGpa, codePage, 0, codePage.length);
        PageCopy copy = callSites.patch(returnRip, number, frameGpa >>> PAGE_SHIFT, codePage);
        if (copy != null) {
            mappings.protectCodeFrame(frameGpa);
            mappings.show(copy);
        }
    }

    // --- Accesses by the monitor on the guest's behalf
    // --------------------------------------------

    /**
     * The GPA behind a supervisor access, with accessed and dirty bits set as hardware does. What
     * was translated from a frame to be written is forgotten: afterwards, enter kernel code anew.
     *
     * @throws GeneralProtectionException if the address is not canonical
     * @throws NotRamException if the tables lead elsewhere; so do all that follow
     */
    public long translate(long gva, Access access) throws GuestPageFaultException {
        if (!PageTables.isCanonical(gva)) {
            throw new GeneralProtectionException();
        }
        if (!isPermitted(gva, access, false)) {
            throw new GuestPageFaultException(gva, errorCode);
        }
        long gpa = walker.gpa();
        if (!memory.isRam(gpa)) {
            throw new NotRamException(gva, gpa);
        }
        walker.touch(access == Access.WRITE);
        if (access == Access.WRITE && mappings.isCodeFrame(gpa)) {
            codeWriteListener.accept(gpa >>> PAGE_SHIFT);
            mappings.releaseCodeFrame(gpa);
        }
        return gpa;
    }

    /** Reads {@code length} bytes as supervisor. */
    public void read(long gva, byte[] into, int length) throws GuestPageFaultException {
        int done = 0;
        while (done < length) {
            long at = gva + done;
            int chunk = (int) Math.min(length - done, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
            memory.read(translate(at, Access.READ), into, done, chunk);
            done += chunk;
        }
    }

    /** Reads a little-endian value of 1, 2, 4 or 8 bytes, zero-extended. */
    public long readValue(long gva, int sizeBytes) throws GuestPageFaultException {
        long value = 0;
        if ((gva & (PAGE_SIZE - 1)) + sizeBytes <= PAGE_SIZE) {
            long gpa = translate(gva, Access.READ);
            for (int i = sizeBytes - 1; i >= 0; i--) {
                value = (value << 8) | (memory.getByte(gpa + i) & 0xff);
            }
            return value;
        }
        for (int i = sizeBytes - 1; i >= 0; i--) {
            value = (value << 8) | (memory.getByte(translate(gva + i, Access.READ)) & 0xff);
        }
        return value;
    }

    /** Writes the low {@code sizeBytes} bytes of a value as supervisor. */
    public void writeValue(long gva, int sizeBytes, long value) throws GuestPageFaultException {
        translate(gva + sizeBytes - 1, Access.WRITE);
        for (int i = 0; i < sizeBytes; i++) {
            memory.setByte(translate(gva + i, Access.WRITE), (byte) (value >>> (8 * i)));
        }
    }

    public long readLong(long gva) throws GuestPageFaultException {
        return (gva & 7) == 0 ? memory.getLong(translate(gva, Access.READ)) : readValue(gva, 8);
    }

    public void writeLong(long gva, long value) throws GuestPageFaultException {
        if ((gva & 7) == 0) {
            memory.setLong(translate(gva, Access.WRITE), value);
        } else {
            writeValue(gva, 8, value);
        }
    }

    // --- Statistics
    // -------------------------------------------------------------------------------

    /** Writes of CR3 that the monitor has done. */
    public long rootChanges() {
        return rootChanges;
    }

    /** Host mappings in force. */
    public int runCount() {
        return mappings.runCount();
    }

    /** 4 KB pages mapped since the start. */
    public long pagesMapped() {
        return mappings.pagesMapped();
    }

    /** Times the lower half was forgotten for want of host mappings. */
    public long evictions() {
        return mappings.evictions();
    }
}
