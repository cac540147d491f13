// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

/**
 * A contiguous piece of guest RAM mapped in a context process: HVA, GVA and GPA run in step.
 *
 * @param hva where it is mapped in the context process
 * @param gva the guest virtual address it serves
 * @param gpa its first guest physical byte
 * @param sizeBytes a multiple of 4 KB
 * @param prot host protection granted by the guest's tables (PROT_READ, PROT_WRITE, PROT_EXEC);
 *     frames that hold translated code are mapped without PROT_WRITE all the same
 * @param global whether it survives a CR3 write
 * @param pageShift size of the guest's pages it was made of: 12, 21 or 30
 */
record Run(long hva, long gva, long gpa, long sizeBytes, int prot, boolean global, int pageShift) {

    long endHva() {
        return hva + sizeBytes;
    }

    /** First GVA behind it; 0 behind the last page of the address space. */
    long endGva() {
        return gva + sizeBytes;
    }

    /** Size of the guest's pages. */
    long pageSizeBytes() {
        return 1L << pageShift;
    }

    boolean covers(long otherHva) {
        return otherHva >= hva && otherHva < endHva();
    }

    boolean coversFrame(long frameGpa) {
        return frameGpa >= gpa && frameGpa < gpa + sizeBytes;
    }

    /** This run with global pages of the given size. */
    Run asGlobal(int newPageShift) {
        return new Run(hva, gva, gpa, sizeBytes, prot, true, newPageShift);
    }

    /** The part of this run between two HVAs inside it. */
    Run slice(long fromHva, long toHva) {
        long skip = fromHva - hva;
        return new Run(fromHva, gva + skip, gpa + skip, toHva - fromHva, prot, global, pageShift);
    }
}
