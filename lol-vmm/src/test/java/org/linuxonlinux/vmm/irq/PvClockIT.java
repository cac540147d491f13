// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.GeneralProtectionException;

/** The structures as they arrive in guest RAM. */
final class PvClockIT {
    private static final long SIZE_BYTES = 1 << 20;
    private static final long GPA = 0x1234_0;

    private final GuestMemory memory = GuestMemory.anonymous(SIZE_BYTES);
    private final TscClock clock = new TscClock(new ManualTime(), ManualTime.TSC_KHZ);
    private final PvClock pvClock =
            new PvClock(
                    memory, clock, InstantSource.fixed(Instant.ofEpochSecond(1_700_000_000L, 77)));

    @AfterEach
    void close() {
        memory.close();
    }

    @Test
    void writesSystemTime() {
        pvClock.writeMsr(PvClock.MSR_KVM_SYSTEM_TIME_NEW, GPA | 1);
        assertEquals(2, memory.getInt(GPA), "version");
        assertEquals(ManualTime.START_TSC, memory.getLong(GPA + 8));
        assertEquals(0, memory.getLong(GPA + 16));
        // 0.4 ns per tick = 0.8 × 2^-1
        assertEquals(0xcccc_cccc, memory.getInt(GPA + 24));
        assertEquals(-1, memory.getByte(GPA + 28));
        assertEquals(1, memory.getByte(GPA + 29), "stable");
        assertEquals(GPA | 1, pvClock.readMsr(PvClock.MSR_KVM_SYSTEM_TIME_NEW));
    }

    @Test
    void leavesMemoryAloneWhenNotEnabled() {
        pvClock.writeMsr(PvClock.MSR_KVM_SYSTEM_TIME, GPA);
        assertEquals(0, memory.getInt(GPA));
    }

    @Test
    void writesWallClock() {
        pvClock.writeMsr(PvClock.MSR_KVM_WALL_CLOCK, GPA);
        assertEquals(2, memory.getInt(GPA));
        assertEquals(1_700_000_000, memory.getInt(GPA + 4));
        assertEquals(77, memory.getInt(GPA + 8));
    }

    @Test
    void faultsOutsideRam() {
        assertThrows(
                GeneralProtectionException.class,
                () -> pvClock.writeMsr(PvClock.MSR_KVM_SYSTEM_TIME_NEW, SIZE_BYTES - 16 | 1));
        assertEquals(0, pvClock.readMsr(PvClock.MSR_KVM_SYSTEM_TIME_NEW));
    }
}
