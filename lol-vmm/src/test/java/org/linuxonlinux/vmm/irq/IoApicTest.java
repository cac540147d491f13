// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class IoApicTest {
    private static final int MASKED = 1 << 16;
    private static final int LEVEL = 1 << 15;
    private static final int REMOTE_IRR = 1 << 14;
    private static final int LOGICAL = 1 << 11;
    private static final int EOI = 0xb;

    private final TscClock clock = new TscClock(new ManualTime(), ManualTime.TSC_KHZ);
    private final LocalApic first = new LocalApic(0, clock);
    private final LocalApic second = new LocalApic(1, clock);
    private final IoApic ioApic = new IoApic(2, new ApicBus(List.of(first, second)));

    @BeforeEach
    void enable() {
        for (LocalApic apic : List.of(first, second)) {
            apic.connectEoi(ioApic::endOfInterrupt);
            apic.writeRegister(0xf, 0x1ff);
            apic.writeRegister(0xd, 1 << 24 << apic.id());
        }
    }

    private int read(int register) {
        ioApic.write(0, register);
        return ioApic.read(0x10);
    }

    private void write(int register, int value) {
        ioApic.write(0, register);
        ioApic.write(0x10, value);
    }

    private void route(int pin, int low, int destination) {
        write(0x11 + 2 * pin, destination << 24);
        write(0x10 + 2 * pin, low);
    }

    @Test
    void showsItsIdentityAndMasksEverything() {
        assertEquals(2 << 24, read(0));
        assertEquals(23 << 16 | 0x11, read(1));
        for (int pin = 0; pin < 24; pin++) {
            assertEquals(MASKED, read(0x10 + 2 * pin));
        }
        assertEquals(0, read(0x10 + 2 * 24), "no such pin");
        write(0, 5 << 24);
        assertEquals(5 << 24, read(0));
        ioApic.write(0, 0x1f);
        assertEquals(0x1f, ioApic.read(0));
    }

    @Test
    void anEdgeIsOneInterrupt() {
        route(4, 0x34, 0);
        ioApic.setLine(4, true);
        assertEquals(0x34, first.acknowledge());
        first.writeRegister(EOI, 0);
        ioApic.setLine(4, true);
        assertFalse(first.hasDeliverable(), "no new edge");
        ioApic.setLine(4, false);
        ioApic.setLine(4, true);
        assertTrue(first.hasDeliverable());
    }

    @Test
    void anEdgeOnAMaskedPinIsLost() {
        route(4, MASKED | 0x34, 0);
        ioApic.setLine(4, true);
        write(0x18, 0x34);
        assertFalse(first.hasDeliverable());
    }

    @Test
    void aLevelRepeatsUntilItIsGone() {
        route(9, LEVEL | 0x39, 0);
        InterruptLine line = ioApic.line(9);
        line.set(true);
        assertEquals(LEVEL | REMOTE_IRR | 0x39, read(0x10 + 18));
        assertEquals(0x39, first.acknowledge());
        line.set(false);
        line.set(true);
        assertFalse(first.hasDeliverable(), "still being served");
        first.writeRegister(EOI, 0);
        assertEquals(0x39, first.acknowledge(), "still asserted");
        line.set(false);
        first.writeRegister(EOI, 0);
        assertFalse(first.hasDeliverable());
        assertEquals(LEVEL | 0x39, read(0x10 + 18));
    }

    @Test
    void unmaskingALevelThatIsAssertedSends() {
        route(9, MASKED | LEVEL | 0x39, 0);
        ioApic.setLine(9, true);
        assertFalse(first.hasDeliverable());
        write(0x10 + 18, LEVEL | 0x39);
        assertTrue(first.hasDeliverable());
    }

    @Test
    void changingToEdgeClearsRemoteIrr() {
        route(9, LEVEL | 0x39, 0);
        ioApic.setLine(9, true);
        write(0x10 + 18, MASKED | 0x39);
        assertEquals(MASKED | 0x39, read(0x10 + 18));
    }

    @Test
    void remoteIrrCannotBeWritten() {
        route(9, MASKED | LEVEL | REMOTE_IRR | 0x39, 0);
        assertEquals(MASKED | LEVEL | 0x39, read(0x10 + 18));
    }

    @Test
    void addressesByPhysicalIdLogicalSetAndBroadcast() {
        route(1, 0x31, 1);
        ioApic.setLine(1, true);
        assertFalse(first.hasDeliverable());
        assertEquals(0x31, second.acknowledge());

        route(2, LOGICAL | 0x41, 1);
        ioApic.setLine(2, true);
        assertEquals(0x41, first.acknowledge());
        assertFalse(second.hasDeliverable());

        route(3, 0x51, 0xff);
        ioApic.setLine(3, true);
        assertEquals(0x51, first.acknowledge());
        assertEquals(0x51, second.acknowledge());

        route(5, 0x61 | 1 << 8, 0xff); // lowest priority: one of them
        ioApic.setLine(5, true);
        assertEquals(0x61, first.acknowledge());
        assertFalse(second.hasDeliverable());
    }

    @Test
    void hasNoMoreThanItsPins() {
        assertThrows(IndexOutOfBoundsException.class, () -> ioApic.line(24));
    }
}
