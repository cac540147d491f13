// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.vmm.UnknownAccesses;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.legacy.MmioDevice;
import org.linuxonlinux.vmm.mmu.Access;

final class MmioEmulatorTest {
    private static final long DEVICE_GPA = 0xfec0_0000L;
    private static final long RIP = 0xffff_ffff_8100_0000L;
    private static final long PATTERN = 0x1122_3344_5566_7788L;

    private final GuestState state = new GuestState();
    private final List<String> log = new ArrayList<>();
    private final MmioEmulator emulator;
    private long deviceValue = 0xf1f2_f3f4_f5f6_f7f8L;

    MmioEmulatorTest() {
        MmioBus bus = new MmioBus(new UnknownAccesses("device memory", log::add));
        bus.register(
                DEVICE_GPA,
                0x1000,
                new MmioDevice() {
                    @Override
                    public long read(long offset, int widthBytes) {
                        log.add(String.format("read %x %d", offset, widthBytes));
                        return deviceValue;
                    }

                    @Override
                    public void write(long offset, int widthBytes, long value) {
                        log.add(String.format("write %x %d %x", offset, widthBytes, value));
                    }
                });
        VcpuPage page = new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES));
        emulator = new MmioEmulator(state, new ControlState(page), bus);
        for (int i = 0; i < 16; i++) {
            state.setGpr(i, PATTERN + i * 0x0101_0101_0101_0101L);
        }
        state.setRip(RIP);
    }

    private void emulate(String bytes, Access access) {
        emulator.emulate(Code.decode(bytes), DEVICE_GPA + 0x10, access);
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource({
        // bytes, AT&T form, width, value written
        "88 03,                      'mov %al,(%rbx)',    1, 88",
        "88 0b,                      'mov %cl,(%rbx)',    1, 89",
        "88 23,                      'mov %ah,(%rbx)',    1, 77",
        "88 2b,                      'mov %ch,(%rbx)',    1, 78",
        "88 33,                      'mov %dh,(%rbx)',    1, 79",
        "88 3b,                      'mov %bh,(%rbx)',    1, 7a",
        "40 88 23,                   'mov %spl,(%rbx)',   1, 8c",
        "40 88 3b,                   'mov %dil,(%rbx)',   1, 8f",
        "44 88 23,                   'mov %r12b,(%rbx)',  1, 94",
        "66 89 03,                   'mov %ax,(%rbx)',    2, 7788",
        "89 03,                      'mov %eax,(%rbx)',   4, 55667788",
        "48 89 03,                   'mov %rax,(%rbx)',   8, 1122334455667788",
        "4c 89 0b,                   'mov %r9,(%rbx)',    8, 1a2b3c4d5e6f8091",
        "c6 03 fe,                   'movb $-2,(%rbx)',   1, fe",
        "66 c7 03 fe ff,             'movw $-2,(%rbx)',   2, fffe",
        "c7 03 fe ff ff ff,          'movl $-2,(%rbx)',   4, fffffffe",
        "48 c7 03 fe ff ff ff,       'movq $-2,(%rbx)',   8, fffffffffffffffe",
        "a2 00 00 00 00 00 00 00 00, 'mov %al,moffs',     1, 88",
        "66 a3 00 00 00 00 00 00 00 00, 'mov %ax,moffs',  2, 7788",
        "a3 00 00 00 00 00 00 00 00, 'mov %eax,moffs',    4, 55667788",
        "48 a3 00 00 00 00 00 00 00 00, 'mov %rax,moffs', 8, 1122334455667788",
    })
    void stores(String bytes, String form, int width, String value) {
        emulate(bytes, Access.WRITE);
        assertEquals(List.of("write 10 " + width + " " + value), log, form);
        assertEquals(RIP + Code.bytes(bytes).length, state.rip());
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource({
        // bytes, AT&T form, width, register, its value afterwards; the device has f1f2f3f4f5f6f7f8
        "8a 03,                      'mov (%rbx),%al',     1, 0,  11223344556677f8",
        "8a 23,                      'mov (%rbx),%ah',     1, 0,  112233445566f888",
        "8a 2b,                      'mov (%rbx),%ch',     1, 1,  122334455667f889",
        "8a 3b,                      'mov (%rbx),%bh',     1, 3,  142536475869f88b",
        "40 8a 33,                   'mov (%rbx),%sil',    1, 6,  1728394a5b6c7df8",
        "44 8a 2b,                   'mov (%rbx),%r13b',   1, 13, 1e2f4051627384f8",
        "66 8b 03,                   'mov (%rbx),%ax',     2, 0,  112233445566f7f8",
        "8b 03,                      'mov (%rbx),%eax',    4, 0,  f5f6f7f8",
        "48 8b 03,                   'mov (%rbx),%rax',    8, 0,  f1f2f3f4f5f6f7f8",
        "44 8b 03,                   'mov (%rbx),%r8d',    4, 8,  f5f6f7f8",
        "a0 00 00 00 00 00 00 00 00, 'mov moffs,%al',      1, 0,  11223344556677f8",
        "a1 00 00 00 00 00 00 00 00, 'mov moffs,%eax',     4, 0,  f5f6f7f8",
        "48 a1 00 00 00 00 00 00 00 00, 'mov moffs,%rax',  8, 0,  f1f2f3f4f5f6f7f8",
        "0f b6 0b,                   'movzbl (%rbx),%ecx', 1, 1,  f8",
        "66 0f b6 0b,                'movzbw (%rbx),%cx',  1, 1,  12233445566700f8",
        "48 0f b6 0b,                'movzbq (%rbx),%rcx', 1, 1,  f8",
        "0f b7 0b,                   'movzwl (%rbx),%ecx', 2, 1,  f7f8",
        "0f be 0b,                   'movsbl (%rbx),%ecx', 1, 1,  fffffff8",
        "66 0f be 0b,                'movsbw (%rbx),%cx',  1, 1,  122334455667fff8",
        "48 0f be 0b,                'movsbq (%rbx),%rcx', 1, 1,  fffffffffffffff8",
        "0f bf 0b,                   'movswl (%rbx),%ecx', 2, 1,  fffff7f8",
        "48 0f bf 0b,                'movswq (%rbx),%rcx', 2, 1,  fffffffffffff7f8",
        "48 63 0b,                   'movslq (%rbx),%rcx', 4, 1,  fffffffff5f6f7f8",
        "63 0b,                      'movsxd (%rbx),%ecx', 4, 1,  f5f6f7f8",
    })
    void loads(String bytes, String form, int width, int register, String value) {
        emulate(bytes, Access.READ);
        assertEquals(List.of("read 10 " + width), log, form);
        assertEquals(value, Long.toHexString(state.gpr(register)), form);
        assertEquals(RIP + Code.bytes(bytes).length, state.rip());
    }

    @Test
    void zeroExtensionOfPositiveValuesIsTheSameAsSignExtension() {
        deviceValue = 0x7f;
        emulate("48 0f be 0b", Access.READ);
        assertEquals(0x7f, state.gpr(GuestState.RCX));
    }

    @ParameterizedTest
    @ValueSource(strings = {"48 01 03", "f3 a4", "0f 11 03", "ff 33", "0f a3 03", "c5 fe 6f 03"})
    void endsTheGuestOnAnythingElse(String bytes) {
        GuestDiedException death =
                assertThrows(GuestDiedException.class, () -> emulate(bytes, Access.WRITE));
        assertTrue(death.getMessage().contains("guestRip=0xffffffff81000000"));
        assertTrue(death.getMessage().contains("gpa=0xfec00010"));
        assertTrue(log.isEmpty());
    }

    @Test
    void endsTheGuestWhereTheInstructionIsUnknown() {
        assertThrows(
                GuestDiedException.class, () -> emulator.emulate(null, DEVICE_GPA, Access.READ));
    }
}
