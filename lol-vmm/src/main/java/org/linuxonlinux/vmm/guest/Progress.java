// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

/** Told how far a slow step has come. Called on the thread that does the work. */
@FunctionalInterface
public interface Progress {
    /** Ignores everything. */
    Progress NONE = (step, doneBytes, totalBytes) -> {};

    /**
     * A step begins or has advanced.
     *
     * @param step what is being done, a few words
     * @param doneBytes bytes done so far
     * @param totalBytes bytes in all; 0 if unknown
     */
    void update(String step, long doneBytes, long totalBytes);
}
