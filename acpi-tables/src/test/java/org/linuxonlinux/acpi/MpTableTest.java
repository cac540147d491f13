// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Reads the table as arch/x86/kernel/mpparse.c does. */
final class MpTableTest {
    private static final long GPA = 0x9_fc00;

    private final byte[] bytes = MpTable.build(TestMachine.withRtc(), GPA).bytes();
    private final ByteBuffer image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);

    private String text(int offset, int length) {
        return new String(bytes, offset, length, StandardCharsets.US_ASCII);
    }

    @Test
    void thePointerLeadsToTheTable() {
        assertEquals("_MP_", text(0, 4));
        assertEquals(GPA + 16, Integer.toUnsignedLong(image.getInt(4)));
        assertEquals(1, image.get(8), "length in paragraphs");
        assertEquals(4, image.get(9), "specification 1.4");
        assertEquals(0, SystemTable.sum(bytes, 0, 16));
        assertEquals("PCMP", text(16, 4));
        assertEquals(bytes.length - 16, image.getShort(20));
        assertEquals(0, SystemTable.sum(bytes, 16, bytes.length - 16));
    }

    @Test
    void theEntriesAreThoseOfTheMachineInOrderOfTheirTypes() {
        AcpiConfig machine = TestMachine.withRtc();
        assertEquals(machine.localApicGpa(), Integer.toUnsignedLong(image.getInt(16 + 36)));
        List<Integer> types = new ArrayList<>();
        int offset = 16 + 44;
        while (offset < bytes.length) {
            int type = bytes[offset];
            types.add(type);
            switch (type) {
                case 0 -> {
                    int index = types.size() - 1;
                    assertEquals(machine.apicIds().get(index), bytes[offset + 1]);
                    assertEquals(index == 0 ? 3 : 1, bytes[offset + 3], "enabled, bootstrap");
                }
                case 1 -> assertEquals("ISA   ", text(offset + 2, 6));
                case 2 ->
                        assertEquals(
                                machine.ioApic().gpa(),
                                Integer.toUnsignedLong(image.getInt(offset + 4)));
                case 3 -> {
                    assertEquals(machine.serialPorts().get(0).gsi(), bytes[offset + 5]);
                    assertEquals(machine.ioApic().id(), bytes[offset + 6]);
                    assertEquals(machine.serialPorts().get(0).gsi(), bytes[offset + 7]);
                }
                default -> throw new AssertionError("entry type=" + type);
            }
            offset += type == 0 ? 20 : 8;
        }
        assertEquals(bytes.length, offset);
        assertEquals(types.size(), image.getShort(16 + 34));
        assertEquals(types.stream().sorted().toList(), types);
        assertEquals(machine.apicIds().size() + 2 + machine.serialPorts().size(), types.size());
    }
}
