// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.ExitReason;
import org.linuxonlinux.gate.GatePosition;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.translate.HostPosition;
import org.linuxonlinux.translate.TranslationBlock;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.exit.ExitStatistics.Kind;
import org.linuxonlinux.vmm.exit.ExitTransport.Stop;
import org.linuxonlinux.vmm.mmu.GuestTables;

final class VcpuTest {
    private static final int DEVICE_VECTOR = 0x40;
    private static final int SPURIOUS_VECTOR_MSR = 0x80f;
    private static final int APIC_BASE_MSR = 0x1b;

    private final ExitFixture fixture = new ExitFixture();
    private final GuestFixture guest = fixture.guest;
    private final GuestState state = guest.state;
    private final FakeTransport transport = fixture.transport;
    private final Vcpu vcpu = new Vcpu(fixture.parts);

    @BeforeEach
    void enableInterruptController() {
        fixture.apic.writeMsr(APIC_BASE_MSR, 0xfee0_0d00L);
        fixture.apic.writeMsr(SPURIOUS_VECTOR_MSR, 0x1ff);
        fixture.mapText();
        state.setRip(ExitFixture.TEXT);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** The last stop: the test's end. */
    private void thenStop() {
        transport.scripts.add(
                () -> {
                    vcpu.requestStop();
                    return Stop.KICK;
                });
    }

    private void run() {
        thenStop();
        vcpu.run();
        assertTrue(transport.scripts.isEmpty(), "all of the script was played");
    }

    private void exits(ExitReason reason, long guestRip) {
        transport.scripts.add(
                () -> {
                    guest.page.set(VcpuPageLayout.EXIT_REASON, reason.code());
                    transport.process.setRip(guestRip);
                    transport.kernel = true;
                    return Stop.EXIT;
                });
    }

    @Test
    void entersKernelCodeAtItsTranslation() {
        fixture.put(ExitFixture.TEXT, "48 8b 03 f4");
        run();
        assertEquals(
                fixture.translator.findBlock(ExitFixture.TEXT).entryHva(),
                transport.enteredHostRip);
    }

    @Test
    void entersUserCodeWhereItIs() {
        guest.userMode();
        run();
        assertEquals(state.rip(), transport.enteredHostRip);
    }

    @Test
    void jumpToAnAddressThatIsNotCanonicalIsAProtectionFault() {
        state.setRip(0x8000_0000_0000L);
        run();
        assertEquals(GuestFixture.handler(Vector.GP), state.rip());
        assertEquals(0x8000_0000_0000L, guest.getLong(state.gpr(GuestState.RSP) + 8));
    }

    @Test
    void fetchFromAnAbsentPageIsAPageFault() {
        state.setRip(0xffff_ffff_a000_0000L);
        run();
        assertEquals(GuestFixture.handler(Vector.PF), state.rip());
        assertEquals(0xffff_ffff_a000_0000L, guest.control.cr2());
        assertEquals(0x10, guest.getLong(state.gpr(GuestState.RSP)), "error: fetch");
    }

    @Test
    void systemCallEntersTheKernel() {
        guest.userMode();
        fixture.msrs.write(0xc000_0082, ExitFixture.TEXT);
        fixture.msrs.write(0xc000_0084, Rflags.IF | Rflags.DF);
        transport.scripts.add(
                () -> {
                    transport.kernel = false;
                    transport.process.setRip(0x40_1002);
                    transport.process.setRflags(Rflags.IF | Rflags.DF | Rflags.CF);
                    transport.process.setGpr(GuestState.RAX, 39);
                    return Stop.SYSCALL;
                });
        run();
        assertEquals(ExitFixture.TEXT, state.rip());
        assertEquals(0x40_1002, state.gpr(GuestState.RCX));
        assertEquals(Rflags.FIXED | Rflags.IF | Rflags.DF | Rflags.CF, state.gpr(GuestState.R11));
        assertEquals(Rflags.FIXED | Rflags.CF, state.rflags());
        assertEquals(39, state.gpr(GuestState.RAX));
        assertEquals(GuestFixture.KERNEL_CS, state.cs());
        assertEquals(GuestFixture.KERNEL_DS, state.ss());
        assertTrue(state.isKernelMode());
        assertEquals(1, vcpu.statistics().count(Kind.SYSTEM_CALL));
    }

    @Test
    void legacySystemCallGoesThroughItsGate() {
        guest.userMode();
        guest.gate(0x80, GuestFixture.INTERRUPT_GATE, 0, 3);
        fixture.mapUser(0x40_1000, "cd 80");
        transport.scripts.add(
                () -> {
                    transport.kernel = false;
                    transport.process.setRip(0x40_1002);
                    return Stop.SYSCALL;
                });
        run();
        assertEquals(GuestFixture.handler(0x80), state.rip());
        assertEquals(0x40_1002, guest.getLong(GuestFixture.RSP0 - 40));
    }

    @Test
    void interruptIsDeliveredWhenTheGuestCanTakeIt() {
        fixture.apic.raise(DEVICE_VECTOR, false);
        run();
        assertEquals(GuestFixture.handler(DEVICE_VECTOR), state.rip());
        assertEquals(1, guest.events.count(DEVICE_VECTOR));
        assertFalse(guest.page.isPendingAcquire());
    }

    @Test
    void stackInDeviceMemoryEndsTheGuest() {
        guest.pageTables.map(
                GuestFixture.FREE,
                0xfec0_0000L,
                GuestTables.SIZE_4K,
                GuestTables.P | GuestTables.W);
        state.setGpr(GuestState.RSP, GuestFixture.FREE + 0x100);
        fixture.apic.raise(DEVICE_VECTOR, false);
        GuestDiedException death = assertThrows(GuestDiedException.class, vcpu::run);
        assertTrue(death.getMessage().contains("gpa=0xfec000d8"), death.getMessage());
        assertTrue(death.getMessage().contains("guestRip=0xffffffff81000000"));
    }

    @Test
    void interruptWaitsWhileTheGuestHasThemOff() {
        state.setRflags(0);
        fixture.apic.raise(DEVICE_VECTOR, false);
        run();
        assertEquals(ExitFixture.TEXT, state.rip());
        assertTrue(guest.page.isPendingAcquire(), "emitted code exits when it enables them");
    }

    @Test
    void interruptInUserModeComesAtOnce() {
        guest.userMode();
        transport.scripts.add(
                () -> {
                    transport.process.setRip(0x40_1234);
                    fixture.apic.raise(DEVICE_VECTOR, false);
                    return Stop.KICK;
                });
        run();
        assertEquals(GuestFixture.handler(DEVICE_VECTOR), state.rip());
        assertEquals(0x40_1234, guest.getLong(GuestFixture.RSP0 - 40));
        assertEquals(0x33, guest.getLong(GuestFixture.RSP0 - 32));
    }

    /** A kick between STI's effect and the end of its expansion: STI has not been executed yet. */
    @Test
    void interruptIsNotTakenBeforeAnStiThatOnlyWouldEnableIt() {
        fixture.put(ExitFixture.TEXT, "fb f4");
        state.setRflags(0);
        transport.scripts.add(
                () -> {
                    transport.hostRip = insideSti();
                    guest.page.set(VcpuPageLayout.VIRTUAL_IF, Rflags.IF);
                    fixture.apic.raise(DEVICE_VECTOR, false);
                    return Stop.KICK;
                });
        run();
        assertEquals(0, guest.events.count(DEVICE_VECTOR));
        assertEquals(ExitFixture.TEXT, state.rip());
        assertFalse(state.interruptsEnabled());
        assertEquals(0, guest.page.get(VcpuPageLayout.VIRTUAL_IF));
        assertTrue(guest.page.isPendingAcquire());
    }

    private long insideSti() {
        TranslationBlock block = fixture.translator.findBlock(ExitFixture.TEXT);
        HostPosition position = new HostPosition();
        for (long hva = block.entryHva(); hva < block.entryHva() + block.hostBytes(); hva++) {
            if (fixture.translator.locate(hva, position)
                    && !position.isExiting()
                    && Undo.isVirtualIfWasClear(position.undo())) {
                return hva;
            }
        }
        throw new AssertionError("no such place");
    }

    /** After SWAPGS and with interrupts off, an interrupt would find the user's GS base. */
    @Test
    void interruptIsNotTakenInTheKernelBeforeAnIretThatOnlyWouldEnableIt() {
        fixture.put(ExitFixture.TEXT, "48 cf");
        state.setRflags(0);
        guest.page.set(VcpuPageLayout.STUB_GUEST_RIP, ExitFixture.TEXT);
        transport.scripts.add(
                () -> {
                    transport.hostRip = insideIret();
                    transport.kernel = true;
                    guest.page.set(VcpuPageLayout.VIRTUAL_IF, Rflags.IF);
                    fixture.apic.raise(DEVICE_VECTOR, false);
                    return Stop.KICK;
                });
        run();
        assertEquals(0, guest.events.count(DEVICE_VECTOR));
        assertEquals(ExitFixture.TEXT, state.rip());
        assertFalse(state.interruptsEnabled());
    }

    private long insideIret() {
        GatePosition position = new GatePosition();
        long start = fixture.gate.iretHva();
        for (long hva = start; hva < AddressMap.GATE_CODE_HVA + 0x1_0000; hva++) {
            fixture.gate.locate(hva, position);
            if (position.kind() == GatePosition.Kind.BEFORE
                    && Undo.isVirtualIfWasClear(position.undo())) {
                return hva;
            }
        }
        throw new AssertionError("no such place");
    }

    @Test
    void slowReturnToUserModeTakesThePendingInterruptThere() {
        fixture.put(ExitFixture.TEXT, "48 0f 07");
        state.setRflags(0);
        exits(ExitReason.SYSRET_SLOW, ExitFixture.TEXT);
        state.setGpr(GuestState.RCX, 0x40_1000);
        state.setGpr(GuestState.R11, Rflags.IF);
        fixture.apic.raise(DEVICE_VECTOR, false);
        run();
        assertEquals(GuestFixture.handler(DEVICE_VECTOR), state.rip());
        assertEquals(0x40_1000, guest.getLong(GuestFixture.RSP0 - 40));
        assertEquals(1, vcpu.statistics().count(Kind.SLOW_RETURN));
    }

    @Test
    void indirectBranchGoesToItsTarget() {
        fixture.put(ExitFixture.TEXT + 0x20, "f4");
        guest.page.set(VcpuPageLayout.EXIT_DETAIL, ExitFixture.TEXT + 0x20);
        exits(ExitReason.INDIRECT, ExitFixture.TEXT);
        run();
        assertEquals(ExitFixture.TEXT + 0x20, state.rip());
    }

    @Test
    void haltEndsWithTheNextInterrupt() {
        fixture.put(ExitFixture.TEXT, "f4");
        transport.scripts.add(
                () -> {
                    guest.page.set(VcpuPageLayout.EXIT_REASON, ExitReason.INSTRUCTION.code());
                    transport.process.setRip(ExitFixture.TEXT);
                    fixture.apic.raise(DEVICE_VECTOR, false);
                    return Stop.EXIT;
                });
        run();
        assertEquals(GuestFixture.handler(DEVICE_VECTOR), state.rip());
        assertEquals(ExitFixture.TEXT + 1, guest.getLong(state.gpr(GuestState.RSP)));
        assertEquals(1, vcpu.statistics().count(Kind.HALT));
    }

    @Test
    void haltWithInterruptsOffEndsTheGuest() {
        fixture.put(ExitFixture.TEXT, "f4");
        state.setRflags(0);
        exits(ExitReason.INSTRUCTION, ExitFixture.TEXT);
        assertThrows(GuestHaltedException.class, vcpu::run);
    }
}
