// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.vmm.GeneralProtectionException;

final class MsrModelTest {
    private static final int EFER = 0xc000_0080;
    private static final int LSTAR = 0xc000_0082;
    private static final int CSTAR = 0xc000_0083;
    private static final int FMASK = 0xc000_0084;
    private static final int FS_BASE = 0xc000_0100;
    private static final int GS_BASE = 0xc000_0101;
    private static final int KERNEL_GS_BASE = 0xc000_0102;
    private static final int PAT = 0x277;
    private static final int ARCH_CAPABILITIES = 0x10a;
    private static final long NON_CANONICAL = 0x0000_8000_0000_0000L;
    private static final long KERNEL_GVA = 0xffff_ffff_8100_0000L;
    private static final long LME_AND_LMA = 0x500;

    private final List<String> log = new ArrayList<>();
    private final Bases bases = new Bases();
    private final Map<Integer, Long> apic = new HashMap<>(Map.of(0x808, 0L, 0x80b, 0L));
    private final MsrModel amd = model(FakeHost.amdWithEverything());
    private final MsrModel intel = model(FakeHost.intelWithEverything());

    private MsrModel model(FakeHost host) {
        MsrDevice device = MsrDevice.of(apic::containsKey, apic::get, apic::put);
        return new MsrModel(
                new CpuidModel(host, 1_000_000), () -> 42, bases, List.of(device), log::add);
    }

    private static final class Bases implements BaseRegisters {
        private long fs;
        private long gs;
        private long kernelGs;

        @Override
        public long fsBase() {
            return fs;
        }

        @Override
        public long gsBase() {
            return gs;
        }

        @Override
        public long kernelGsBase() {
            return kernelGs;
        }

        @Override
        public void setFsBase(long gva) {
            fs = gva;
        }

        @Override
        public void setGsBase(long gva) {
            gs = gva;
        }

        @Override
        public void setKernelGsBase(long gva) {
            kernelGs = gva;
        }
    }

    private static void assertFaults(Runnable access) {
        assertThrows(GeneralProtectionException.class, access::run);
    }

    @Test
    void unknownRegistersFaultAndAreLoggedOnce() {
        assertFaults(() -> amd.read(0x1234));
        assertFaults(() -> amd.write(0x1234, 1));
        assertFaults(() -> amd.read(0xc001_0004));
        assertEquals(3, amd.unknown().total());
        assertEquals(2, log.size());
        assertTrue(log.get(0).contains("0x1234"), log.get(0));
        assertTrue(log.get(1).contains("0xc0010004"), log.get(1));
    }

    @Test
    void baseRegistersGoToTheirOwner() {
        amd.write(FS_BASE, 0x1000);
        amd.write(GS_BASE, KERNEL_GVA);
        amd.write(KERNEL_GS_BASE, 0x3000);
        assertEquals(0x1000, bases.fs);
        assertEquals(KERNEL_GVA, bases.gs);
        assertEquals(0x3000, amd.read(KERNEL_GS_BASE));
        bases.gs = 7;
        assertEquals(7, amd.read(GS_BASE));
    }

    @ParameterizedTest
    @ValueSource(ints = {FS_BASE, GS_BASE, KERNEL_GS_BASE, LSTAR, CSTAR, 0x175, 0x176})
    void addressesMustBeCanonical(int msr) {
        assertFaults(() -> amd.write(msr, NON_CANONICAL));
        amd.write(msr, KERNEL_GVA);
        assertEquals(KERNEL_GVA, amd.read(msr));
    }

    @Test
    void syscallRegistersAreKnownToTheLoop() {
        amd.write(LSTAR, KERNEL_GVA);
        amd.write(CSTAR, KERNEL_GVA + 64);
        amd.write(FMASK, 0xdead_beef_0025_7fd5L);
        assertEquals(KERNEL_GVA, amd.syscallEntry64());
        assertEquals(KERNEL_GVA + 64, amd.syscallEntry32());
        assertEquals(0x25_7fd5, amd.syscallFlagMask());
    }

    /** Linux calls it an error if there is no machine-check architecture at all. */
    @Test
    void machineChecksHaveNoBanks() {
        assertEquals(0, amd.read(0x179));
        assertEquals(0, intel.read(0x179));
        amd.write(0x17a, 4);
        assertEquals(4, amd.read(0x17a));
        assertFaults(() -> amd.read(0x400));
    }

    @Test
    void longModeStaysOn() {
        assertEquals(LME_AND_LMA, amd.read(EFER));
        amd.write(EFER, 0x101);
        assertEquals(LME_AND_LMA | 1, amd.efer());
        assertFaults(() -> amd.write(EFER, 1));
    }

    @Test
    void eferTakesOnlyBitsOfItsVendor() {
        long svme = 1 << 12;
        long automaticIbrs = 1 << 21;
        assertFaults(() -> amd.write(EFER, LME_AND_LMA | svme));
        amd.write(EFER, LME_AND_LMA | automaticIbrs);
        assertEquals(LME_AND_LMA | automaticIbrs, amd.efer());
        assertFaults(() -> intel.write(EFER, LME_AND_LMA | automaticIbrs));
    }

    @Test
    void patTakesOnlyMemoryTypes() {
        assertEquals(0x0007_0406_0007_0406L, amd.read(PAT));
        amd.write(PAT, 0x0407_0506_0007_0106L);
        assertEquals(0x0407_0506_0007_0106L, amd.read(PAT));
        assertFaults(() -> amd.write(PAT, 0x0007_0406_0007_0402L));
        assertFaults(() -> amd.write(PAT, 0x0807_0406_0007_0406L));
    }

    @Test
    void tscIsTheHostsAndCannotBeMoved() {
        amd.write(0x10, 5);
        assertEquals(42, amd.read(0x10));
        amd.write(0x3b, 5);
        assertEquals(0, amd.read(0x3b));
    }

    @Test
    void intelIsImmuneAndNeedsNoPageTableIsolation() {
        long rdclNo = 1;
        assertEquals(rdclNo, intel.read(ARCH_CAPABILITIES) & rdclNo);
        assertFaults(() -> intel.write(ARCH_CAPABILITIES, 0));
        assertFaults(() -> amd.read(ARCH_CAPABILITIES));
    }

    @Test
    void amdCountsTheTscAtP0() {
        long tscFreqSel = 1 << 24;
        assertEquals(tscFreqSel, amd.read(0xc001_0015));
        amd.write(0xc001_0015, 0);
        assertEquals(tscFreqSel, amd.read(0xc001_0015));
        assertFaults(() -> intel.read(0xc001_0015));
    }

    @Test
    void lfenceSerialises() {
        assertEquals(2, amd.read(0xc001_1029));
    }

    /** What Linux 6.1 reads or writes on these CPUs without being ready for a fault. */
    @ParameterizedTest
    @ValueSource(ints = {0x3b, 0x8b, 0x174, 0x175, 0x176, 0x1d9, 0x277, 0xc000_0103})
    void registersOfBothVendorsExist(int msr) {
        amd.write(msr, amd.read(msr));
        intel.write(msr, intel.read(msr));
    }

    @ParameterizedTest
    @ValueSource(ints = {0xc001_0010, 0xc001_0015, 0xc001_001f, 0xc001_1020, 0xc001_1029})
    void amdRegistersExist(int msr) {
        amd.write(msr, amd.read(msr));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x17, 0x3a, 0x48, 0xce, 0x140, 0x1a0})
    void intelRegistersExist(int msr) {
        intel.write(msr, intel.read(msr));
    }

    @Test
    void xcr0MustBeConsistent() {
        assertTrue(amd.isValidXcr(0, 0xe7));
        assertTrue(amd.isValidXcr(0, 1));
        assertFalse(amd.isValidXcr(0, 6), "x87 is not optional");
        assertFalse(amd.isValidXcr(0, 5), "AVX without SSE");
        assertFalse(amd.isValidXcr(0, 0x27), "a third of AVX-512");
        assertFalse(amd.isValidXcr(0, 0xe3), "AVX-512 without AVX");
        assertFalse(amd.isValidXcr(0, 0x2e7), "protection keys");
        assertFalse(amd.isValidXcr(1, 1));
        assertFaults(() -> amd.setXcr(0, 0x2e7));
        amd.setXcr(0, 7);
        assertEquals(7, amd.xcr0());
    }
}
