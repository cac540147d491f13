// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * GDTR, IDTR, LDTR and the task register, and what the guest's tables hold (Intel SDM vol. 3A §3.4,
 * §3.5, §6.10, §7.7).
 */
public final class DescriptorTables {
    private static final int DESCRIPTOR_BYTES = 8;
    private static final int GATE_BYTES = 16;
    private static final int TSS_RSP0_OFFSET = 4;
    private static final int TSS_IST1_OFFSET = 36;
    private static final int TSS_IO_MAP_OFFSET = 102;

    private final Mmu mmu;

    private long gdtBase;
    private int gdtLimit;
    private long idtBase;
    private int idtLimit;
    private int taskSelector;
    private long taskBase;
    private long taskLimit;
    private int ldtSelector;

    public DescriptorTables(Mmu mmu) {
        this.mmu = mmu;
    }

    /**
     * LGDT: where the table is.
     *
     * @param limit offset of its last byte, 0–0xffff
     */
    public void setGdtr(long baseGva, int limit) {
        gdtBase = baseGva;
        gdtLimit = limit;
    }

    /**
     * LIDT: where the table is.
     *
     * @param limit offset of its last byte, 0–0xffff
     */
    public void setIdtr(long baseGva, int limit) {
        idtBase = baseGva;
        idtLimit = limit;
    }

    public long gdtBase() {
        return gdtBase;
    }

    public int gdtLimit() {
        return gdtLimit;
    }

    public long idtBase() {
        return idtBase;
    }

    public int idtLimit() {
        return idtLimit;
    }

    public int taskSelector() {
        return taskSelector;
    }

    /** Kept for SLDT only: no descriptor is ever read from an LDT. */
    public int ldtSelector() {
        return ldtSelector;
    }

    public void setLdtSelector(int selector) {
        ldtSelector = selector;
    }

    /**
     * LTR: reads the 16-byte TSS descriptor and marks it busy. The caller has checked its type.
     *
     * @throws GuestPageFaultException if the GDT faults; nothing is changed then
     */
    public void loadTaskRegister(int selector) throws GuestPageFaultException {
        long low = descriptor(selector);
        long high = mmu.readLong(gdtBase + (selector & ~7) + DESCRIPTOR_BYTES);
        mmu.writeLong(gdtBase + (selector & ~7), low | (1L << 41));
        taskSelector = selector;
        taskBase = baseOf(low) | (high << 32);
        taskLimit = limitOf(low);
    }

    /** The 8-byte GDT entry of a selector, 0 where it lies outside the table. */
    public long descriptor(int selector) throws GuestPageFaultException {
        int offset = selector & ~7;
        boolean inLdt = (selector & 4) != 0;
        return inLdt || (offset + DESCRIPTOR_BYTES - 1 > gdtLimit)
                ? 0
                : mmu.readLong(gdtBase + offset);
    }

    /** Base address in a code or data descriptor, 32 bits. */
    public static long baseOf(long descriptor) {
        return ((descriptor >>> 16) & 0xff_ffff) | ((descriptor >>> 32) & 0xff00_0000L);
    }

    /** Limit in a descriptor in bytes, inclusive, with the granularity bit applied. */
    public static long limitOf(long descriptor) {
        long limit = (descriptor & 0xffff) | ((descriptor >>> 32) & 0xf_0000L);
        boolean pages = (descriptor >>> 55 & 1) != 0;
        return pages ? (limit << 12) | 0xfff : limit;
    }

    /** Whether vector has an entry in the IDT. */
    boolean hasGate(int vector) {
        return vector * GATE_BYTES + GATE_BYTES - 1 <= idtLimit;
    }

    long gateLow(int vector) throws GuestPageFaultException {
        return mmu.readLong(idtBase + (long) vector * GATE_BYTES);
    }

    long gateHigh(int vector) throws GuestPageFaultException {
        return mmu.readLong(idtBase + (long) vector * GATE_BYTES + 8);
    }

    /** RSP0 of the TSS. */
    long kernelStack() throws GuestPageFaultException {
        return mmu.readLong(taskBase + TSS_RSP0_OFFSET);
    }

    /** Interrupt stack table entry 1..7 of the TSS. */
    long interruptStack(int ist) throws GuestPageFaultException {
        return mmu.readLong(taskBase + TSS_IST1_OFFSET + (long) (ist - 1) * 8);
    }

    /**
     * Whether the TSS's I/O permission bitmap lets user mode at a port (Intel SDM vol. 1 §19.5.2).
     * As the processor does, two bytes of it are read, and must lie inside the segment.
     *
     * @param sizeBytes 1, 2 or 4: as many ports must be permitted
     */
    public boolean permitsPort(int port, int sizeBytes) throws GuestPageFaultException {
        if ((taskSelector & ~3) == 0 || TSS_IO_MAP_OFFSET + 1 > taskLimit) {
            return false;
        }
        long offset = mmu.readValue(taskBase + TSS_IO_MAP_OFFSET, 2) + (port >>> 3);
        if (offset + 1 > taskLimit) {
            return false;
        }
        long denied = mmu.readValue(taskBase + offset, 2) >>> (port & 7);
        return (denied & ((1 << sizeBytes) - 1)) == 0;
    }
}
