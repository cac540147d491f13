// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

final class HostCallExceptionTest {
    @Test
    void putsNewFactsInFrontAndKeepsTheCause() {
        HostCallException plain = new HostCallException("mmap", 12, "");
        assertEquals("mmap: errno=ENOMEM (12)", plain.getMessage());
        HostCallException more = plain.with("sizeBytes", 4096).with("gpa", "0x1000");
        assertEquals("mmap: gpa=0x1000, sizeBytes=4096, errno=ENOMEM (12)", more.getMessage());
        assertSame(plain, more.getCause().getCause());
        assertEquals("errno=ENOMEM (12)", more.errnoFact());
        assertEquals("mmap", more.call());
    }

    @Test
    void namesUnknownNumbersByNumber() {
        assertEquals("errno41", Errno.name(41));
        assertEquals("errno4000", Errno.name(4000));
        assertEquals("errno0", Errno.name(0));
        assertEquals(-1, Errno.number("ENOTHING"));
        assertTrue(Errno.isError(-4095));
        assertFalse(Errno.isError(-4096));
        assertFalse(Errno.isError(0));
    }
}
