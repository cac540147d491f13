// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestState.RBX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;

/**
 * A vCPU in kernel mode whose {@link InstructionEmulator} is given one instruction after another.
 */
abstract class InstructionTestBase {
    static final long RIP = 0xffff_ffff_8100_1234L;
    static final long FLAGS = Rflags.FIXED | Rflags.IF | Rflags.CF;
    static final long NOT_CANONICAL = 0x8000_0000_0000L;

    final ExitFixture fixture = new ExitFixture();
    final GuestFixture guest = fixture.guest;
    final GuestState state = guest.state;
    final ControlState control = guest.control;
    final InstructionEmulator emulator = new InstructionEmulator(fixture.parts);

    @BeforeEach
    void startInKernelMode() {
        control.setCr0(0x8005_0033L);
        control.setCr4(0xa0);
        state.setRip(RIP);
        state.setRflags(FLAGS);
        state.setGpr(RBX, FREE);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Emulates one instruction and expects it to complete with RIP behind it. */
    void completes(String bytes) {
        assertEquals(InstructionEmulator.Outcome.RESUME, emulate(bytes));
        assertEquals(RIP + Code.bytes(bytes).length, state.rip(), "RIP is behind it");
    }

    InstructionEmulator.Outcome emulate(String bytes) {
        state.setRip(RIP);
        return emulator.emulate(Code.decode(bytes));
    }

    /** Emulates one instruction and expects an exception of it, with or without an error code. */
    void faults(int vector, int errorCode, String bytes) {
        long rsp = state.gpr(RSP);
        emulate(bytes);
        assertEquals(Long.toHexString(GuestFixture.handler(vector)), Long.toHexString(state.rip()));
        long frame = state.gpr(RSP);
        boolean hasCode = vector >= 10 && vector <= 14;
        if (hasCode) {
            assertEquals(errorCode, guest.getLong(frame), "error code");
            frame += 8;
        }
        assertEquals(RIP, guest.getLong(frame), "saved RIP");
        assertEquals(rsp, guest.getLong(frame + 24), "RSP is as before");
        guest.kernelMode();
        state.setGpr(RSP, rsp);
        state.setRflags(FLAGS);
    }
}
