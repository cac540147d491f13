// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

/** What a memory access does. */
public enum Access {
    READ,
    WRITE,
    EXECUTE
}
