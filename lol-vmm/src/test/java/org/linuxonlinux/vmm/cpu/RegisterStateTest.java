// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;

final class RegisterStateTest {
    private final GuestState state = new GuestState();
    private final VcpuPage page =
            new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES));
    private final ControlState control = new ControlState(page);

    @Test
    void results32BitWideClearTheUpperHalf() {
        state.setGpr(GuestState.RDX, -1);
        state.setGpr32(GuestState.RDX, 0x8000_0001);
        assertEquals(0x8000_0001L, state.gpr(GuestState.RDX));
        assertEquals(0x8000_0001, state.gpr32(GuestState.RDX));
    }

    @Test
    void flagsAlwaysHaveBit1() {
        state.setRflags(0);
        assertEquals(2, state.rflags());
        assertFalse(state.interruptsEnabled());
        state.setRflags(Rflags.IF);
        assertTrue(state.interruptsEnabled());
    }

    @Test
    void selectorsAreKeptBySegmentNumberIn16Bits() {
        for (int segment = 0; segment < 6; segment++) {
            control.setSelector(segment, 0x100 + segment);
        }
        for (int segment = 0; segment < 6; segment++) {
            assertEquals(0x100 + segment, control.selector(segment));
        }
        page.set(VcpuPageLayout.CS_SEL, -1);
        assertEquals(0xffff, control.selector(ControlState.CS));
    }

    @Test
    void controlAndBaseRegistersLieWhereEmittedCodeFindsThem() {
        control.setCr0(1);
        control.setCr2(2);
        control.setCr3(3);
        control.setCr4(4);
        control.setFsBase(5);
        control.setGsBase(6);
        control.setKernelGsBase(7);
        assertEquals(1, page.get(VcpuPageLayout.CR0));
        assertEquals(2, page.get(VcpuPageLayout.CR2));
        assertEquals(3, page.get(VcpuPageLayout.CR3));
        assertEquals(4, page.get(VcpuPageLayout.CR4));
        assertEquals(5, page.get(VcpuPageLayout.FS_BASE));
        assertEquals(6, page.get(VcpuPageLayout.GS_BASE));
        assertEquals(7, page.get(VcpuPageLayout.KERNEL_GS_BASE));
        assertEquals(5, control.fsBase());
        assertEquals(6, control.gsBase());
        assertEquals(7, control.kernelGsBase());
    }
}
