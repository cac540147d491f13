// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

final class HostCommandQueueTest {
    private static final int MANY = 1000;

    private final HostCommandQueue queue = new HostCommandQueue();

    @Test
    void keepsNumberAndArgumentsInOrderHoweverManyThereAre() {
        for (int i = 0; i < MANY; i++) {
            queue.map(i * 0x1000L, 0x1000, 3, 7, i);
        }
        assertEquals(MANY, queue.count());
        for (int i = 0; i < MANY; i++) {
            assertEquals(9, queue.word(i, 0));
            assertEquals(i * 0x1000L, queue.word(i, 1));
            assertEquals(0x1000, queue.word(i, 2));
            assertEquals(3, queue.word(i, 3));
            assertEquals(7, queue.word(i, 5));
            assertEquals(i, queue.word(i, 6));
        }
    }

    @Test
    void countsCommandsBeyondClearing() {
        queue.unmap(0x1000, 0x1000);
        queue.protect(0x1000, 0x1000, 1);
        queue.clear();
        assertTrue(queue.isEmpty());
        queue.unmap(0x1000, 0x1000);
        assertEquals(1, queue.count());
        assertEquals(3, queue.total());
    }
}
