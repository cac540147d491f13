// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.GeneralProtectionException;

final class PvEoiTest {
    private static final int RAM_BYTES = 1 << 20;
    private static final long WORD = 0x1_2344;
    private static final int APIC_BASE = 0x1b;
    private static final int SIVR = 0x80f;
    private static final int IN_SERVICE_32_TO_63 = 0x811;

    private final GuestMemory memory = GuestMemory.anonymous(RAM_BYTES);
    private final LocalApic apic =
            new LocalApic(0, new TscClock(new ManualTime(), ManualTime.TSC_KHZ));
    private final PvEoi pvEoi = new PvEoi(memory, apic);
    private int kicks;

    @BeforeEach
    void enable() {
        apic.connectKick(() -> kicks++);
        apic.writeMsr(APIC_BASE, 0xfee0_0d00L);
        apic.writeMsr(SIVR, 0x1ff);
        pvEoi.writeMsr(PvEoi.MSR_KVM_PV_EOI_EN, WORD | 1);
        kicks = 0;
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private void serve(int vector, boolean level) {
        apic.raise(vector, level);
        assertEquals(vector, apic.acknowledge());
    }

    @Test
    void anInterruptThatTheGuestHasEndedIsOutOfService() {
        serve(0x30, false);
        pvEoi.onEntry();
        assertEquals(1, memory.getInt(WORD));
        memory.setInt(WORD, 0);
        pvEoi.onStop();
        assertEquals(0, apic.readMsr(IN_SERVICE_32_TO_63));
        apic.raise(0x30, false);
        assertTrue(apic.hasDeliverable());
    }

    @Test
    void oneThatItHasNotEndedStaysInService() {
        serve(0x30, false);
        pvEoi.onEntry();
        pvEoi.onStop();
        assertEquals(0, memory.getInt(WORD));
        assertEquals(1 << 16, apic.readMsr(IN_SERVICE_32_TO_63));
        pvEoi.onEntry();
        assertEquals(1, memory.getInt(WORD));
    }

    @Test
    void oneOfLowerPriorityIsNewsAndGetsItsTurn() {
        serve(0x50, false);
        pvEoi.onEntry();
        kicks = 0;
        apic.raise(0x30, false);
        assertEquals(1, kicks);
        memory.setInt(WORD, 0);
        pvEoi.onStop();
        assertTrue(apic.hasDeliverable());
        assertEquals(0x30, apic.acknowledge());
    }

    @Test
    void isNotOfferedWhereTheApicMustHear() {
        pvEoi.onEntry();
        assertEquals(0, memory.getInt(WORD));
        serve(0x30, true);
        pvEoi.onEntry();
        assertEquals(0, memory.getInt(WORD));
        serve(0x50, false);
        apic.raise(0x31, false);
        pvEoi.onEntry();
        assertEquals(0, memory.getInt(WORD));
        assertFalse(apic.hasDeliverable());
    }

    @Test
    void isOffUntilTheGuestAsksForIt() {
        pvEoi.writeMsr(PvEoi.MSR_KVM_PV_EOI_EN, 0);
        assertEquals(0, pvEoi.readMsr(PvEoi.MSR_KVM_PV_EOI_EN));
        serve(0x30, false);
        pvEoi.onEntry();
        assertEquals(0, memory.getInt(WORD));
    }

    @ParameterizedTest
    @ValueSource(longs = {WORD | 3, RAM_BYTES | 1, -4 | 1})
    void refusesWhatIsNoAlignedWordOfRam(long value) {
        assertThrows(
                GeneralProtectionException.class,
                () -> pvEoi.writeMsr(PvEoi.MSR_KVM_PV_EOI_EN, value));
    }
}
