// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

/**
 * What keeps a guest's programs from their own guest's kernel; the names in lower case are the
 * values of {@code --isolation}. Whatever it is, neither reaches the host.
 */
public enum Isolation {
    /**
     * Nothing but that its memory is hard to find: user mode and kernel mode share an address
     * space.
     */
    SHARED
}
