// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.GeneralProtectionException;

/** Drives the APIC by register, as a kernel does. MSR numbers are those of Intel SDM table 11-6. */
final class LocalApicTest {
    private static final int TPR = 0x808;
    private static final int PPR = 0x80a;
    private static final int EOI = 0x80b;
    private static final int SIVR = 0x80f;
    private static final int ISR0 = 0x810;
    private static final int TMR0 = 0x818;
    private static final int IRR0 = 0x820;
    private static final int ESR = 0x828;
    private static final int ICR = 0x830;
    private static final int LVT_TIMER = 0x832;
    private static final int LVT_LINT0 = 0x835;
    private static final int INIT_COUNT = 0x838;
    private static final int CUR_COUNT = 0x839;
    private static final int DIV_CONF = 0x83e;
    private static final int SELF_IPI = 0x83f;
    private static final int TSC_DEADLINE = 0x6e0;
    private static final int APIC_BASE = 0x1b;

    private static final long X2APIC_MODE = 0xfee0_0d00L;
    private static final long XAPIC_MODE = 0xfee0_0900L;
    private static final long APIC_OFF = 0xfee0_0100L;

    private static final int ENABLE_WITH_SPURIOUS_FF = 0x1ff;
    private static final int DIVIDE_BY_1 = 0xb;
    private static final int PERIODIC = 1 << 17;
    private static final int TSC_DEADLINE_MODE = 2 << 17;
    private static final int MASKED = 1 << 16;

    private final ManualTime time = new ManualTime();
    private final TscClock clock = new TscClock(time, ManualTime.TSC_KHZ);
    private final LocalApic apic = new LocalApic(0, clock);
    private final List<Integer> ended = new ArrayList<>();
    private int kicks;

    @BeforeEach
    void connect() {
        apic.connectKick(() -> kicks++);
        apic.connectEoi(ended::add);
        apic.writeMsr(APIC_BASE, X2APIC_MODE);
        apic.writeMsr(SIVR, ENABLE_WITH_SPURIOUS_FF);
    }

    private void assertFaults(int msr, long value) {
        assertThrows(
                GeneralProtectionException.class,
                () -> apic.writeMsr(msr, value),
                () -> "write msr=0x" + Integer.toHexString(msr));
    }

    private void expireAfter(long nanos) {
        time.advance(nanos);
        apic.expireTimers(time.nanoTime());
    }

    @Nested
    class Identity {
        @Test
        void inX2ApicModeIdsHave32Bits() {
            assertEquals(X2APIC_MODE, apic.readMsr(APIC_BASE));
            assertEquals(0, apic.readMsr(0x802));
            assertEquals(0x5_0014, apic.readMsr(0x803));
            assertEquals(1, apic.readMsr(0x80d));
            LocalApic other = new LocalApic(0x13, clock);
            other.writeMsr(APIC_BASE, 0xfee0_0c00L);
            assertEquals(0x13, other.readMsr(0x802));
            assertEquals(0x1_0008, other.readMsr(0x80d));
        }

        @Test
        void isSoftwareDisabledWithAllEntriesMaskedAtFirst() {
            LocalApic fresh = new LocalApic(0, clock);
            fresh.writeMsr(APIC_BASE, X2APIC_MODE);
            assertEquals(0xff, fresh.readMsr(SIVR));
            for (int msr = LVT_TIMER; msr <= 0x837; msr++) {
                assertEquals(MASKED, fresh.readMsr(msr));
            }
            fresh.raise(0x30, false);
            assertFalse(fresh.hasDeliverable());
        }
    }

    /** IA32_APIC_BASE (Intel SDM vol. 3A §11.12.5). */
    @Nested
    class Modes {
        @Test
        void startsInXApicModeAsFirmwareLeavesIt() {
            LocalApic fresh = new LocalApic(0, clock);
            assertEquals(XAPIC_MODE, fresh.readMsr(APIC_BASE));
            assertEquals(0xfee0_0800L, new LocalApic(3, clock).readMsr(APIC_BASE));
            assertTrue(fresh.isXApic());
            assertTrue(fresh.isEnabled());
            assertThrows(GeneralProtectionException.class, () -> fresh.readMsr(SIVR));
            assertThrows(GeneralProtectionException.class, () -> fresh.writeMsr(EOI, 0));
        }

        @Test
        void x2ApicModeIsLeftOnlyByDisabling() {
            apic.writeMsr(APIC_BASE, X2APIC_MODE);
            assertFaults(APIC_BASE, XAPIC_MODE);
            apic.writeMsr(APIC_BASE, APIC_OFF);
            assertFalse(apic.isEnabled());
            assertFaults(APIC_BASE, X2APIC_MODE);
            apic.writeMsr(APIC_BASE, XAPIC_MODE);
            assertTrue(apic.isXApic());
        }

        @Test
        void disablingResets() {
            apic.raise(0x40, false);
            apic.writeMsr(LVT_TIMER, 0xec);
            apic.writeMsr(INIT_COUNT, 1_000);
            apic.writeMsr(APIC_BASE, APIC_OFF);
            assertFalse(apic.hasDeliverable());
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
            apic.raise(0x41, false);
            assertFalse(apic.hasDeliverable());
            apic.writeMsr(APIC_BASE, XAPIC_MODE);
            assertEquals(0xff, apic.readRegister(0xf));
            assertEquals(MASKED, apic.readRegister(0x32));
        }

        @ParameterizedTest
        @ValueSource(
                longs = {
                    0xfee0_0500L, // x2APIC mode without enabling
                    0xfee0_1d00L, // moved
                    0xfee0_0c00L, // another processor's
                    0xfee0_0d01L, // reserved
                    0x10_fee0_0d00L
                })
        void othersFault(long base) {
            assertFaults(APIC_BASE, base);
        }
    }

    /** Registers in memory; numbers are offsets divided by 16 (Intel SDM table 11-1). */
    @Nested
    class InMemory {
        private final LocalApic xapic = new LocalApic(5, clock);

        @BeforeEach
        void enable() {
            xapic.connectKick(() -> kicks++);
            xapic.connectEoi(ended::add);
            xapic.writeRegister(0xf, ENABLE_WITH_SPURIOUS_FF);
        }

        @Test
        void identityIsInTheUpperByte() {
            assertEquals(5 << 24, xapic.readRegister(0x2));
            assertEquals(0x5_0014, xapic.readRegister(0x3));
            assertEquals(0, xapic.readRegister(0xd));
            assertEquals(-1, xapic.readRegister(0xe));
        }

        @Test
        void anInterruptIsServedAndEnded() {
            xapic.raise(0x41, true);
            assertEquals(2, xapic.readRegister(0x22));
            assertEquals(0x41, xapic.acknowledge());
            assertEquals(2, xapic.readRegister(0x12));
            assertEquals(0x40, xapic.readRegister(0xa) & 0xf0);
            xapic.writeRegister(0xb, 0x1234); // any value ends it
            assertEquals(0, xapic.readRegister(0x12));
            assertEquals(List.of(0x41), ended);
        }

        @Test
        void theTimerRunsInAllItsModes() {
            xapic.writeRegister(0x3e, DIVIDE_BY_1);
            xapic.writeRegister(0x32, PERIODIC | 0xec);
            xapic.writeRegister(0x38, 1_000);
            time.advance(400);
            assertEquals(600, xapic.readRegister(0x39));
            time.advance(600);
            xapic.expireTimers(time.nanoTime());
            assertEquals(0xec, xapic.acknowledge());
            xapic.writeRegister(0xb, 0);
            xapic.writeRegister(0x32, TSC_DEADLINE_MODE | 0xed);
            assertEquals(LocalApic.NEVER, xapic.nextDeadlineNanos());
            xapic.writeMsr(TSC_DEADLINE, 1);
            xapic.expireTimers(time.nanoTime());
            assertEquals(0xed, xapic.acknowledge());
        }

        @Test
        void anIpiIsSentByTheLowHalfOfTheCommandRegister() {
            xapic.writeRegister(0x31, 5 << 24 | 0xff_ffff);
            assertFalse(xapic.hasDeliverable());
            xapic.writeRegister(0x30, 0x10f1); // busy bit is read-only
            assertEquals(5 << 24, xapic.readRegister(0x31));
            assertEquals(0xf1, xapic.readRegister(0x30));
            assertEquals(0xf1, xapic.acknowledge());
            xapic.writeRegister(0xb, 0);
            xapic.writeRegister(0x31, 4 << 24);
            xapic.writeRegister(0x30, 0xf2);
            assertFalse(xapic.hasDeliverable(), "for processor 4");
            xapic.writeRegister(0x30, 0x4_00f3);
            assertEquals(0xf3, xapic.acknowledge());
        }

        @ParameterizedTest
        @CsvSource({
            // LDR, DFR, destination, addressed
            "0x20000000, 0xffffffff, 0x20, true", // flat: any common bit
            "0x20000000, 0xffffffff, 0x61, true",
            "0x20000000, 0xffffffff, 0x40, false",
            "0x32000000, 0x0fffffff, 0x3a, true", // cluster 3, members 1 and 3
            "0x32000000, 0x0fffffff, 0x2a, false", // cluster 2
            "0x32000000, 0x0fffffff, 0x38, false",
            "0x00000000, 0xffffffff, 0xff, true" // all
        })
        void logicalDestinationsFollowTheFormatRegister(
                String ldr, String dfr, String destination, boolean addressed) {
            xapic.writeRegister(0xd, Long.decode(ldr).intValue());
            xapic.writeRegister(0xe, Long.decode(dfr).intValue());
            assertEquals(addressed, xapic.isAddressed(Integer.decode(destination), true));
        }

        @Test
        void reservedBitsAreIgnored() {
            xapic.writeRegister(0x8, 0xabcd_ef40);
            assertEquals(0x40, xapic.readRegister(0x8));
            assertEquals(0x40, xapic.taskPriority());
            xapic.writeRegister(0x3e, -1);
            assertEquals(0xb, xapic.readRegister(0x3e));
            xapic.writeRegister(0xd, -1);
            assertEquals(0xff << 24, xapic.readRegister(0xd));
            xapic.writeRegister(0x37, -1);
            assertEquals(MASKED | 0xff, xapic.readRegister(0x37));
        }

        @Test
        void whatIsNotThereShowsInTheErrorRegister() {
            assertEquals(0, xapic.readRegister(0x3f)); // no self IPI register in memory
            xapic.writeRegister(0x28, 0);
            assertEquals(1 << 7, xapic.readRegister(0x28));
            xapic.writeRegister(0x28, 0);
            assertEquals(0, xapic.readRegister(0x28));
            xapic.writeRegister(0x2, 0); // the ID cannot be changed
            assertEquals(5 << 24, xapic.readRegister(0x2));
            xapic.writeRegister(0x28, 0);
            assertEquals(1 << 7, xapic.readRegister(0x28));
        }
    }

    @Nested
    class Priorities {
        @Test
        void deliversTheHighestVectorFirst() {
            apic.raise(0x41, false);
            apic.raise(0x91, false);
            apic.raise(0x51, false);
            assertEquals(0x91, apic.acknowledge());
            assertFalse(apic.hasDeliverable(), "lower ones wait for the EOI");
            apic.writeMsr(EOI, 0);
            assertTrue(apic.hasDeliverable());
            assertEquals(0x51, apic.acknowledge());
        }

        @Test
        void aHigherClassInterruptsALowerOne() {
            apic.raise(0x51, false);
            apic.acknowledge();
            apic.raise(0x5f, false);
            assertFalse(apic.hasDeliverable(), "same class");
            apic.raise(0x60, false);
            assertTrue(apic.hasDeliverable());
            assertEquals(0x60, apic.acknowledge());
            assertEquals(0x60, apic.readMsr(PPR));
        }

        @Test
        void taskPriorityHoldsInterruptsBack() {
            apic.writeMsr(TPR, 0x50);
            apic.raise(0x5f, false);
            assertFalse(apic.hasDeliverable());
            assertEquals(0x50, apic.readMsr(PPR));
            int before = kicks;
            apic.writeMsr(TPR, 0x4f);
            assertTrue(apic.hasDeliverable());
            assertEquals(before + 1, kicks);
        }

        @Test
        void oneRequestIsOneInterruptHoweverOftenRaised() {
            apic.raise(0x40, false);
            apic.raise(0x40, false);
            assertEquals(0x40, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            assertFalse(apic.hasDeliverable());
        }

        @Test
        void aRequestDuringServiceIsKept() {
            apic.raise(0x40, false);
            apic.acknowledge();
            apic.raise(0x40, false);
            assertFalse(apic.hasDeliverable());
            apic.writeMsr(EOI, 0);
            assertEquals(0x40, apic.acknowledge());
        }

        @Test
        void acknowledgingNothingGivesTheSpuriousVector() {
            apic.writeMsr(SIVR, 0x1ef);
            assertEquals(0xef, apic.acknowledge());
            apic.writeMsr(EOI, 0); // nothing in service: no effect
        }

        @Test
        void kicksOnceWhenSomethingBecomesDeliverable() {
            apic.raise(0x40, false);
            apic.raise(0x41, false);
            assertEquals(1, kicks);
        }
    }

    @Nested
    class Registers {
        @Test
        void requestsAndServiceShowIn32BitWords() {
            apic.raise(0x40, true);
            apic.raise(0xff, false);
            assertEquals(1, apic.readMsr(IRR0 + 2));
            assertEquals(0x8000_0000L, apic.readMsr(IRR0 + 7));
            assertEquals(1, apic.readMsr(TMR0 + 2));
            apic.acknowledge();
            assertEquals(0x8000_0000L, apic.readMsr(ISR0 + 7));
            assertEquals(0, apic.readMsr(IRR0 + 7));
        }

        @Test
        void levelInterruptsTellTheIoApicOfTheirEnd() {
            apic.raise(0x40, true);
            apic.raise(0x50, false);
            apic.acknowledge();
            apic.writeMsr(EOI, 0);
            assertEquals(List.of(), ended);
            apic.acknowledge();
            apic.writeMsr(EOI, 0);
            assertEquals(List.of(0x40), ended);
        }

        @ParameterizedTest
        @ValueSource(ints = {0x800, 0x801, 0x804, 0x80b, 0x80e, 0x82f, 0x831, 0x83a, 0x83f})
        void readingWhatIsNotThereFaults(int msr) {
            assertThrows(GeneralProtectionException.class, () -> apic.readMsr(msr));
        }

        @ParameterizedTest
        @CsvSource({
            "0x802, 0", // read-only
            "0x803, 0",
            "0x80a, 0",
            "0x80d, 0",
            "0x810, 0",
            "0x820, 0",
            "0x839, 0",
            "0x808, 0x100", // reserved bits
            "0x80b, 1",
            "0x80f, 0x400",
            "0x828, 1",
            "0x832, 0x80000",
            "0x837, 0x100",
            "0x838, 0x100000000",
            "0x83e, 4",
            "0x83f, 0x100",
            "0x830, 0x1000" // delivery status is gone in x2APIC mode
        })
        void writingWhatIsReservedFaults(String msr, String value) {
            assertFaults(Integer.decode(msr), Long.decode(value));
        }

        @Test
        void disablingMasksTheLocalVectorTable() {
            apic.writeMsr(LVT_LINT0, 0x700); // ExtINT, unmasked
            assertEquals(0x700, apic.readMsr(LVT_LINT0));
            apic.writeMsr(SIVR, 0xff);
            assertEquals(0x700 | MASKED, apic.readMsr(LVT_LINT0));
            apic.writeMsr(LVT_LINT0, 0x700);
            assertEquals(0x700 | MASKED, apic.readMsr(LVT_LINT0), "stays masked while disabled");
        }

        @Test
        void everyMsrIsOwned() {
            assertTrue(LocalApic.owns(APIC_BASE));
            assertTrue(LocalApic.owns(TSC_DEADLINE));
            assertTrue(LocalApic.owns(0x800));
            assertTrue(LocalApic.owns(0x83f));
            assertFalse(LocalApic.owns(0x840));
            assertFalse(LocalApic.owns(0x10));
        }
    }

    @Nested
    class InterprocessorInterrupts {
        @Test
        void reachThisProcessorByIdShorthandAndBroadcast() {
            apic.writeMsr(ICR, 0x4_00f1 & ~0x4_0000); // physical, destination 0
            assertEquals(0xf1, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            apic.writeMsr(ICR, 0x4_00f2); // self
            assertEquals(0xf2, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            apic.writeMsr(ICR, 0x8_00f3); // all including self
            assertEquals(0xf3, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            apic.writeMsr(ICR, 0xffff_ffff_0000_00f4L);
            assertEquals(0xf4, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            apic.writeMsr(SELF_IPI, 0xf5);
            assertEquals(0xf5, apic.acknowledge());
        }

        @Test
        void toOthersGoNowhere() {
            apic.writeMsr(ICR, 0xc_00f1); // all but self
            apic.writeMsr(ICR, 0x1_0000_00f1L); // destination 1
            apic.writeMsr(ICR, 0x1_0000_4500L); // INIT to processor 1
            apic.writeMsr(ICR, 0x1_0000_4608L); // start-up
            assertFalse(apic.hasDeliverable());
            assertEquals(0x1_0000_4608L, apic.readMsr(ICR));
        }

        @Test
        void illegalVectorsShowInTheErrorRegister() {
            apic.writeMsr(SELF_IPI, 5);
            assertEquals(0, apic.readMsr(ESR), "latched by a write only");
            apic.writeMsr(ESR, 0);
            assertEquals(1 << 6, apic.readMsr(ESR));
            apic.writeMsr(ICR, 0x4_0005);
            apic.writeMsr(ESR, 0);
            assertEquals(1 << 5, apic.readMsr(ESR));
        }
    }

    @Nested
    class Timer {
        @Test
        void oneShotFiresOnceAndCountsDown() {
            apic.writeMsr(DIV_CONF, DIVIDE_BY_1);
            apic.writeMsr(LVT_TIMER, 0xec);
            apic.writeMsr(INIT_COUNT, 1_000);
            assertEquals(time.nanoTime() + 1_000, apic.nextDeadlineNanos());
            expireAfter(400);
            assertEquals(600, apic.readMsr(CUR_COUNT));
            assertFalse(apic.hasDeliverable());
            expireAfter(600);
            assertEquals(0xec, apic.acknowledge());
            assertEquals(0, apic.readMsr(CUR_COUNT));
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
        }

        /** The divide configuration register's codes (Intel SDM figure 11-10). */
        @ParameterizedTest
        @CsvSource({
            "0x0, 2",
            "0x1, 4",
            "0x2, 8",
            "0x3, 16",
            "0x8, 32",
            "0x9, 64",
            "0xa, 128",
            "0xb, 1"
        })
        void divides(String code, long divisor) {
            apic.writeMsr(DIV_CONF, Long.decode(code));
            apic.writeMsr(INIT_COUNT, 1_000);
            assertEquals(time.nanoTime() + 1_000 * divisor, apic.nextDeadlineNanos());
        }

        @Test
        void periodicKeepsItsPhase() {
            apic.writeMsr(DIV_CONF, DIVIDE_BY_1);
            apic.writeMsr(LVT_TIMER, PERIODIC | 0xec);
            long start = time.nanoTime();
            apic.writeMsr(INIT_COUNT, 1_000);
            expireAfter(1_010);
            assertEquals(0xec, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            assertEquals(start + 2_000, apic.nextDeadlineNanos());
            expireAfter(3_500); // four periods late: one interrupt, next on the grid
            assertEquals(0xec, apic.acknowledge());
            apic.writeMsr(EOI, 0);
            assertFalse(apic.hasDeliverable());
            assertEquals(start + 5_000, apic.nextDeadlineNanos());
        }

        @Test
        void zeroStopsIt() {
            apic.writeMsr(INIT_COUNT, 1_000);
            apic.writeMsr(INIT_COUNT, 0);
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
        }

        @Test
        void aMaskedTimerRunsSilently() {
            apic.writeMsr(LVT_TIMER, MASKED | 0xec);
            apic.writeMsr(INIT_COUNT, 10);
            expireAfter(1_000);
            assertFalse(apic.hasDeliverable());
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
        }

        @Test
        void tscDeadlineFiresAtTheCountersValueAndDisarms() {
            apic.writeMsr(LVT_TIMER, TSC_DEADLINE_MODE | 0xec);
            long deadline = time.tsc() + 2_500;
            apic.writeMsr(TSC_DEADLINE, deadline);
            assertEquals(deadline, apic.readMsr(TSC_DEADLINE));
            assertEquals(time.nanoTime() + 1_000, apic.nextDeadlineNanos());
            expireAfter(999);
            assertFalse(apic.hasDeliverable());
            expireAfter(1);
            assertTrue(apic.hasDeliverable());
            assertEquals(1, kicks);
            assertEquals(0, apic.readMsr(TSC_DEADLINE));
        }

        /** Translated code sets the deadline behind the APIC's back. */
        @Test
        void aDeadlineWrittenElsewhereCountsOnceAndInOrder() {
            apic.writeMsr(LVT_TIMER, TSC_DEADLINE_MODE | 0xec);
            long[] written = {time.tsc() + 2_500};
            apic.connectDeadline(
                    () -> {
                        long taken = written[0];
                        written[0] = 0;
                        return taken;
                    });
            assertEquals(time.nanoTime() + 1_000, apic.nextDeadlineNanos());
            expireAfter(1_000);
            assertEquals(0xec, apic.acknowledge());
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());

            written[0] = 5;
            apic.writeMsr(TSC_DEADLINE, 0); // the later of the two
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
            long deadline = time.tsc() + 5_000;
            written[0] = deadline;
            assertEquals(deadline, apic.readMsr(TSC_DEADLINE));
            written[0] = deadline;
            apic.writeMsr(LVT_TIMER, 0xec); // leaves the mode, and so disarms
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
            written[0] = deadline; // in the wrong mode
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
        }

        @Test
        void aDeadlineInThePastFiresAtOnce() {
            apic.writeMsr(LVT_TIMER, TSC_DEADLINE_MODE | 0xec);
            apic.writeMsr(TSC_DEADLINE, 1);
            assertTrue(apic.nextDeadlineNanos() <= time.nanoTime());
            expireAfter(0);
            assertTrue(apic.hasDeliverable());
        }

        @Test
        void aDeadlineOutsideItsModeIsIgnored() {
            apic.writeMsr(TSC_DEADLINE, 1_000_000);
            assertEquals(0, apic.readMsr(TSC_DEADLINE));
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
            apic.writeMsr(LVT_TIMER, TSC_DEADLINE_MODE | 0xec);
            apic.writeMsr(INIT_COUNT, 1_000);
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
        }

        @Test
        void changingIntoTscDeadlineModeDisarms() {
            apic.writeMsr(LVT_TIMER, 0xec);
            apic.writeMsr(INIT_COUNT, 1_000);
            apic.writeMsr(LVT_TIMER, TSC_DEADLINE_MODE | 0xec);
            assertEquals(LocalApic.NEVER, apic.nextDeadlineNanos());
            assertFaults(LVT_TIMER, 3 << 17 | 0xec);
        }
    }
}
