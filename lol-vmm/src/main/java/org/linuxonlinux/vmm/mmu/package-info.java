// SPDX-License-Identifier: Apache-2.0

/**
 * The guest's memory management unit: page-table walks in guest RAM and the host mappings that act
 * as its TLB.
 *
 * <p>Everything here runs on the vCPU thread. A mapping may be staler than the guest's page tables
 * only as a real TLB entry may be: until the guest flushes it. Governing text: Intel SDM vol. 3A
 * chapter 4.
 */
package org.linuxonlinux.vmm.mmu;
