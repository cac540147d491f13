// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.ExitReason;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.ptrace.ResumeMode;

/** Port accesses that translated code does through the vCPU page. */
@Tag("ptrace")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class InlinePortIT {
    private static final int IN_AL_DX = 0xec;
    private static final int OUT_DX_AL = 0xee;
    private static final int NOP = 0x90;
    private static final long RAX = 0x1122_3344_5566_7788L;
    private static final long RBX = 0xb0b0;
    private static final long RCX = 0xc0c0;

    /** DX is the port; the rest of RDX must not matter. */
    private static final long HIGH_RDX = 0xffff_0000_1234_0000L;

    private static final long FLAGS = 0xcd5;
    private static final int MAX_STEPS = 200;

    private static TranslationProcess process;

    private final byte[] taken = new byte[VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES];

    @BeforeAll
    static void spawn() {
        process = new TranslationProcess();
    }

    @AfterAll
    static void end() {
        process.close();
    }

    @BeforeEach
    void reset() {
        process.translator.flush();
        process.page.setPortInputRelease(0x61);
        process.page.openPortOutput(true);
    }

    private void load(int port, int... code) {
        byte[] bytes = new byte[code.length];
        for (int i = 0; i < code.length; i++) {
            bytes[i] = (byte) code[i];
        }
        process.load(TranslationProcess.CODE_GVA, bytes);
        process.registers.setGpr(Reg.rax.number(), RAX);
        process.registers.setGpr(Reg.rbx.number(), RBX);
        process.registers.setGpr(Reg.rcx.number(), RCX);
        process.registers.setGpr(Reg.rdx.number(), HIGH_RDX | port);
        process.registers.setRflags(2 | FLAGS);
        process.registers.setGsBase(AddressMap.FOLD);
        process.page.clearExitReason();
        TranslationBlock block = process.translator.blockAt(TranslationProcess.CODE_GVA);
        assertNotNull(block);
        process.registers.setRip(block.entryHva());
    }

    /** Runs to the exit and returns how many instructions were done. */
    private long run() {
        assertEquals(HostAbi.SIGTRAP, process.resume(ResumeMode.CONT));
        assertEquals(ExitReason.INSTRUCTION, process.page.exitReason());
        assertEquals(FLAGS, process.page.get(VcpuPageLayout.RFLAGS) & FLAGS);
        assertEquals(RBX, process.page.gpr(Reg.rbx));
        assertEquals(RCX, process.page.gpr(Reg.rcx));
        return process.page.get(VcpuPageLayout.EXIT_GUEST_RIP) - TranslationProcess.CODE_GVA;
    }

    private byte[] output() {
        return Arrays.copyOf(taken, process.page.takePortOutput(taken));
    }

    @Test
    void readsTheShadow() {
        load(0x3fd, IN_AL_DX, NOP);
        assertEquals(2, run());
        assertEquals((RAX & ~0xffL) | 0x61, process.page.gpr(Reg.rax));
    }

    @Test
    void leavesAReadWithoutShadowToTheMonitor() {
        process.page.setPortInputRelease(0);
        load(0x3fd, NOP, IN_AL_DX);
        assertEquals(1, run());
        assertEquals(RAX, process.page.gpr(Reg.rax));
    }

    @Test
    void leavesReadsOfOtherPortsToTheMonitor() {
        load(0x3fe, IN_AL_DX);
        assertEquals(0, run());
        load(0x3f8, IN_AL_DX);
        assertEquals(0, run());
    }

    @Test
    void collectsWhatIsWritten() {
        load(0x3f8, OUT_DX_AL, 0xb0, 'b', OUT_DX_AL, 0xb0, 'c', OUT_DX_AL, NOP);
        assertEquals(8, run());
        assertArrayEquals(new byte[] {(byte) RAX, 'b', 'c'}, output());
        assertArrayEquals(new byte[0], output());
    }

    @Test
    void leavesWritesToOtherPortsToTheMonitor() {
        load(0x3fd, OUT_DX_AL);
        assertEquals(0, run());
        assertArrayEquals(new byte[0], output());
    }

    @Test
    void leavesWritesToTheMonitorWhileClosed() {
        process.page.openPortOutput(false);
        load(0x3f8, OUT_DX_AL);
        assertEquals(0, run());
        assertEquals(0, process.page.get(VcpuPageLayout.PORT_OUTPUT_ROOM));
    }

    @Test
    void leavesTheWriteThatHasNoRoomToTheMonitor() {
        // 1: out dx, al; jmp 1b
        load(0x3f8, OUT_DX_AL, 0xeb, 0xfd);
        assertEquals(0, run());
        assertEquals(VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES, output().length);
    }

    /** At every host instruction: the write is undone and not counted, or neither. */
    @Test
    void isPreciseAtEveryStep() {
        load(0x3f8, OUT_DX_AL, NOP);
        HostPosition position = new HostPosition();
        int room = VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES;
        boolean wasBefore = false;
        boolean wasAfter = false;
        for (int i = 0; i < MAX_STEPS; i++) {
            long hostRip = process.registers.rip();
            assertTrue(process.translator.locate(hostRip, position));
            if (position.isExiting() || position.guestRip() > TranslationProcess.CODE_GVA + 1) {
                break;
            }
            boolean after = position.guestRip() != TranslationProcess.CODE_GVA;
            wasBefore |= !after;
            wasAfter |= after;
            assertEquals(
                    after ? room - 1 : room, process.page.get(VcpuPageLayout.PORT_OUTPUT_ROOM));
            long[] gpr = new long[16];
            for (int r = 0; r < gpr.length; r++) {
                gpr[r] = process.registers.getGpr(r);
            }
            Undo.apply(position.undo(), process.page, registersOf(gpr));
            assertEquals(RBX, gpr[Reg.rbx.number()]);
            assertEquals(RCX, gpr[Reg.rcx.number()]);
            assertEquals(HostAbi.SIGTRAP, process.resume(ResumeMode.SINGLESTEP));
        }
        assertTrue(wasBefore && wasAfter);
    }

    private static Undo.Registers registersOf(long[] gpr) {
        return new Undo.Registers() {
            @Override
            public long gpr(int number) {
                return gpr[number];
            }

            @Override
            public void setGpr(int number, long value) {
                gpr[number] = value;
            }
        };
    }
}
