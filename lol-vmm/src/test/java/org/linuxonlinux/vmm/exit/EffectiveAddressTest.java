// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;

final class EffectiveAddressTest {
    private static final long RIP = 0xffff_ffff_8100_0000L;

    private final GuestState state = new GuestState();
    private final ControlState control =
            new ControlState(
                    new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES)));

    EffectiveAddressTest() {
        for (int i = 0; i < 16; i++) {
            state.setGpr(i, 0xffff_8880_0000_0000L + (long) i * 0x1_0000_0000L + i * 0x1000L);
        }
        control.setFsBase(0x7000_0000_0000L);
        control.setGsBase(0xffff_8881_0000_0000L);
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource({
        // bytes, AT&T form, address
        "8b 00,                      (%rax),                 ffff888000000000",
        "8b 03,                      (%rbx),                 ffff888300003000",
        "8b 04 24,                   (%rsp),                 ffff888400004000",
        "8b 45 00,                   0(%rbp),                ffff888500005000",
        "41 8b 04 24,                (%r12),                 ffff888c0000c000",
        "41 8b 45 00,                0(%r13),                ffff888d0000d000",
        "8b 43 f8,                   -8(%rbx),               ffff888300002ff8",
        "8b 83 78 56 34 12,          0x12345678(%rbx),       ffff888312348678",
        "8b 83 00 00 00 80,          -0x80000000(%rbx),      ffff888280003000",
        "8b 04 0b,                   '(%rbx,%rcx)',          computed",
        "8b 44 8b 10,                '16(%rbx,%rcx,4)',      computed",
        "42 8b 04 e0,                '(%rax,%r12,8)',        computed",
        "42 8b 04 20,                '(%rax,%r12)',          computed",
        "8b 04 65 00 10 00 00,       '0x1000(,%riz,2)',      1000",
        "8b 04 25 00 10 00 80,       -0x7ffff000,            ffffffff80001000",
        "8b 04 cd 10 00 00 00,       '16(,%rcx,8)',          computed",
        "43 8b 04 6e,                '(%r14,%r13,2)',        computed",
        "8b 05 10 00 00 00,          16(%rip),               ffffffff81000016",
        "8b 05 f0 ff ff ff,          -16(%rip),              ffffffff80fffff6",
        "c7 05 00 10 00 00 01 02 03 04, '$..,0x1000(%rip)',  ffffffff8100100a",
        "67 8b 00,                   (%eax),                 0",
        "67 8b 43 f8,                -8(%ebx),               2ff8",
        "67 8b 05 10 00 00 00,       16(%eip),               81000017",
        "64 8b 04 25 28 00 00 00,    %fs:0x28,               700000000028",
        "65 8b 04 25 28 00 00 00,    %gs:0x28,               ffff888100000028",
        "65 8b 05 10 00 00 00,       %gs:16(%rip),           computed",
        "65 67 8b 43 f8,             %gs:-8(%ebx),           ffff888100002ff8",
        "2e 8b 03,                   %cs:(%rbx),             ffff888300003000",
        "a1 88 77 66 55 44 33 22 11, 0x1122334455667788,     1122334455667788",
        "64 a1 10 00 00 00 00 00 00 00, %fs:16,              700000000010",
        "67 a1 10 00 00 80,          0x80000010 (32 bits),   80000010",
    })
    void ofEveryForm(String bytes, String form, String address) {
        long actual = EffectiveAddress.of(Code.decode(bytes), RIP, state, control);
        assertEquals(expected(form, address), Long.toHexString(actual));
    }

    /** Sums that carry out of 64 bits are easier to trust when computed here from registers. */
    private String expected(String form, String address) {
        long value =
                switch (form) {
                    case "(%rbx,%rcx)" -> state.gpr(3) + state.gpr(1);
                    case "16(%rbx,%rcx,4)" -> state.gpr(3) + 4 * state.gpr(1) + 16;
                    case "(%rax,%r12,8)" -> state.gpr(0) + 8 * state.gpr(12);
                    case "(%rax,%r12)" -> state.gpr(0) + state.gpr(12);
                    case "16(,%rcx,8)" -> 8 * state.gpr(1) + 16;
                    case "(%r14,%r13,2)" -> state.gpr(14) + 2 * state.gpr(13);
                    case "%gs:16(%rip)" -> control.gsBase() + RIP + 7 + 16;
                    default -> Long.parseUnsignedLong(address, 16);
                };
        return Long.toHexString(value);
    }
}
