// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.math.BigInteger;
import java.time.Instant;
import java.time.InstantSource;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.GeneralProtectionException;

/**
 * The KVM paravirtual clock: on request, writes into guest RAM how to compute time from the TSC
 * (Linux Documentation/virt/kvm/x86/msr.rst and {@code struct pvclock_vcpu_time_info}).
 *
 * <pre>
 *   system time, 32 bytes                     wall clock, 12 bytes
 *    0 version            4                    0 version       4
 *    8 tsc_timestamp      8                    4 seconds       4   of the real time at which
 *   16 system_time        8  nanoseconds       8 nanoseconds   4   system_time was 0
 *   24 tsc_to_system_mul  4
 *   28 tsc_shift          1
 *   29 flags              1
 *
 *   time = system_time + ((tsc − tsc_timestamp) × 2^tsc_shift × tsc_to_system_mul) / 2^32
 * </pre>
 *
 * <p>The TSC's rate is constant and equal on all CPUs here, so each structure is written once. Time
 * starts at 0 when this object is made. vCPU thread only.
 */
public final class PvClock {
    /** Wall clock, first interface. */
    public static final int MSR_KVM_WALL_CLOCK = 0x11;

    /** System time, first interface. */
    public static final int MSR_KVM_SYSTEM_TIME = 0x12;

    /** Wall clock. */
    public static final int MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00;

    /** System time; bit 0 enables. */
    public static final int MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01;

    private static final int VERSION = 0;
    private static final int TSC_TIMESTAMP = 8;
    private static final int SYSTEM_TIME = 16;
    private static final int TSC_TO_SYSTEM_MUL = 24;
    private static final int TSC_SHIFT = 28;
    private static final int FLAGS = 29;
    private static final int SYSTEM_TIME_SIZE = 32;

    private static final int WALL_CLOCK_SECONDS = 4;
    private static final int WALL_CLOCK_NANOS = 8;
    private static final int WALL_CLOCK_SIZE = 12;

    /** Readings of different CPUs are comparable. */
    private static final byte PVCLOCK_TSC_STABLE_BIT = 1;

    private static final long ENABLED = 1;

    /** Any even number but 0 says "complete". */
    private static final int COMPLETE = 2;

    private static final BigInteger NANOS_SHIFTED = BigInteger.valueOf(1_000_000_000).shiftLeft(32);

    private final GuestMemory memory;
    private final long startTsc;
    private final Instant startTime;
    private final int tscToSystemMul;
    private final byte tscShift;
    private long wallClockMsr;
    private long systemTimeMsr;

    /**
     * Starts the clock.
     *
     * @param memory guest RAM
     * @param clock gives the TSC and its rate
     * @param realTime the host's wall clock
     */
    public PvClock(GuestMemory memory, TscClock clock, InstantSource realTime) {
        this.memory = memory;
        this.startTsc = clock.tsc();
        this.startTime = realTime.instant();
        this.tscShift = shiftFor(clock.frequencyKhz());
        this.tscToSystemMul = multiplierFor(clock.frequencyKhz(), tscShift);
    }

    /** The shift with which the multiplier makes use of all its 32 bits. */
    static byte shiftFor(long tscKhz) {
        return (byte) (multiplier(tscKhz, 0).bitLength() - 32);
    }

    /** Nanoseconds per shifted tick, as a 0.32 binary fraction. */
    static int multiplierFor(long tscKhz, int shift) {
        return multiplier(tscKhz, shift).intValue();
    }

    private static BigInteger multiplier(long tscKhz, int shift) {
        return NANOS_SHIFTED.shiftRight(shift).divide(BigInteger.valueOf(tscKhz * 1000));
    }

    /** Whether an MSR is one of this class's. */
    public static boolean owns(int msr) {
        return msr == MSR_KVM_WALL_CLOCK
                || msr == MSR_KVM_SYSTEM_TIME
                || msr == MSR_KVM_WALL_CLOCK_NEW
                || msr == MSR_KVM_SYSTEM_TIME_NEW;
    }

    /** What was last written. */
    public long readMsr(int msr) {
        return msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_CLOCK_NEW
                ? wallClockMsr
                : systemTimeMsr;
    }

    /**
     * Takes the address of a structure and fills it.
     *
     * @throws GeneralProtectionException if it does not lie in RAM
     */
    public void writeMsr(int msr, long value) {
        if (msr == MSR_KVM_WALL_CLOCK || msr == MSR_KVM_WALL_CLOCK_NEW) {
            writeWallClock(value);
            wallClockMsr = value;
        } else {
            if ((value & ENABLED) != 0) {
                writeSystemTime(value & ~ENABLED);
            }
            systemTimeMsr = value;
        }
    }

    private void writeWallClock(long gpa) {
        checkRam(gpa, WALL_CLOCK_SIZE);
        memory.setInt(gpa + WALL_CLOCK_SECONDS, (int) startTime.getEpochSecond());
        memory.setInt(gpa + WALL_CLOCK_NANOS, startTime.getNano());
        memory.setIntRelease(gpa + VERSION, COMPLETE);
    }

    private void writeSystemTime(long gpa) {
        checkRam(gpa, SYSTEM_TIME_SIZE);
        memory.setLong(gpa + TSC_TIMESTAMP, startTsc);
        memory.setLong(gpa + SYSTEM_TIME, 0);
        memory.setInt(gpa + TSC_TO_SYSTEM_MUL, tscToSystemMul);
        memory.setByte(gpa + TSC_SHIFT, tscShift);
        memory.setByte(gpa + FLAGS, PVCLOCK_TSC_STABLE_BIT);
        memory.setIntRelease(gpa + VERSION, COMPLETE);
    }

    private void checkRam(long gpa, int sizeBytes) {
        if ((gpa & 3) != 0 || !memory.isRam(gpa, sizeBytes)) {
            throw new GeneralProtectionException();
        }
    }
}
