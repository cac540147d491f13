// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.TimeSource;
import org.linuxonlinux.vmm.irq.TscClock;

final class LocalApicWindowTest {
    private static final int ID = 0x20;
    private static final int TASK_PRIORITY = 0x80;

    private final LocalApic apic = new LocalApic(3, new TscClock(TimeSource.of(() -> 0), 1_000));
    private final LocalApicWindow window = new LocalApicWindow(apic);

    @Test
    void registersAreSixteenBytesApart() {
        assertEquals(0x0300_0000, window.read(ID, 4));
        window.write(TASK_PRIORITY, 4, 0x50);
        assertEquals(0x50, window.read(TASK_PRIORITY, 4));
        assertEquals(0x50, apic.taskPriority());
    }

    @Test
    void partsOfARegisterCanBeRead() {
        assertEquals(3, window.read(ID + 3, 1));
        assertEquals(0, window.read(ID + 4, 4));
    }

    @Test
    void onlyWholeRegistersCanBeWritten() {
        window.write(TASK_PRIORITY, 1, 0x50);
        window.write(TASK_PRIORITY + 4, 4, 0x50);
        window.write(TASK_PRIORITY, 8, 0x50);
        assertEquals(0, apic.taskPriority());
    }

    @Test
    void nobodyAnswersInX2ApicMode() {
        apic.writeMsr(LocalApic.IA32_APIC_BASE, 0xfee0_0c00L);
        assertEquals(-1, window.read(ID, 4));
        window.write(TASK_PRIORITY, 4, 0x50);
        assertEquals(0, apic.taskPriority());
    }
}
