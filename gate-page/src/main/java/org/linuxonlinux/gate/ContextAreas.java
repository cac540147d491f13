// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The monitor's view of the areas of the context processes ({@link ContextAreaLayout}). */
public final class ContextAreas {
    private static final VarHandle WORD =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer areas;

    /** Views {@link AddressMap#CONTEXT_AREAS_SIZE_BYTES} bytes; their lifetime is the caller's. */
    public ContextAreas(ByteBuffer areas) {
        if (areas.capacity() < AddressMap.CONTEXT_AREAS_SIZE_BYTES) {
            throw new IllegalArgumentException("too small: sizeBytes=" + areas.capacity());
        }
        this.areas = areas.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Lets a process go on; a full barrier.
     *
     * @return whether it sleeps and must be woken
     */
    public boolean wake(int slot) {
        int offset = offset(slot);
        WORD.setVolatile(areas, offset + ContextAreaLayout.WAKE, 1L);
        return (long) WORD.getVolatile(areas, offset + ContextAreaLayout.SLEEPS) != 0;
    }

    /** Where an area lies among them, in bytes. */
    public static int offset(int slot) {
        return (int) (ContextAreaLayout.hva(slot) - AddressMap.CONTEXT_AREAS_HVA);
    }
}
