// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

/** The TSC-deadline timer, programmed by translated code through the vCPU page. */
@Tag("ptrace")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class InlineTimerIT {
    private static final int TSC_DEADLINE = 0x6e0;
    private static final long FLOOR = 0x12_3456_0000L;

    /** The upper halves must not matter. */
    private static final long HIGH = 0xfedc_ba98_0000_0000L;

    private static final long RBX = 0xb0b0;
    private static final long FLAGS = 0xcd5;
    private static final int MAX_STEPS = 200;

    private static TranslationProcess process;

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
        process.page.takeTimerDeadline();
        process.page.openTimer(FLOOR);
    }

    /** {@code wrmsr; nop}, and what comes behind them leaves. */
    private void load(int msr, long value) {
        process.load(TranslationProcess.CODE_GVA, new byte[] {0x0f, 0x30, (byte) 0x90, 0x0f, 0x30});
        process.registers.setGpr(Reg.rax.number(), HIGH | (value & 0xffff_ffffL));
        process.registers.setGpr(Reg.rbx.number(), RBX);
        process.registers.setGpr(Reg.rcx.number(), HIGH | msr);
        process.registers.setGpr(Reg.rdx.number(), HIGH | value >>> 32);
        process.registers.setRflags(2 | FLAGS);
        process.registers.setGsBase(AddressMap.FOLD);
        process.page.clearExitReason();
        TranslationBlock block = process.translator.blockAt(TranslationProcess.CODE_GVA);
        assertNotNull(block);
        process.registers.setRip(block.entryHva());
    }

    /** Runs to the exit; whether it was the first instruction that left. */
    private boolean leaves(int msr, long value) {
        load(msr, value);
        assertEquals(HostAbi.SIGTRAP, process.resume(ResumeMode.CONT));
        assertEquals(ExitReason.INSTRUCTION, process.page.exitReason());
        assertEquals(FLAGS, process.page.get(VcpuPageLayout.RFLAGS) & FLAGS);
        assertEquals(HIGH | (value & 0xffff_ffffL), process.page.gpr(Reg.rax));
        assertEquals(RBX, process.page.gpr(Reg.rbx));
        assertEquals(HIGH | msr, process.page.gpr(Reg.rcx));
        assertEquals(HIGH | value >>> 32, process.page.gpr(Reg.rdx));
        return process.page.get(VcpuPageLayout.EXIT_GUEST_RIP) == TranslationProcess.CODE_GVA;
    }

    @Test
    void otherRegistersAreTheMonitors() {
        assertTrue(leaves(0x10, FLOOR + 1));
        assertTrue(leaves(0x6e1, FLOOR + 1));
        assertTrue(leaves(0x6df, FLOOR + 1));
        assertEquals(0, process.page.takeTimerDeadline());
    }

    @Test
    void aDeadlineBeforeTheFloorIsTheMonitors() {
        assertTrue(leaves(TSC_DEADLINE, FLOOR - 1));
        assertTrue(leaves(TSC_DEADLINE, 0));
        assertTrue(leaves(TSC_DEADLINE, -1));
        process.page.closeTimer();
        assertTrue(leaves(TSC_DEADLINE, FLOOR + 1));
    }

    @Test
    void aDeadlineFromTheFloorOnIsTakenOnce() {
        for (long value : new long[] {FLOOR, FLOOR + 1, FLOOR + (1L << 40)}) {
            load(TSC_DEADLINE, value);
            stepOverTheFirstInstruction();
            assertEquals(value, process.page.takeTimerDeadline());
            assertEquals(0, process.page.takeTimerDeadline());
        }
    }

    private void stepOverTheFirstInstruction() {
        HostPosition position = new HostPosition();
        for (int i = 0; i < MAX_STEPS; i++) {
            assertTrue(process.translator.locate(process.registers.rip(), position));
            if (position.guestRip() != TranslationProcess.CODE_GVA) {
                assertTrue(!position.isExiting());
                return;
            }
            assertEquals(HostAbi.SIGTRAP, process.resume(ResumeMode.SINGLESTEP));
        }
        throw new AssertionError("does not end");
    }

    /** At every host instruction: RBX and RCX can be had back. */
    @Test
    void isPreciseAtEveryStep() {
        load(TSC_DEADLINE, FLOOR);
        HostPosition position = new HostPosition();
        boolean wasAfter = false;
        for (int i = 0; i < MAX_STEPS && !wasAfter; i++) {
            assertTrue(process.translator.locate(process.registers.rip(), position));
            wasAfter = position.guestRip() > TranslationProcess.CODE_GVA + 2;
            long[] gpr = new long[16];
            for (int r = 0; r < gpr.length; r++) {
                gpr[r] = process.registers.getGpr(r);
            }
            Undo.apply(position.undo(), process.page, new RegisterArray(gpr));
            assertEquals(RBX, gpr[Reg.rbx.number()]);
            assertEquals(HIGH | TSC_DEADLINE, gpr[Reg.rcx.number()]);
            assertEquals(HostAbi.SIGTRAP, process.resume(ResumeMode.SINGLESTEP));
        }
        assertTrue(wasAfter);
    }

    private record RegisterArray(long[] gpr) implements Undo.Registers {
        @Override
        public long gpr(int number) {
            return gpr[number];
        }

        @Override
        public void setGpr(int number, long value) {
            gpr[number] = value;
        }
    }
}
