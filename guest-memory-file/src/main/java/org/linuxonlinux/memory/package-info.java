// SPDX-License-Identifier: Apache-2.0

/**
 * Guest RAM: one host file, the regions of guest physical address space it fills, and access to it.
 *
 * <p>{@link org.linuxonlinux.memory.GuestMemory} is what every other part of the monitor uses to
 * touch the guest's memory. Addresses are guest physical (GPA) everywhere; there is no notion of a
 * CPU, a page table or a device here. The same file is mapped into the processes that run the
 * guest, so what is written here is seen there at once, with the ordinary x86 memory order.
 *
 * <p>All accesses may come from any thread.
 */
package org.linuxonlinux.memory;
