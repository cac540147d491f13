// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.linuxonlinux.gate.DamagedPageException;
import org.linuxonlinux.gate.VcpuPage;

/**
 * The cache of address spaces: one for each PCID the guest uses, as far as there are context
 * processes, and one of them current.
 *
 * <p>vCPU thread only. Source: Intel SDM vol. 3A §4.10.1 (PCIDs).
 */
public final class AddressSpaces {
    /** Making all mappings of a process anew takes some 150 host calls, and user pages fault. */
    private static final int MAX_WAITING = 1000;

    private final int capacity;
    private final int maxWaiting;
    private final List<AddressSpace> spaces = new ArrayList<>();
    private AddressSpace current;
    private Consumer<AddressSpace> starter = space -> {};
    private long uses;
    private long recycled;

    /**
     * @param capacity context processes at most
     */
    public AddressSpaces(int capacity) {
        this(capacity, MAX_WAITING);
    }

    /**
     * @param maxWaiting host calls that wait for a process at most, before its mappings are given
     *     up
     */
    AddressSpaces(int capacity, int maxWaiting) {
        this.capacity = capacity;
        this.maxWaiting = maxWaiting;
        current = new AddressSpace(0);
        current.setPcid(0);
        spaces.add(current);
    }

    /** Who starts the context process of an address space that is the first in its slot. */
    public void onStart(Consumer<AddressSpace> startContext) {
        starter = startContext;
    }

    /** Whether there can be more than one. */
    public boolean areMany() {
        return capacity > 1;
    }

    public AddressSpace current() {
        return current;
    }

    /** All that have a context process; a view. */
    List<AddressSpace> all() {
        return spaces;
    }

    /** The guest has changed to another one by itself. */
    void follow(int slot) {
        if (slot >= spaces.size()) {
            throw new DamagedPageException("no such context process: slot=" + slot);
        }
        use(spaces.get(slot));
    }

    private void use(AddressSpace space) {
        current = space;
        space.setLastUse(++uses);
    }

    /**
     * Makes the address space with a PCID the current one: one that has it, a new one, or the one
     * that has not been used for longest, which must be flushed then (its root is unknown).
     *
     * @return whether it is a new one, in whose process nothing is mapped yet
     */
    boolean select(int pcid) {
        AddressSpace oldest = spaces.get(0);
        for (AddressSpace space : spaces) {
            if (space.pcid() == pcid) {
                use(space);
                return false;
            }
            oldest = space.lastUse() < oldest.lastUse() ? space : oldest;
        }
        boolean fresh = spaces.size() < capacity;
        if (fresh) {
            oldest = new AddressSpace(spaces.size());
            starter.accept(oldest);
            spaces.add(oldest);
        } else {
            recycled++;
        }
        oldest.setPcid(pcid);
        oldest.setRootGpa(-1);
        use(oldest);
        return fresh;
    }

    /** The address space with a PCID, null = none is cached. */
    AddressSpace find(int pcid) {
        for (AddressSpace space : spaces) {
            if (space.pcid() == pcid) {
                return space;
            }
        }
        return null;
    }

    /** Marks all but the current one as due for a flush. */
    void makeOthersStale() {
        for (AddressSpace space : spaces) {
            if (space != current) {
                space.setStale(true);
            }
        }
    }

    /**
     * Gives up the mappings of processes that have not run for so long that making them anew is
     * less work than what waits for them.
     */
    void outdateLaggards() {
        for (AddressSpace space : spaces) {
            if (space != current && space.commands().count() > maxWaiting) {
                space.outdate();
            }
        }
    }

    /** Tells the gate which ones the guest can switch to; before each entry. */
    public void publish(VcpuPage page) {
        if (!areMany()) {
            return;
        }
        for (AddressSpace space : spaces) {
            boolean isCurrent = space == current;
            long cr3 = isCurrent ? space.rootGpa() | space.pcid() : space.switchableCr3();
            page.setSlotCr3(space.slot(), cr3);
        }
    }

    /** Context processes there are. */
    public int count() {
        return spaces.size();
    }

    /** Times an address space had to make room for another. */
    public long recycled() {
        return recycled;
    }

    /** Host calls queued since the start. */
    public long commandsQueued() {
        long total = 0;
        for (AddressSpace space : spaces) {
            total += space.commands().total();
        }
        return total;
    }
}
