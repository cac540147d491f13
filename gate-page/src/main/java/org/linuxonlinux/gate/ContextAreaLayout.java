// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/**
 * What each context process of a vCPU has of its own: who waits there, and the stack of its signal
 * handlers. All areas are mapped in all of the vCPU's context processes. Offsets in bytes.
 */
public final class ContextAreaLayout {
    /** Non-zero = the process may go on; the futex it sleeps on is the lower half. */
    public static final int WAKE = 0;

    /**
     * Non-zero = the process sleeps on {@link #WAKE}. Written by: gate stubs. Read by: the waker.
     */
    public static final int SLEEPS = 8;

    /** Where signal frames are put. Written by: host kernel. Read by: signal handler. */
    public static final int SIGNAL_STACK = 0x1000;

    /**
     * Bytes of the stack that signal handlers run on: two frames and two more that came in between,
     * each of up to 12 KB where the host has AMX.
     */
    public static final int SIGNAL_STACK_SIZE_BYTES = 0x1_0000;

    private ContextAreaLayout() {}

    /**
     * HVA of an area in the context processes.
     *
     * @param slot number of the process, from 0
     */
    public static long hva(int slot) {
        if (slot < 0 || slot >= AddressMap.MAX_CONTEXTS) {
            throw new IllegalArgumentException("no such context process: slot=" + slot);
        }
        return AddressMap.CONTEXT_AREAS_HVA + (long) slot * AddressMap.CONTEXT_AREA_SIZE_BYTES;
    }
}
