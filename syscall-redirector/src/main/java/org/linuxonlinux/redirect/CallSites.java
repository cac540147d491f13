// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;

/**
 * The call sites in user code that are patched to jump to the gate, in copies of their pages.
 *
 * <pre>
 *   file   0x00_0000  table: 8 bytes an entry, at {@link AddressMap#SITE_TABLE_HVA}
 *          0x01_0000  thunks, at {@link AddressMap#THUNKS_HVA}
 *          0x11_0000  copies of pages
 * </pre>
 *
 * <p>A copy belongs to a guest frame at a user address, since thunks know their return address. It
 * is valid until the frame is written, which whoever maps it must notice ({@link #dropFrame}). When
 * a part of the file is full, everything is dropped ({@link #dropAll}) and patching starts anew:
 * sites that are in use come back. No guest task is ever suspended inside a thunk ({@link
 * AddressMap#isThunk}), so nothing points to one that is used again.
 *
 * <p>vCPU thread only.
 */
public final class CallSites implements AutoCloseable {
    private static final int PAGE_BYTES = 4096;
    private static final int PAGE_SHIFT = 12;

    /** Copies kept at most: 4 MB, more than the code that makes calls in a hundred programs. */
    private static final int MAX_COPIES = 1024;

    /** Times a frame's copies may be dropped before it is let be: a JIT compiler writes there. */
    private static final int MAX_DROPS = 4;

    private static final int THUNK_BYTES = 64;
    private static final int THUNKS_AT = AddressMap.SITE_TABLE_SIZE_BYTES;
    private static final int COPIES_AT = THUNKS_AT + AddressMap.THUNKS_SIZE_BYTES;
    private static final int FILE_BYTES = COPIES_AT + MAX_COPIES * PAGE_BYTES;

    /** {@code cmp $imm32,%rax}, {@code jmp *[rip]}, the address. */
    private static final int MAX_COMPARE_BYTES = 7;

    private static final int JUMP_MEMORY_BYTES = 6;
    private static final int TAIL_BYTES = MAX_COMPARE_BYTES + JUMP_MEMORY_BYTES + Long.BYTES;

    // In each 256 bytes of the table, one entry whose address ends in 06, and behind it the others.
    private static final int GROUP_BYTES = 256;
    private static final int COMPARE_ENTRY_OFFSET = 6;
    private static final int FIRST_ENTRY_OFFSET = 16;

    private final CallSiteRecognizer recognizer = new CallSiteRecognizer();
    private final long callGateHva;
    private final HostFile file;
    private final HostFile readOnlyFile;
    private final NativeMemory memory;
    private final NavigableMap<Long, List<PageCopy>> byGva = new TreeMap<>();
    private final Map<Long, List<PageCopy>> byGfn = new HashMap<>();

    /** By frame, those dropped last. */
    private final Map<Long, Integer> drops =
            new LinkedHashMap<>() {
                @Override
                protected boolean removeEldestEntry(Map.Entry<Long, Integer> eldest) {
                    return size() > MAX_COPIES;
                }
            };

    private final Map<Long, CallSite> byThunk = new HashMap<>();
    private int copyCount;
    private int thunkCount;
    private int compareEntries;
    private int nextEntryOffset = FIRST_ENTRY_OFFSET;
    private long patchedSites;
    private long dropped;

    /**
     * @param callGateHva the gate's entry for patched sites
     */
    public CallSites(long callGateHva) {
        this.callGateHva = callGateHva;
        file = HostFile.memfd("lol-sites", FILE_BYTES);
        readOnlyFile =
                HostFile.open(
                        Path.of("/proc/self/fd/" + file.fd()),
                        HostAbi.O_RDONLY | HostAbi.O_CLOEXEC,
                        0);
        memory = NativeMemory.mapShared(file, 0, FILE_BYTES);
    }

    /** The file to map from; it cannot be mapped writable. */
    public HostFile file() {
        return readOnlyFile;
    }

    /** Where the thunks lie in the file. */
    public static long thunksFileOffset() {
        return THUNKS_AT;
    }

    /**
     * Patches the site that a system call returns to.
     *
     * @param returnRip behind its SYSCALL instruction, in 64-bit code
     * @param number RAX of a call made there
     * @param gfn frame of its page
     * @param page the frame's bytes
     * @return the copy to be mapped, or null: the site cannot be patched, or is already
     */
    public PageCopy patch(long returnRip, long number, long gfn, byte[] page) {
        int syscallAt = (int) (returnRip - CallSiteForm.SYSCALL_BYTES) & (PAGE_BYTES - 1);
        long gva = returnRip - CallSiteForm.SYSCALL_BYTES - syscallAt;
        CallSiteForm form = recognizer.recognize(page, syscallAt, number);
        if (form == null || drops.getOrDefault(gfn, 0) >= MAX_DROPS || isFull(form)) {
            return null;
        }
        int start = syscallAt - form.syscallOffset();
        PageCopy copy = find(gva, gfn);
        if (copy != null && overlaps(copy, gva + start, form)) {
            return copy;
        }
        if (copy == null) {
            copy = new PageCopy(gva, gfn, COPIES_AT + (long) copyCount * PAGE_BYTES);
            copyCount++;
            memory.put((int) copy.fileOffsetBytes(), page, 0, PAGE_BYTES);
            byGva.computeIfAbsent(gva, key -> new ArrayList<>()).add(copy);
            byGfn.computeIfAbsent(gfn, key -> new ArrayList<>()).add(copy);
        }
        CallSite site = emitThunk(form, gva + start, form.operand(page, start));
        copy.sites().add(site);
        byThunk.put(site.thunkHva(), site);
        byte[] jump = form.jump(newEntry(form, site.thunkHva()));
        memory.put((int) copy.fileOffsetBytes() + start, jump, 0, jump.length);
        patchedSites++;
        return copy;
    }

    private static boolean overlaps(PageCopy copy, long startRip, CallSiteForm form) {
        for (CallSite site : copy.sites()) {
            if (startRip < site.endRip() && site.startRip() < startRip + form.lengthBytes()) {
                return true;
            }
        }
        return false;
    }

    /** Whether a site of this form would not find room: {@link #dropAll} makes some. */
    private boolean isFull(CallSiteForm form) {
        return isFull()
                || (form == CallSiteForm.COMPARE
                        ? compareEntries * GROUP_BYTES >= AddressMap.SITE_TABLE_SIZE_BYTES
                        : nextEntryOffset >= AddressMap.SITE_TABLE_SIZE_BYTES);
    }

    /** Whether there is no room left for some site. */
    public boolean isFull() {
        return copyCount >= MAX_COPIES
                || (thunkCount + 1) * THUNK_BYTES > AddressMap.THUNKS_SIZE_BYTES
                || compareEntries * GROUP_BYTES >= AddressMap.SITE_TABLE_SIZE_BYTES
                || nextEntryOffset >= AddressMap.SITE_TABLE_SIZE_BYTES;
    }

    private int newEntry(CallSiteForm form, long thunkHva) {
        int offset;
        if (form == CallSiteForm.COMPARE) {
            offset = compareEntries * GROUP_BYTES + COMPARE_ENTRY_OFFSET;
            compareEntries++;
        } else {
            offset = nextEntryOffset;
            nextEntryOffset += Long.BYTES;
            if (nextEntryOffset % GROUP_BYTES == 0) {
                nextEntryOffset += FIRST_ENTRY_OFFSET;
            }
        }
        memory.putLong(offset, thunkHva);
        return (int) AddressMap.SITE_TABLE_HVA + offset;
    }

    /**
     *
     *
     * <pre>
     * Entered from  the patched site, by its jump; user mode
     * Leaves to     callGate with RCX = return RIP; for COMPARE the tail: from sysret, to the end of the site
     * In, out       RAX = number; RCX and R11 are the kernel's as after SYSCALL
     * RFLAGS        unchanged; tail: as the compare leaves them
     * Faults inside none; the monitor steps through, a guest's trap flag hits before the first and behind the
     *               tail's first instruction
     * </pre>
     */
    private CallSite emitThunk(CallSiteForm form, long startRip, int operand) {
        long thunkHva = AddressMap.THUNKS_HVA + (long) thunkCount * THUNK_BYTES;
        thunkCount++;
        MacroAssembler masm = new MacroAssembler(new CodeBuffer(thunkHva, THUNK_BYTES));
        CallSite site = new CallSite(form, startRip, operand, thunkHva, 0);
        switch (form) {
            case MOV_EAX -> masm.movlImm(Reg.rax, operand);
            case MOV_RAX -> masm.movImm(Reg.rax, operand);
            case COMPARE -> {}
        }
        masm.movImm(Reg.rcx, site.returnRip());
        if (form != CallSiteForm.COMPARE) {
            masm.jmp(callGateHva);
        } else {
            long tailHva = thunkHva + THUNK_BYTES - TAIL_BYTES;
            masm.movq(MacroAssembler.vcpu(VcpuPageLayout.GATE_RETURN_RIP), Reg.rcx);
            masm.leaq(Reg.r11, Mem.ripRelative(tailHva));
            masm.movq(MacroAssembler.vcpu(VcpuPageLayout.GATE_RETURN_TO), Reg.r11);
            masm.jmp(callGateHva);
            while (masm.hva() < tailHva) {
                masm.int3();
            }
            masm.cmpqImm(Reg.rax, operand);
            masm.jmp(Mem.ripRelative(masm.hva() + JUMP_MEMORY_BYTES));
            site = new CallSite(form, startRip, operand, thunkHva, tailHva);
        }
        masm.close();
        byte[] code = masm.code().toByteArray();
        int at = THUNKS_AT + (int) (thunkHva - AddressMap.THUNKS_HVA);
        memory.put(at, code, 0, code.length);
        if (form == CallSiteForm.COMPARE) {
            memory.putLong(at + code.length, site.endRip());
        }
        return site;
    }

    private PageCopy find(long gva, long gfn) {
        for (PageCopy copy : byGva.getOrDefault(gva, List.of())) {
            if (copy.gfn() == gfn) {
                return copy;
            }
        }
        return null;
    }

    /** All copies for user pages in a range. */
    public Iterable<List<PageCopy>> copiesIn(long fromGva, long toGva) {
        return byGva.subMap(fromGva, toGva).values();
    }

    /** Forgets the copies of a frame, which is about to change; returns them. */
    public List<PageCopy> dropFrame(long gfn) {
        List<PageCopy> copies = byGfn.remove(gfn);
        if (copies == null) {
            return List.of();
        }
        drops.merge(gfn, 1, Integer::sum);
        for (PageCopy copy : copies) {
            List<PageCopy> atGva = byGva.get(copy.gva());
            atGva.remove(copy);
            if (atGva.isEmpty()) {
                byGva.remove(copy.gva());
            }
        }
        dropped += copies.size();
        return copies;
    }

    /** Forgets everything; returns the copies there were. */
    public List<PageCopy> dropAll() {
        List<PageCopy> all = new ArrayList<>();
        byGva.values().forEach(all::addAll);
        dropped += all.size();
        byGva.clear();
        byGfn.clear();
        byThunk.clear();
        drops.clear();
        copyCount = 0;
        thunkCount = 0;
        compareEntries = 0;
        nextEntryOffset = FIRST_ENTRY_OFFSET;
        return all;
    }

    // --- Repairs --------------------------------------------------------------------------------

    /** What the monitor has to do where user code has stopped at a patched site or in a thunk. */
    public enum Repair {
        /** Nothing: it is not one. */
        NONE,
        /** The SYSCALL instruction before {@link #repairRip}. */
        SYSTEM_CALL,
        /** Compare RAX with {@link #repairOperand}, then go on at {@link #repairRip}. */
        COMPARE,
        /** A debug exception at {@link #repairRip}, with {@link #repairOperand} in RAX. */
        TRAP
    }

    private long repairRip;
    private long repairOperand;

    /** User code has met an instruction that does not exist. */
    public Repair atUndefined(long rip, long gfn) {
        PageCopy copy = find(rip & -PAGE_BYTES, gfn);
        if (copy == null) {
            return Repair.NONE;
        }
        for (CallSite site : copy.sites()) {
            if (site.form() == CallSiteForm.MOV_EAX && rip == site.syscallRip()) {
                repairRip = site.returnRip();
                return Repair.SYSTEM_CALL;
            }
            if (site.form() == CallSiteForm.COMPARE && rip == site.returnRip()) {
                repairRip = site.endRip();
                repairOperand = site.operand();
                return Repair.COMPARE;
            }
        }
        return Repair.NONE;
    }

    /** The guest's own trap flag has hit in a thunk. */
    public Repair atTrap(long hostRip, long rax) {
        long offset = hostRip - AddressMap.THUNKS_HVA;
        CallSite site = byThunk.get(AddressMap.THUNKS_HVA + (offset & -THUNK_BYTES));
        if (!AddressMap.isThunk(hostRip) || site == null) {
            return Repair.NONE;
        }
        repairOperand = rax;
        if (hostRip == site.thunkHva()) {
            if (site.form() == CallSiteForm.COMPARE) {
                repairRip = site.returnRip();
                return Repair.SYSTEM_CALL;
            }
            repairRip = site.syscallRip();
            repairOperand =
                    site.form() == CallSiteForm.MOV_EAX
                            ? site.operand() & 0xffff_ffffL
                            : site.operand();
            return Repair.TRAP;
        }
        repairRip = site.endRip();
        return Repair.TRAP;
    }

    /** See {@link Repair}. */
    public long repairRip() {
        return repairRip;
    }

    /** See {@link Repair}. */
    public long repairOperand() {
        return repairOperand;
    }

    // --- Statistics -----------------------------------------------------------------------------

    /** Sites patched since the start. */
    public long patchedSites() {
        return patchedSites;
    }

    /** Copies dropped since the start. */
    public long droppedCopies() {
        return dropped;
    }

    /** Number of the frame at a GPA. */
    public static long gfnOf(long gpa) {
        return gpa >>> PAGE_SHIFT;
    }

    @Override
    public void close() {
        memory.close();
        readOnlyFile.close();
        file.close();
    }
}
