// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.mmu.Access;

/** Registers here: rax = 0xa000, rcx = 0xc000, …; rsp = 0x4000, rbp = 0x5000, rsi, rdi = 6, 7. */
final class MemoryAccessesTest {
    private static final long RIP = 0x10_0000;

    private final GuestState state = new GuestState();
    private final ControlState control =
            new ControlState(
                    new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES)));
    private final MemoryAccesses accesses = new MemoryAccesses(control);

    MemoryAccessesTest() {
        state.setGpr(GuestState.RAX, 0xa000);
        state.setGpr(GuestState.RCX, 0xc000);
        state.setGpr(GuestState.RDX, 0xd000);
        state.setGpr(GuestState.RBX, 0xb000);
        state.setGpr(GuestState.RSP, 0x4000);
        state.setGpr(GuestState.RBP, 0x5000);
        state.setGpr(GuestState.RSI, 0x6000);
        state.setGpr(GuestState.RDI, 0x7000);
        control.setFsBase(0xf_0000);
        control.setGsBase(0x9_0000);
    }

    private String of(String bytes) {
        accesses.collect(Code.decode(bytes), RIP, state);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < accesses.count(); i++) {
            text.append(accesses.access(i).name().charAt(0));
            text.append(accesses.isStack(i) ? "s" : "");
            text.append(Long.toHexString(accesses.gva(i))).append('+');
            text.append(accesses.sizeBytes(i)).append(' ');
        }
        return text.toString().strip();
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource({
        // bytes, AT&T form, accesses: Read or Write, "s" = through RSP, address + bytes
        "8a 03,                mov (%rbx) to %al,        Rb000+1",
        "48 8b 03,             mov (%rbx) to %rax,       Rb000+8",
        "66 89 03,             mov %ax to (%rbx),        Wb000+2",
        "89 44 24 08,          'mov %eax,8(%rsp)',       Ws4008+4",
        "c6 03 01,             'movb $1,(%rbx)',         Wb000+1",
        "48 01 03,             'add %rax,(%rbx)',        Wb000+8",
        "f0 48 0f b1 0b,       lock cmpxchg,             Wb000+8",
        "f0 48 0f c7 0b,       lock cmpxchg16b,          Wb000+16",
        "48 87 03,             xchg,                     Wb000+8",
        "48 39 03,             cmp,                      Rb000+8",
        "48 85 03,             test,                     Rb000+8",
        "48 8d 03,             lea,                      ''",
        "0f 1f 03,             nopl,                     ''",
        "0f 18 0b,             prefetcht0,               ''",
        "48 89 c3,             'mov %rax,%rbx',          ''",
        "0f b6 03,             movzbl,                   Rb000+1",
        "48 0f bf 03,          movswq,                   Rb000+2",
        "48 63 03,             movslq,                   Rb000+4",
        "0f 94 03,             sete,                     Wb000+1",
        "65 48 8b 04 25 10 00 00 00, mov %gs:16,         R90010+8",
        "0f 11 03,             movups %xmm0 to (%rbx),   Wb000+16",
        "c5 fe 6f 03,          vmovdqu (%rbx) to %ymm0,  Rb000+32",
        "a4,                   movsb,                    W7000+1 R6000+1",
        "f3 48 a5,             rep movsq,                W7000+8 R6000+8",
        "65 a4,                movsb %gs,                W7000+1 R96000+1",
        "f3 48 ab,             rep stosq,                W7000+8",
        "aa,                   stosb,                    W7000+1",
        "ac,                   lodsb,                    R6000+1",
        "64 66 ad,             lodsw %fs,                Rf6000+2",
        "a7,                   cmpsl,                    R7000+4 R6000+4",
        "f2 ae,                repne scasb,              R7000+1",
        "6d,                   insl,                     W7000+4",
        "6e,                   outsb,                    R6000+1",
        "50,                   push %rax,                Ws3ff8+8",
        "66 50,                push %ax,                 Ws3ffe+2",
        "6a 01,                push $1,                  Ws3ff8+8",
        "ff 33,                push (%rbx),              Rb000+8 Ws3ff8+8",
        "ff 34 24,             push (%rsp),              Rs4000+8 Ws3ff8+8",
        "58,                   pop %rax,                 Rs4000+8",
        "8f 03,                pop (%rbx),               Wb000+8 Rs4000+8",
        "8f 44 24 08,          pop 8(%rsp),              Ws4010+8 Rs4000+8",
        "66 8f 04 24,          popw (%rsp),              Ws4002+2 Rs4000+2",
        "9c,                   pushf,                    Ws3ff8+8",
        "9d,                   popf,                     Rs4000+8",
        "c9,                   leave,                    R5000+8",
        "e8 00 00 00 00,       call,                     Ws3ff8+8",
        "ff 13,                call *(%rbx),             Rb000+8 Ws3ff8+8",
        "ff 23,                jmp *(%rbx),              Rb000+8",
        "c3,                   ret,                      Rs4000+8",
        "c2 08 00,             ret $8,                   Rs4000+8",
        "c8 10 00 00,          'enter $16,$0',           Ws3ff8+8",
    })
    void of(String bytes, String form, String expected) {
        assertEquals(expected, of(bytes), form);
    }

    @ParameterizedTest(name = "{1} with index {2}")
    @CsvSource({
        "48 0f a3 03,    btq,   0,                  Rb000+8",
        "48 0f a3 03,    btq,   63,                 Rb000+8",
        "48 0f a3 03,    btq,   64,                 Rb008+8",
        "48 0f a3 03,    btq,   -1,                 Raff8+8",
        "f0 48 0f ab 03, btsq,  130,                Wb010+8",
        "48 0f b3 03,    btrq,  65,                 Wb008+8",
        "48 0f bb 03,    btcq,  -64,                Waff8+8",
        "0f a3 03,       btl,   32,                 Rb004+4",
        "0f a3 03,       btl,   -1,                 Raffc+4",
        "0f a3 03,       btl,   4294967295,         Raffc+4",
        "66 0f a3 03,    btw,   16,                 Rb002+2",
        "66 0f a3 03,    btw,   65535,              Raffe+2",
        "48 0f ba 23 7f, bt $127, 1000,             Rb000+8",
    })
    void ofBitInstructionsReachBeyondTheOperand(
            String bytes, String form, long index, String expected) {
        state.setGpr(GuestState.RAX, index);
        assertEquals(expected, of(bytes), form);
    }

    @Test
    void ofStringsObeyTheAddressSize() {
        state.setGpr(GuestState.RSI, 0xffff_ffff_0000_6000L);
        state.setGpr(GuestState.RDI, 0xffff_ffff_0000_7000L);
        assertEquals("W7000+1 R6000+1", of("67 a4"));
        assertEquals("Wffffffff00007000+1 Rffffffff00006000+1", of("a4"));
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource({
        "48 0f ae 23,    xsave,    WRITE",
        "48 0f ae 33,    xsaveopt, WRITE",
        "48 0f c7 23,    xsavec,   WRITE",
        "48 0f ae 2b,    xrstor,   READ",
        "48 0f ae 03,    fxsave,   WRITE",
        "48 0f ae 0b,    fxrstor,  READ",
    })
    void ofStateAreasCoverAllTheyMayTouch(String bytes, String form, Access access) {
        of(bytes);
        assertEquals(1, accesses.count(), form);
        assertEquals(0xb000, accesses.gva(0));
        assertEquals(access, accesses.access(0));
        assertTrue(accesses.sizeBytes(0) >= 512);
        assertEquals(access, accesses.accessAt(0xb000 + 511));
    }

    @Test
    void areFoundByAddress() {
        of("ff 33");
        assertEquals(Access.READ, accesses.accessAt(0xb007));
        assertEquals(Access.WRITE, accesses.accessAt(0x3ff8));
        assertEquals(Access.WRITE, accesses.accessAt(0x3fff));
    }

    @Test
    void thatAreNotListedAreGuessedFromTheInstruction() {
        // maskmovdqu writes to (%rdi); its address is not an operand.
        of("66 0f f7 c1");
        assertEquals(Access.WRITE, accesses.accessAt(0x7000));
        of("48 8b 03");
        assertEquals(Access.READ, accesses.accessAt(0x1234));
        assertFalse(accesses.isStack(0));
    }
}
