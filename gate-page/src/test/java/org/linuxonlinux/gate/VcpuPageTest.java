// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.testing.Golden;

class VcpuPageTest {
    private final ByteBuffer area =
            ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN);
    private final VcpuPage page = new VcpuPage(area);

    @Test
    void layoutIsPinned() throws IOException {
        Golden.checkText(
                "org/linuxonlinux/gate/vcpu-page-layout.txt",
                VcpuPageLayout.FIELDS.stream()
                        .map(
                                f ->
                                        String.format(
                                                "0x%04x %d*%d %s",
                                                f.offsetBytes(),
                                                f.count(),
                                                f.widthBytes(),
                                                f.name()))
                        .toList());
    }

    @Test
    void layoutHasNoOverlapAndKeepsWritersOnTheirOwnCacheLines() {
        int end = 0;
        for (VcpuPageLayout.Field field : VcpuPageLayout.FIELDS) {
            assertTrue(field.offsetBytes() >= end, field.name());
            assertEquals(0, field.offsetBytes() % field.widthBytes(), field.name());
            end = field.offsetBytes() + field.widthBytes() * field.count();
        }
        assertEquals(AddressMap.VCPU_PAGE_SIZE_BYTES, end);
        assertEquals(0, VcpuPageLayout.PENDING % 64);
        assertTrue(VcpuPageLayout.GPR >= VcpuPageLayout.PENDING + 64);
        assertEquals(0, VcpuPageLayout.COMMANDS % 4096);
    }

    @Test
    void documentationShowsTheLayout() throws IOException {
        String text = Files.readString(Path.of("../docs/gate-page.md"));
        assertTrue(
                text.contains(VcpuPagePrinter.markdownTable()),
                "docs/gate-page.md must contain:\n" + VcpuPagePrinter.markdownTable());
    }

    @Test
    void gdbScriptNamesFieldsAndStubs() {
        String script =
                VcpuPagePrinter.gdbScript(GateCode.generate(GateCode.Form.TRACED).symbols());
        assertTrue(script.contains("set $vcpu_magic = 0x7be000010000\n"));
        assertTrue(script.contains("set $gate_exit = 0x7be000000000\n"));
        assertTrue(script.contains("define vcpu\n"));
        assertTrue(script.endsWith("end\n"));
    }

    @Test
    void exitReasonNumbersArePinned() {
        List<String> names = List.of("NONE", "LINK", "INSTRUCTION", "INTERRUPT_WINDOW", "INDIRECT");
        for (int i = 0; i < names.size(); i++) {
            assertEquals(names.get(i), ExitReason.of(i).name());
            assertEquals(i, ExitReason.valueOf(names.get(i)).code());
        }
        assertEquals(5, ExitReason.IRET_SLOW.code());
        assertEquals(6, ExitReason.SYSRET_SLOW.code());
        assertEquals(7, ExitReason.COMMANDS_DONE.code());
        assertEquals(8, ExitReason.START.code());
        assertThrows(IllegalStateException.class, () -> ExitReason.of(9));
        assertThrows(IllegalStateException.class, () -> ExitReason.of(-1));
    }

    @Test
    void refusesAnotherLayoutVersion() {
        assertThrows(IllegalStateException.class, page::checkVersion);
        page.initialise();
        page.checkVersion();
        assertEquals(AddressMap.FOLD, area.getLong(VcpuPageLayout.FOLD_CONST));
        assertEquals(-AddressMap.FOLD, area.getLong(VcpuPageLayout.NEG_FOLD_CONST));
        area.putInt(VcpuPageLayout.MAGIC + 4, VcpuPageLayout.VERSION + 1);
        assertThrows(IllegalStateException.class, page::checkVersion);
        ByteBuffer small = ByteBuffer.allocateDirect(4096);
        assertThrows(IllegalArgumentException.class, () -> new VcpuPage(small));
    }

    @Test
    void placesRegistersInEncodingOrder() {
        page.setGpr(Reg.rsp, 0x1234);
        assertEquals(0x1234, area.getLong(VcpuPageLayout.GPR + 4 * 8));
        page.setGpr(15, -1);
        assertEquals(-1, page.gpr(Reg.r15));
        assertThrows(IllegalArgumentException.class, () -> page.gpr(16));
    }

    @Test
    void publishesPendingInterrupts() {
        assertFalse(page.isPendingAcquire());
        page.setPendingRelease(true);
        assertTrue(page.isPendingAcquire());
        assertEquals(1, page.get(VcpuPageLayout.PENDING));
        page.setPendingRelease(false);
        assertEquals(0, page.get(VcpuPageLayout.PENDING));
    }

    @Test
    void collectsCommandsUntilTheListIsFull() {
        for (int i = 0; i < VcpuPageLayout.COMMAND_CAPACITY; i++) {
            assertFalse(page.isCommandListFull());
            assertEquals(i, page.addCommand(9, i, 2, 3, 4, 5, 6));
        }
        assertTrue(page.isCommandListFull());
        assertThrows(IllegalStateException.class, () -> page.addCommand(9, 0, 0, 0, 0, 0, 0));
        int offset = VcpuPageLayout.COMMANDS + 127 * VcpuPageLayout.COMMAND_SIZE_BYTES;
        assertEquals(9, area.getLong(offset));
        assertEquals(127, area.getLong(offset + 8));
        assertEquals(6, area.getLong(offset + 48));
        area.putLong(offset + 56, -12);
        assertEquals(-12, page.commandResult(127));
        assertEquals(9, page.commandNumber(127));
        assertEquals(6, page.commandArgument(127, 5));
        assertThrows(IndexOutOfBoundsException.class, () -> page.commandResult(128));
        page.clearCommands();
        assertEquals(0, page.commandCount());
    }
}
