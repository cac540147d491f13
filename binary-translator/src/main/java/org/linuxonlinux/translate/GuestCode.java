// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * The guest's code as the translator sees it, through the guest's current page tables. Implemented
 * by the MMU; called on the vCPU's thread while the vCPU is stopped.
 */
public interface GuestCode {
    /**
     * Copies code bytes.
     *
     * @param guestRip first byte wanted
     * @param into receives the bytes from index 0
     * @param maxBytes bytes wanted; never crosses more than one page boundary
     * @return bytes copied, which may be fewer (up to the first page that is not mapped); 0 = the
     *     first byte is not mapped
     */
    int fetch(long guestRip, byte[] into, int maxBytes);

    /** Guest frame number of the page of {@code guestRip}; -1 = not mapped. */
    long gfnOf(long guestRip);

    /**
     * Write-protects a frame in every mapping, because it now holds translated code. Called before
     * the first block of the frame becomes reachable, and again after the frame's last block died
     * and a new one appears.
     */
    void protectCodePage(long gfn);
}
