// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;

final class DescriptorTablesTest {
    private final GuestFixture guest = new GuestFixture();
    private final DescriptorTables tables = guest.tables;

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void gathersTheScatteredBase() {
        assertEquals(0xfedc_ba98L, DescriptorTables.baseOf(0xfe00_00dc_ba98_0000L));
        assertEquals(0, DescriptorTables.baseOf(0x00cf_9300_0000_ffffL));
    }

    @Test
    void readsDescriptorsWhateverTheRplIs() throws GuestPageFaultException {
        assertEquals(0x00cf_f300_0000_ffffL, tables.descriptor(0x2b));
        assertEquals(0x00cf_f300_0000_ffffL, tables.descriptor(0x28));
    }

    @Test
    void readsNothingBeyondTheLimitOrFromTheLdt() throws GuestPageFaultException {
        guest.descriptor(0x28, 0x1234);
        tables.setGdtr(GuestFixture.GDT, 0x2f);
        assertEquals(0x1234, tables.descriptor(0x28));
        tables.setGdtr(GuestFixture.GDT, 0x2e);
        assertEquals(0, tables.descriptor(0x28));
        tables.setGdtr(GuestFixture.GDT, 0xff);
        assertEquals(0, tables.descriptor(0x2c));
    }

    @Test
    void readsOfAnAbsentTableArePageFaults() {
        guest.unmap(GuestFixture.GDT);
        GuestPageFaultException fault =
                assertThrows(GuestPageFaultException.class, () -> tables.descriptor(0x2b));
        assertEquals(GuestFixture.GDT + 0x28, fault.gva());
        assertEquals(0, fault.errorCode());
    }

    @Test
    void takesStacksFromTheTaskStateSegmentOfAFull64BitBase() throws GuestPageFaultException {
        assertEquals(GuestFixture.TASK, tables.taskSelector());
        assertEquals(GuestFixture.RSP0, tables.kernelStack());
        assertEquals(GuestFixture.IST1, tables.interruptStack(1));
        assertEquals(GuestFixture.IST2, tables.interruptStack(2));
        guest.setLong(GuestFixture.TSS + 84, 0x7777);
        assertEquals(0x7777, tables.interruptStack(7));
    }

    /** A TSS of 0x90 bytes with the bitmap of ports 0x00 to 0x7f at 0x80. */
    private void loadTaskWithPorts() throws GuestPageFaultException {
        long low = guest.getLong(GuestFixture.GDT + GuestFixture.TASK);
        guest.descriptor(GuestFixture.TASK, (low & ~0xffffL) | 0x8f);
        guest.setLong(GuestFixture.TSS + 96, 0x80L << 48);
        guest.setLong(GuestFixture.TSS + 0x80, -1);
        guest.setLong(GuestFixture.TSS + 0x88, -1);
        tables.loadTaskRegister(GuestFixture.TASK);
    }

    @Test
    void permitsThePortsWhoseBitsAreClear() throws GuestPageFaultException {
        loadTaskWithPorts();
        assertFalse(tables.permitsPort(0x1f, 1));
        guest.put(GuestFixture.TSS + 0x80 + 3, 0x7f);
        assertTrue(tables.permitsPort(0x1f, 1));
        assertFalse(tables.permitsPort(0x1e, 1));
        assertFalse(tables.permitsPort(0x1f, 2), "0x20 is denied");
        guest.put(GuestFixture.TSS + 0x80 + 4, 0xf8);
        assertTrue(tables.permitsPort(0x1f, 4));
        assertFalse(tables.permitsPort(0x20, 4));
    }

    @Test
    void permitsNoPortWhoseBitsLieBeyondTheTaskStateSegment() throws GuestPageFaultException {
        loadTaskWithPorts();
        guest.put(GuestFixture.TSS + 0x80 + 14, 0, 0, 0);
        assertTrue(tables.permitsPort(0x70, 1));
        assertFalse(tables.permitsPort(0x78, 1), "the second byte is outside");
        assertFalse(tables.permitsPort(0x80, 1));
        guest.setLong(GuestFixture.TSS + 96, 0xffffL << 48);
        assertFalse(tables.permitsPort(0, 1));
    }

    @Test
    void permitsNoPortWithoutATask() throws GuestPageFaultException {
        assertFalse(new DescriptorTables(guest.mmu).permitsPort(0, 1));
    }

    @Test
    void marksALoadedTaskBusy() {
        assertEquals(0xb, guest.getLong(GuestFixture.GDT + GuestFixture.TASK) >>> 40 & 0xf);
    }

    @Test
    void hasAGateOnlyWhereAllOfItIsInsideTheLimit() {
        tables.setIdtr(GuestFixture.IDT, 0x20 * 16 - 1);
        assertTrue(tables.hasGate(0x1f));
        assertFalse(tables.hasGate(0x20));
        tables.setIdtr(GuestFixture.IDT, 0x20 * 16 - 2);
        assertFalse(tables.hasGate(0x1f));
    }
}
