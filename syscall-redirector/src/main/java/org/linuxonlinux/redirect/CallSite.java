// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

/**
 * A patched call site.
 *
 * @param form its shape
 * @param startRip its first byte
 * @param operand see {@link CallSiteForm#operand}
 * @param thunkHva where its jump leads
 * @param tailHva in the thunk, what stands for the instructions patched over behind the SYSCALL; 0
 *     = there are none
 */
record CallSite(CallSiteForm form, long startRip, int operand, long thunkHva, long tailHva) {
    long syscallRip() {
        return startRip + form.syscallOffset();
    }

    long returnRip() {
        return syscallRip() + CallSiteForm.SYSCALL_BYTES;
    }

    long endRip() {
        return startRip + form.lengthBytes();
    }
}
