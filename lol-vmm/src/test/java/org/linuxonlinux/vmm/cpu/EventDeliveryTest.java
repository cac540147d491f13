// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.cpu.GuestFixture.INTERRUPT_GATE;
import static org.linuxonlinux.vmm.cpu.GuestFixture.IST1;
import static org.linuxonlinux.vmm.cpu.GuestFixture.IST2;
import static org.linuxonlinux.vmm.cpu.GuestFixture.KERNEL_RSP;
import static org.linuxonlinux.vmm.cpu.GuestFixture.RSP0;
import static org.linuxonlinux.vmm.cpu.GuestFixture.TRAP_GATE;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.mmu.GuestTables;

final class EventDeliveryTest {
    private static final int TIMER = 0xec;
    private static final long USER_RSP = 0x7fff_1234_5678L;
    private static final long USER_RIP = 0x5555_0000_1234L;
    private static final long KERNEL_RIP = 0xffff_ffff_8100_1234L;
    private static final long FLAGS = Rflags.FIXED | Rflags.IF | Rflags.CF;

    private final GuestFixture guest = new GuestFixture();
    private final EventDelivery events = guest.events;
    private final GuestState state = guest.state;

    @AfterEach
    void close() {
        guest.close();
    }

    /** The frame below a stack top: SS, RSP, RFLAGS, CS, RIP. */
    private void assertFrame(long top, long ss, long rsp, long flags, long cs, long rip) {
        assertEquals(ss, guest.getLong(top - 8), "SS");
        assertEquals(rsp, guest.getLong(top - 16), "RSP");
        assertEquals(Long.toHexString(flags), Long.toHexString(guest.getLong(top - 24)), "RFLAGS");
        assertEquals(cs, guest.getLong(top - 32), "CS");
        assertEquals(rip, guest.getLong(top - 40), "RIP");
    }

    private void assertAtHandler(int vector) {
        assertEquals(Long.toHexString(GuestFixture.handler(vector)), Long.toHexString(state.rip()));
        assertTrue(state.isKernelMode());
        assertEquals(GuestFixture.KERNEL_CS, state.cs());
    }

    /** Error code on top of the stack that the state is on. */
    private long errorCode() {
        return guest.getLong(state.gpr(RSP));
    }

    @Nested
    final class Frames {
        @Test
        void anInterruptFromUserModeSwitchesToRsp0() {
            guest.userMode();
            events.interrupt(state, TIMER);
            assertAtHandler(TIMER);
            assertFrame(RSP0, 0x2b, USER_RSP, FLAGS, 0x33, USER_RIP);
            assertEquals(RSP0 - 40, state.gpr(RSP));
            assertEquals(0, state.ss(), "null SS after a change of privilege");
            assertEquals(1, events.count(TIMER));
        }

        @Test
        void anInterruptInKernelModeStaysOnTheAlignedStack() {
            state.setGpr(RSP, KERNEL_RSP - 0x18);
            events.interrupt(state, TIMER);
            assertAtHandler(TIMER);
            assertFrame(KERNEL_RSP - 0x20, 0x18, KERNEL_RSP - 0x18, FLAGS, 0x10, KERNEL_RIP);
            assertEquals(KERNEL_RSP - 0x20 - 40, state.gpr(RSP));
            assertEquals(0x18, state.ss());
        }

        @ParameterizedTest
        @ValueSource(booleans = {false, true})
        void anInterruptStackIsTakenFromEitherMode(boolean fromUser) {
            if (fromUser) {
                guest.userMode();
            }
            long rsp = state.gpr(RSP);
            guest.gate(Vector.DB, INTERRUPT_GATE, 2, 0);
            events.exception(state, Vector.DB);
            assertEquals(IST2 - 40, state.gpr(RSP));
            assertEquals(rsp, guest.getLong(IST2 - 16));
        }

        @Test
        void anErrorCodeLiesBelowRip() {
            guest.userMode();
            events.exception(state, Vector.GP, 0x1234);
            assertFrame(RSP0, 0x2b, USER_RSP, FLAGS | Rflags.RF, 0x33, USER_RIP);
            assertEquals(RSP0 - 48, state.gpr(RSP));
            assertEquals(0x1234, errorCode());
        }

        @ParameterizedTest
        @ValueSource(ints = {8, 10, 11, 12, 13, 14, 17})
        void theseExceptionsHaveAnErrorCode(int vector) {
            events.exception(state, vector, 0);
            assertEquals(KERNEL_RSP - 48, state.gpr(RSP));
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 3, 4, 5, 6, 7, 9, 16, 18, 19, 20})
        void theseExceptionsHaveNone(int vector) {
            events.exception(state, vector, 0);
            assertEquals(KERNEL_RSP - 40, state.gpr(RSP));
        }

        @Test
        void interruptsWithTheNumberOfAnExceptionHaveNoErrorCode() {
            events.softwareInterrupt(state, Vector.GP, KERNEL_RIP - 2);
            assertEquals(KERNEL_RSP - 40, state.gpr(RSP));
            guest.kernelMode();
            events.interrupt(state, Vector.PF);
            assertEquals(KERNEL_RSP - 40, state.gpr(RSP));
        }

        @Test
        void aPageFaultSetsCr2() {
            guest.userMode();
            events.pageFault(state, 0x1234_5678, 6);
            assertAtHandler(Vector.PF);
            assertEquals(0x1234_5678, guest.control.cr2());
            assertEquals(6, errorCode());
        }

        @Test
        void faultsSaveRfAndTrapsDoNot() {
            events.exception(state, Vector.UD);
            assertEquals(FLAGS | Rflags.RF, guest.getLong(KERNEL_RSP - 24));
            guest.kernelMode();
            events.exception(state, Vector.DB);
            assertEquals(FLAGS, guest.getLong(KERNEL_RSP - 24));
            guest.kernelMode();
            events.softwareInterrupt(state, Vector.BP, KERNEL_RIP - 1);
            assertEquals(FLAGS, guest.getLong(KERNEL_RSP - 24));
        }

        @Test
        void aHandlerAddressUsesAll64Bits() {
            long handler = 0xffff_fe12_3456_789aL;
            guest.rawGate(TIMER, 0x8e, 0, handler);
            events.interrupt(state, TIMER);
            assertEquals(handler, state.rip());
        }
    }

    @Nested
    final class Flags {
        private static final long SET =
                Rflags.IF | Rflags.TF | Rflags.NT | Rflags.RF | Rflags.DF | Rflags.AC;

        @Test
        void anInterruptGateClearsIfTfNtRf() {
            state.setRflags(SET);
            events.interrupt(state, TIMER);
            assertEquals(Rflags.FIXED | Rflags.DF | Rflags.AC, state.rflags());
            assertEquals(SET | Rflags.FIXED, guest.getLong(KERNEL_RSP - 24));
        }

        @Test
        void aTrapGateLeavesIfAlone() {
            guest.gate(TIMER, TRAP_GATE, 0, 0);
            state.setRflags(SET);
            events.interrupt(state, TIMER);
            assertEquals(Rflags.FIXED | Rflags.IF | Rflags.DF | Rflags.AC, state.rflags());
        }
    }

    @Nested
    final class SoftwareInterrupts {
        private static final int VECTOR = 0x80;

        @Test
        void fromUserModeNeedAGateThatIsOpenToIt() {
            guest.gate(VECTOR, INTERRUPT_GATE, 0, 3);
            guest.userMode();
            events.softwareInterrupt(state, VECTOR, USER_RIP - 2);
            assertAtHandler(VECTOR);
            assertFrame(RSP0, 0x2b, USER_RSP, FLAGS, 0x33, USER_RIP);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 2})
        void areAProtectionFaultAtTheInstructionOtherwise(int dpl) {
            guest.gate(VECTOR, INTERRUPT_GATE, 0, dpl);
            guest.userMode();
            events.softwareInterrupt(state, VECTOR, USER_RIP - 2);
            assertAtHandler(Vector.GP);
            assertEquals(VECTOR * 8 + 2, errorCode());
            assertFrame(RSP0, 0x2b, USER_RSP, FLAGS | Rflags.RF, 0x33, USER_RIP - 2);
        }

        @Test
        void fromKernelModeNeedNoPrivilege() {
            events.softwareInterrupt(state, VECTOR, KERNEL_RIP - 2);
            assertAtHandler(VECTOR);
        }

        @ParameterizedTest
        @ValueSource(booleans = {false, true})
        void beyondTheTableAreAProtectionFault(boolean fromUser) {
            guest.tables.setIdtr(GuestFixture.IDT, VECTOR * 16 - 1);
            if (fromUser) {
                guest.userMode();
            }
            long start = state.rip() - 2;
            events.softwareInterrupt(state, VECTOR, start);
            assertAtHandler(Vector.GP);
            assertEquals(VECTOR * 8 + 2, errorCode());
            assertEquals(start, guest.getLong(state.gpr(RSP) + 8));
        }

        @Test
        void whoseGateIsAbsentReportTheInstruction() {
            guest.rawGate(VECTOR, 0x6e, 0, GuestFixture.handler(VECTOR));
            guest.userMode();
            events.softwareInterrupt(state, VECTOR, USER_RIP - 2);
            assertAtHandler(Vector.NP);
            assertEquals(VECTOR * 8 + 2, errorCode());
            assertEquals(USER_RIP - 2, guest.getLong(state.gpr(RSP) + 8));
        }

        @Test
        void whoseStackFaultsReportTheInstruction() {
            guest.gate(Vector.PF, INTERRUPT_GATE, 1, 0);
            state.setGpr(RSP, GuestFixture.FREE);
            guest.unmap(GuestFixture.FREE - 0x1000);
            events.softwareInterrupt(state, VECTOR, KERNEL_RIP - 2);
            assertAtHandler(Vector.PF);
            assertFrame(IST1, 0x18, GuestFixture.FREE, FLAGS | Rflags.RF, 0x10, KERNEL_RIP - 2);
        }
    }

    @Nested
    final class FaultsOnTheWay {
        private void breakStack() {
            state.setGpr(RSP, GuestFixture.FREE);
            guest.unmap(GuestFixture.FREE - 0x1000);
        }

        @ParameterizedTest(name = "type byte {0} raises {1}")
        @CsvSource({
            "0x00, 13",
            "0x8c, 13",
            "0x8f, -1",
            "0x8e, -1",
            "0x0e, 11",
            "0x0f, 11",
            "0x9e, 13"
        })
        void dependOnWhatIsWrongWithTheGate(String typeByte, int raised) {
            guest.rawGate(TIMER, Integer.decode(typeByte), 0, GuestFixture.handler(TIMER));
            events.interrupt(state, TIMER);
            assertAtHandler(raised < 0 ? TIMER : raised);
            if (raised >= 0) {
                assertEquals(TIMER * 8 + 3, errorCode(), "IDT and EXT");
                assertEquals(KERNEL_RIP, guest.getLong(state.gpr(RSP) + 8));
            }
        }

        @Test
        void includeAHandlerThatIsNotCanonical() {
            guest.rawGate(TIMER, 0x8e, 0, 0x1234_5678_9abc_def0L);
            events.interrupt(state, TIMER);
            assertAtHandler(Vector.GP);
            assertEquals(1, errorCode());
        }

        @Test
        void ofTheStackLeaveTheStateAsItWas() {
            guest.gate(Vector.PF, INTERRUPT_GATE, 1, 0);
            breakStack();
            events.interrupt(state, TIMER);
            assertAtHandler(Vector.PF);
            assertEquals(2, errorCode());
            assertEquals(GuestFixture.FREE - 40, guest.control.cr2());
            assertFrame(IST1, 0x18, GuestFixture.FREE, FLAGS | Rflags.RF, 0x10, KERNEL_RIP);
        }

        @Test
        void ofAStackThatIsNotCanonicalAreStackFaults() {
            guest.gate(Vector.SS, INTERRUPT_GATE, 1, 0);
            state.setGpr(RSP, 0x1234_5678_9abc_def0L);
            events.interrupt(state, TIMER);
            assertAtHandler(Vector.SS);
            assertEquals(1, errorCode());
        }

        @Test
        void inThePageFaultHandlersStackAreADoubleFault() {
            guest.gate(Vector.DF, INTERRUPT_GATE, 1, 0);
            breakStack();
            events.pageFault(state, 0x1000, 0);
            assertAtHandler(Vector.DF);
            assertEquals(0, errorCode());
            assertEquals(IST1 - 48, state.gpr(RSP));
            assertEquals(GuestFixture.FREE - 48, guest.control.cr2(), "the second address");
            assertEquals(FLAGS, guest.getLong(IST1 - 24), "an abort saves no RF");
        }

        @ParameterizedTest(name = "{0} then {1} gives {2}")
        @CsvSource({
            // Missing gates raise #NP, which is contributory.
            "0, 11, 8", "10, 11, 8", "11, 13, 8", "12, 11, 8", "13, 11, 8", "14, 11, 8",
            "14, 13, 8", "1, 11, 11", "3, 11, 11", "6, 13, 13", "7, 11, 11", "16, 11, 11",
            "17, 13, 13", "19, 11, 11",
        })
        void doubleAsTheTableSays(int first, int second, int result) {
            int typeByte = second == Vector.NP ? 0x0e : 0x85;
            guest.rawGate(first, typeByte, 0, GuestFixture.handler(first));
            guest.gate(Vector.DF, INTERRUPT_GATE, 1, 0);
            events.exception(state, first);
            assertAtHandler(result);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 10, 11, 12, 13})
        void thatArePageFaultsAfterAContributoryOneAreDeliveredAsThemselves(int first) {
            guest.gate(Vector.PF, INTERRUPT_GATE, 1, 0);
            breakStack();
            events.exception(state, first);
            assertAtHandler(Vector.PF);
        }

        @Test
        void doNotDoubleForInterruptsWithTheNumberOfAContributoryException() {
            guest.rawGate(Vector.GP, 0x0e, 0, GuestFixture.handler(Vector.GP));
            events.softwareInterrupt(state, Vector.GP, KERNEL_RIP - 2);
            assertAtHandler(Vector.NP);
        }

        @Test
        void duringADoubleFaultEndTheGuest() {
            breakStack();
            GuestDiedException death =
                    assertThrows(
                            GuestDiedException.class, () -> events.pageFault(state, 0x1000, 0));
            assertTrue(death.getMessage().contains("triple fault: vector=14"));
            assertTrue(death.getMessage().contains("guestRip=0xffffffff81001234"));
        }

        @Test
        void withoutAnIdtEndTheGuest() {
            guest.tables.setIdtr(0, 0);
            assertThrows(GuestDiedException.class, () -> events.exception(state, Vector.UD));
        }

        @Test
        void inAnIdtThatIsNotMappedEndTheGuest() {
            guest.unmap(GuestFixture.IDT);
            assertThrows(GuestDiedException.class, () -> events.interrupt(state, TIMER));
        }

        @Test
        void inTheTaskStateSegmentArePageFaults() {
            guest.gate(Vector.PF, INTERRUPT_GATE, 0, 0);
            guest.gate(Vector.DF, INTERRUPT_GATE, 0, 0);
            guest.userMode();
            guest.unmap(GuestFixture.TSS);
            assertThrows(GuestDiedException.class, () -> events.interrupt(state, TIMER));
            assertFalse(state.isKernelMode());
        }
    }

    @Nested
    final class AcrossPages {
        @Test
        void aFrameMayLieInTwoPages() {
            state.setGpr(RSP, GuestFixture.FREE + 0x10);
            guest.pageTables.map(
                    GuestFixture.FREE - 0x1000,
                    0x20_0000,
                    GuestTables.SIZE_4K,
                    GuestTables.P | GuestTables.W);
            events.interrupt(state, TIMER);
            assertEquals(0x18, guest.getLong(GuestFixture.FREE + 8));
            assertEquals(KERNEL_RIP, guest.memory.getLong(0x20_1000 - 24));
        }

        @Test
        void aFrameWhoseUpperPageIsAbsentLeavesTheStateAlone() {
            guest.gate(Vector.PF, INTERRUPT_GATE, 1, 0);
            state.setGpr(RSP, GuestFixture.FREE + 0x10);
            guest.unmap(GuestFixture.FREE);
            events.interrupt(state, TIMER);
            assertAtHandler(Vector.PF);
            assertEquals(GuestFixture.FREE + 0x10, guest.getLong(IST1 - 16));
            assertEquals(GuestFixture.FREE + 8, guest.control.cr2());
        }
    }
}
