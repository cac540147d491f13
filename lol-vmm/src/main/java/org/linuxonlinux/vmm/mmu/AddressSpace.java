// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

/**
 * A cached address space of the guest: the context process in whose mappings it is, and what is to
 * be done there before the guest goes on in it.
 *
 * <p>vCPU thread only.
 */
public final class AddressSpace {
    private final int slot;
    private final HostCommandQueue commands = new HostCommandQueue();
    private final RunTable lower = new RunTable();

    /** CR3 without PCID, and the PCID. */
    private long rootGpa = -1;

    private int pcid = -1;

    /** Whether a flush is due of what is mapped of the lower half. */
    private boolean stale;

    /** Whether its process is behind so far that its mappings must be made anew. */
    private boolean outdated;

    private long lastUse;

    AddressSpace(int slot) {
        this.slot = slot;
    }

    /** Number of its context process. */
    public int slot() {
        return slot;
    }

    /** Host calls that its context process has to make before the guest goes on in it. */
    public HostCommandQueue commands() {
        return commands;
    }

    /** User pages and, in early boot, aliases of low pages that are mapped. */
    RunTable lower() {
        return lower;
    }

    long rootGpa() {
        return rootGpa;
    }

    void setRootGpa(long rootGpa) {
        this.rootGpa = rootGpa;
    }

    int pcid() {
        return pcid;
    }

    void setPcid(int pcid) {
        this.pcid = pcid;
    }

    boolean isStale() {
        return stale;
    }

    void setStale(boolean stale) {
        this.stale = stale;
    }

    boolean isOutdated() {
        return outdated;
    }

    /** Gives up what was queued: the process's mappings are made anew when it is used again. */
    void outdate() {
        outdated = true;
        commands.clear();
        lower.clear();
    }

    /** Its process is about to get all its mappings. */
    void renew() {
        outdated = false;
        commands.clear();
    }

    long lastUse() {
        return lastUse;
    }

    void setLastUse(long lastUse) {
        this.lastUse = lastUse;
    }

    /** Whether the guest can go on in it without the monitor: CR3 with PCID, -1 = it cannot. */
    long switchableCr3() {
        return stale || outdated || rootGpa < 0 || !commands.isEmpty() ? -1 : rootGpa | pcid;
    }
}
