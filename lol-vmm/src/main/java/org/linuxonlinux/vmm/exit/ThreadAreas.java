// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.vmm.cpu.DescriptorTables;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * The thread-local segments in the guest's GDT, by which 32-bit programs find what belongs to a
 * thread, as the host has them for the context process: both keep them at the same selectors.
 *
 * <p>The guest's kernel writes its GDT when it switches tasks and then loads a selector; that load
 * is where the host's segments are made the same. Programs load selectors natively. One that is not
 * there faults, and is looked for here. vCPU thread only. Source: Linux v6.1
 * arch/x86/include/asm/segment.h, arch/x86/kernel/tls.c.
 */
public final class ThreadAreas {
    private static final int FIRST_INDEX = 12;
    private static final int INDEX_SHIFT = 3;

    // Descriptor bits (Intel SDM vol. 3A §3.4.5).
    private static final int TYPE_WRITABLE = 41;
    private static final int TYPE_CONTENTS = 42;
    private static final int PRESENT = 47;
    private static final int AVAILABLE = 52;
    private static final int LONG_MODE = 53;
    private static final int DEFAULT_32 = 54;
    private static final int GRANULARITY = 55;

    /** Flags of an empty struct user_desc: read_exec_only and seg_not_present. */
    private static final long EMPTY_FLAGS = 1 << 3 | 1 << 5;

    private final VcpuPage page;
    private final DescriptorTables tables;
    private final Mmu mmu;
    private final HostCommandQueue commands;
    private final long[] descriptors = new long[VcpuPageLayout.THREAD_AREA_COUNT];

    /**
     * @param commands what the context process executes before the guest goes on
     */
    public ThreadAreas(VcpuPage page, DescriptorTables tables, Mmu mmu, HostCommandQueue commands) {
        this.page = page;
        this.tables = tables;
        this.mmu = mmu;
        this.commands = commands;
    }

    /** Whether a selector names one of them. */
    static boolean isOne(int selector) {
        int index = selector >> INDEX_SHIFT;
        return (selector & 4) == 0
                && index >= FIRST_INDEX
                && index < FIRST_INDEX + VcpuPageLayout.THREAD_AREA_COUNT;
    }

    /** Whether the host has the segment of a selector for which {@link #isOne} holds. */
    boolean has(int selector) {
        return descriptors[(selector >> INDEX_SHIFT) - FIRST_INDEX] != 0;
    }

    /**
     * Makes the host's segments those of the guest's GDT before the guest goes on.
     *
     * @return whether any was another
     */
    boolean update() throws GuestPageFaultException {
        boolean changed = false;
        for (int i = 0; i < descriptors.length; i++) {
            long descriptor = tables.descriptor((FIRST_INDEX + i) << INDEX_SHIFT);
            long usable = isAdmitted(descriptor) && mmu.hasLowPage() ? descriptor : 0;
            if (usable != descriptors[i]) {
                set(i, usable);
                changed = true;
            }
        }
        return changed;
    }

    /** What the host takes: present 32-bit segments of data. */
    private static boolean isAdmitted(long descriptor) {
        return bit(descriptor, PRESENT) == 1
                && bit(descriptor, DEFAULT_32) == 1
                && bit(descriptor, LONG_MODE) == 0
                && (descriptor >>> TYPE_CONTENTS & 2) == 0;
    }

    private void set(int i, long descriptor) {
        descriptors[i] = descriptor;
        int offset = VcpuPageLayout.THREAD_AREAS + i * VcpuPageLayout.THREAD_AREA_BYTES;
        long base = 0;
        long limit = 0;
        long flags = EMPTY_FLAGS;
        if (descriptor != 0) {
            base = DescriptorTables.baseOf(descriptor);
            limit = (descriptor & 0xffff) | (descriptor >>> 32 & 0xf_0000L);
            flags =
                    1
                            | bit(descriptor, TYPE_CONTENTS) << 1
                            | (bit(descriptor, TYPE_WRITABLE) ^ 1) << 3
                            | bit(descriptor, GRANULARITY) << 4
                            | bit(descriptor, AVAILABLE) << 6;
        }
        page.set(offset, FIRST_INDEX + i | base << 32);
        page.set(offset + Long.BYTES, limit | flags << 32);
        // The low page shows the first page of the area.
        commands.setThreadArea(AddressMap.LOW_PAGE_HVA + offset);
    }

    private static long bit(long descriptor, int number) {
        return descriptor >>> number & 1;
    }
}
