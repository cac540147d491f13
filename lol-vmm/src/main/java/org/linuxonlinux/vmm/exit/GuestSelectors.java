// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

/**
 * Segment selectors that guest and host Linux share, so that user mode runs with the host's own
 * segments (Linux v6.1 arch/x86/include/asm/segment.h).
 */
final class GuestSelectors {
    static final int KERNEL_CS = 0x10;
    static final int KERNEL_DS = 0x18;
    static final int USER32_CS = 0x23;
    static final int USER_DS = 0x2b;
    static final int USER_CS = 0x33;

    /** The segment whose limit is the number of CPU and node. */
    static final int CPU_NUMBER = 0x7b;

    private GuestSelectors() {}
}
