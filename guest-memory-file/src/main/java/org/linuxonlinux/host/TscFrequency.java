// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/**
 * How fast the host's time-stamp counter runs, and who said so.
 *
 * @param hertz ticks per second
 * @param source where the number comes from
 */
public record TscFrequency(long hertz, Source source) {
    /** Origins in the order they are tried: the best first. */
    public enum Source {
        /** CPUID leaf 0x15: crystal frequency and ratio, exact. Intel SDM vol. 2A, CPUID. */
        CPUID_CRYSTAL,
        /** CPUID leaf 0x40000010, kHz, from a hypervisor. VMware's timing leaf, also QEMU's. */
        CPUID_HYPERVISOR,
        /**
         * The host kernel's own conversion factor in the perf event page; agrees with the clocks of
         * the host by construction. Absent where the host's scheduler clock is paravirtual. Linux
         * v6.1 {@code include/uapi/linux/perf_event.h}.
         */
        PERF_EVENT,
        /** Counted against CLOCK_MONOTONIC_RAW for {@link #CALIBRATION_NANOS}. */
        CALIBRATION
    }

    /**
     * Length of a calibration: two samples, each good to about 100 ns, over 10 ms are off by 20
     * parts per million at most; measured: within 5 of the host kernel's own figure.
     */
    static final long CALIBRATION_NANOS = 10_000_000;

    private static final int HYPERVISOR_BIT = 31;
    private static final int PERF_ATTR_BYTES = 128;
    private static final int PERF_TYPE_SOFTWARE = 1;
    private static final int PERF_COUNT_SW_DUMMY = 9;
    private static final long PERF_FLAG_FD_CLOEXEC = 8;

    /** {@code disabled | exclude_kernel | exclude_hv} of the attribute's bit field. */
    private static final long PERF_ATTR_FLAGS = 1 | 1 << 5 | 1 << 6;

    // struct perf_event_mmap_page.
    private static final int CAPABILITIES_OFFSET = 40;
    private static final int CAP_USER_TIME = 1 << 3;
    private static final int TIME_SHIFT_OFFSET = 50;
    private static final int TIME_MULT_OFFSET = 52;

    /** Asks the CPU, then the host kernel, and counts for 10 ms only if neither answers. */
    public static TscFrequency of(HostCpu cpu) {
        return since(begin(cpu), cpu);
    }

    private static TscFrequency known(HostCpu cpu) {
        long hertz = crystal(cpu);
        if (hertz != 0) {
            return new TscFrequency(hertz, Source.CPUID_CRYSTAL);
        }
        hertz = hypervisor(cpu);
        if (hertz != 0) {
            return new TscFrequency(hertz, Source.CPUID_HYPERVISOR);
        }
        hertz = perfEvent();
        return hertz != 0 ? new TscFrequency(hertz, Source.PERF_EVENT) : null;
    }

    static long crystal(HostCpu cpu) {
        if (Integer.compareUnsigned(cpu.cpuid(0, 0).eax(), 0x15) < 0) {
            return 0;
        }
        HostCpu.Cpuid leaf = cpu.cpuid(0x15, 0);
        long denominator = leaf.eax() & 0xffff_ffffL;
        long numerator = leaf.ebx() & 0xffff_ffffL;
        long crystalHertz = leaf.ecx() & 0xffff_ffffL;
        return denominator == 0 ? 0 : crystalHertz * numerator / denominator;
    }

    static long hypervisor(HostCpu cpu) {
        if ((cpu.cpuid(1, 0).ecx() >>> HYPERVISOR_BIT) == 0) {
            return 0;
        }
        int highest = cpu.cpuid(0x4000_0000, 0).eax();
        if (Integer.compareUnsigned(highest, 0x4000_0010) < 0
                || Integer.compareUnsigned(highest, 0x4000_ffff) > 0) {
            return 0;
        }
        return (cpu.cpuid(0x4000_0010, 0).eax() & 0xffff_ffffL) * 1000;
    }

    static long perfEvent() {
        try (NativeMemory attribute = NativeMemory.allocate(PERF_ATTR_BYTES)) {
            attribute.putInt(0, PERF_TYPE_SOFTWARE);
            attribute.putInt(4, PERF_ATTR_BYTES);
            attribute.putLong(8, PERF_COUNT_SW_DUMMY);
            attribute.putLong(40, PERF_ATTR_FLAGS);
            long fd =
                    HostCalls.rawSyscall(
                            HostAbi.SYS_perf_event_open,
                            attribute.hva(),
                            0,
                            -1,
                            -1,
                            PERF_FLAG_FD_CLOEXEC);
            if (Errno.isError(fd)) {
                return 0; // not permitted here, or not built in
            }
            try (HostFile event = HostFile.own((int) fd, "perf_event");
                    NativeMemory page =
                            NativeMemory.map(
                                    event,
                                    0,
                                    HostAbi.PAGE_SIZE,
                                    HostAbi.PROT_READ,
                                    HostAbi.MAP_SHARED)) {
                return hertz(
                        page.getLong(CAPABILITIES_OFFSET),
                        page.getShort(TIME_SHIFT_OFFSET) & 0xffff,
                        page.getInt(TIME_MULT_OFFSET) & 0xffff_ffffL);
            }
        }
    }

    /** nanoseconds = ticks * multiplier &gt;&gt; shift. */
    static long hertz(long capabilities, int shift, long multiplier) {
        if ((capabilities & CAP_USER_TIME) == 0 || multiplier == 0 || shift > 32) {
            return 0;
        }
        return Math.round(1e9 * (1L << shift) / multiplier);
    }

    /**
     * The frequency without ever waiting: what CPU or host kernel say, else what was counted since
     * an earlier sample of CLOCK_MONOTONIC_RAW. The older the sample, the better; one that is too
     * young is waited for.
     */
    public static TscFrequency since(HostCpu.ClockSample start, HostCpu cpu) {
        TscFrequency known = known(cpu);
        return known != null ? known : new TscFrequency(calibrate(start, cpu), Source.CALIBRATION);
    }

    /** The sample to pass to {@link #since} later. */
    public static HostCpu.ClockSample begin(HostCpu cpu) {
        return cpu.sampleClock(HostAbi.CLOCK_MONOTONIC_RAW);
    }

    static long calibrate(HostCpu.ClockSample start, HostCpu cpu) {
        HostCpu.ClockSample end = begin(cpu);
        while (end.nanos() - start.nanos() < CALIBRATION_NANOS) {
            LockSupport.parkNanos(CALIBRATION_NANOS - (end.nanos() - start.nanos()));
            end = begin(cpu);
        }
        return Math.round((end.ticks() - start.ticks()) * 1e9 / (end.nanos() - start.nanos()));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "hertz=%d, source=%s", hertz, source);
    }
}
