// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.host.HostCpu;

final class CpuidModelTest {
    private static final int EAX = 0;
    private static final int EBX = 1;
    private static final int ECX = 2;
    private static final int EDX = 3;
    private static final long TSC_KHZ = 2_596_118;

    private final CpuidModel intel = model(FakeHost.intelWithEverything());
    private final CpuidModel amd = model(FakeHost.amdWithEverything());

    private static CpuidModel model(FakeHost host) {
        return new CpuidModel(host, TSC_KHZ);
    }

    private static int[] query(CpuidModel model, int leaf, int subleaf) {
        int[] out = {1, 2, 3, 4};
        model.query(leaf, subleaf, out);
        return out;
    }

    private static boolean bit(CpuidModel model, int leaf, int subleaf, int register, int bit) {
        return (query(model, leaf, subleaf)[register] >>> bit & 1) != 0;
    }

    @ParameterizedTest(name = "{0}: leaf {1}.{2}, register {3}, bit {4}")
    @CsvSource({
        "DTES64, 1, 0, 2, 2",
        "MONITOR, 1, 0, 2, 3",
        "VMX, 1, 0, 2, 5",
        "SMX, 1, 0, 2, 6",
        "PDCM, 1, 0, 2, 15",
        "PCID, 1, 0, 2, 17",
        "MTRR, 1, 0, 3, 12",
        "DS, 1, 0, 3, 21",
        "ACPI, 1, 0, 3, 22",
        "HTT, 1, 0, 3, 28",
        "APERFMPERF, 6, 0, 2, 0",
        "SGX, 7, 0, 1, 2",
        "HLE, 7, 0, 1, 4",
        "SMEP, 7, 0, 1, 7",
        "INVPCID, 7, 0, 1, 10",
        "RTM, 7, 0, 1, 11",
        "SMAP, 7, 0, 1, 20",
        "PT, 7, 0, 1, 25",
        "UMIP, 7, 0, 2, 2",
        "PKU, 7, 0, 2, 3",
        "OSPKE, 7, 0, 2, 4",
        "WAITPKG, 7, 0, 2, 5",
        "CET_SS, 7, 0, 2, 7",
        "LA57, 7, 0, 2, 16",
        "MOVDIR64B, 7, 0, 2, 28",
        "ENQCMD, 7, 0, 2, 29",
        "SERIALIZE, 7, 0, 3, 14",
        "IBT, 7, 0, 3, 20",
        "AMX_TILE, 7, 0, 3, 24",
        "SPEC_CTRL, 7, 0, 3, 26",
        "CORE_CAPABILITIES, 7, 0, 3, 30",
        "FRED, 7, 1, 0, 17",
        "LAM, 7, 1, 0, 26",
        "XSAVES, 0xd, 1, 0, 3",
        "XFD, 0xd, 1, 0, 4",
        "SVM, 0x80000001, 0, 2, 2",
        "IBS, 0x80000001, 0, 2, 10",
        "PERFCTR_CORE, 0x80000001, 0, 2, 23",
        "MWAITX, 0x80000001, 0, 2, 29",
        "FFXSR, 0x80000001, 0, 3, 25",
        "IRPERF, 0x80000008, 0, 1, 1",
        "INVLPGB, 0x80000008, 0, 1, 3",
        "IBPB, 0x80000008, 0, 1, 12",
        "VIRT_SSBD, 0x80000008, 0, 1, 25"
    })
    void hidesEvenIfTheHostHasIt(String name, String leaf, int subleaf, int register, int number) {
        int leafNumber = Long.decode(leaf).intValue();
        assertFalse(bit(intel, leafNumber, subleaf, register, number), name);
        assertFalse(bit(amd, leafNumber, subleaf, register, number), name);
    }

    @ParameterizedTest(name = "{0}: leaf {1}, register {2}, bit {3}")
    @CsvSource({
        "x2APIC, 1, 2, 21",
        "TSC_DEADLINE, 1, 2, 24",
        "HYPERVISOR, 1, 2, 31",
        "APIC, 1, 3, 9",
        "ARAT, 6, 0, 2",
        "TSC_ADJUST, 7, 1, 1",
        "SYSCALL, 0x80000001, 3, 11",
        "NX, 0x80000001, 3, 20",
        "LM, 0x80000001, 3, 29",
        "INVARIANT_TSC, 0x80000007, 3, 8"
    })
    void showsEvenIfTheHostHasNot(String name, String leaf, int register, int number) {
        CpuidModel model = model(FakeHost.amdWithNothing());
        assertTrue(bit(model, Long.decode(leaf).intValue(), 0, register, number), name);
    }

    @Test
    void passesUserVisibleInstructionsOn() {
        int avx2 = 5;
        int fsgsbase = 0;
        int avx512f = 16;
        assertTrue(bit(amd, 7, 0, EBX, avx2));
        assertTrue(bit(amd, 7, 0, EBX, fsgsbase));
        assertTrue(bit(amd, 7, 0, EBX, avx512f));
    }

    @Test
    void hasNoLeavesInReservedRanges() {
        for (int leaf : new int[] {0x2000_0000, 0x4000_0100, 0x8086_0000, 0xc000_0000, 0xa, 0x14}) {
            assertArrayEquals(new int[4], query(intel, leaf, 0), Integer.toHexString(leaf));
        }
    }

    @Test
    void ignoresWhatTheHostReturnsBeyondItsLastLeaf() {
        FakeHost host = FakeHost.amdWithNothing().put(7, 0, 1, -1, -1, -1);
        int tscAdjust = 1 << 1;
        assertEquals(tscAdjust, query(model(host), 7, 0)[EBX]);
    }

    @Test
    void osxsaveFollowsCr4() {
        int osxsave = 27;
        long[] cr4 = {0};
        amd.connectCr4(() -> cr4[0]);
        assertFalse(bit(amd, 1, 0, ECX, osxsave));
        cr4[0] = 1 << 18;
        assertTrue(bit(amd, 1, 0, ECX, osxsave));
    }

    @Test
    void showsOneThreadInOneCore() {
        assertEquals(1, query(intel, 1, 0)[EBX] >>> 16);
        assertArrayEquals(new int[] {0, 1, 0x100, 0}, query(intel, 0xb, 0));
        assertArrayEquals(new int[] {0, 1, 0x201, 0}, query(intel, 0xb, 1));
        assertArrayEquals(new int[] {0, 0, 2, 0}, query(intel, 0xb, 2));
        assertEquals(0x121, query(intel, 4, 0)[EAX]);
        assertArrayEquals(new int[4], query(intel, 4, 1));
        assertEquals(0x121, query(amd, 0x8000_001d, 0)[EAX]);
        assertArrayEquals(new int[4], query(amd, 0x8000_001e, 0));
        assertEquals(0, query(amd, 0x8000_0008, 0)[ECX]);
    }

    @Test
    void limitsLinearAddressesTo48Bits() {
        assertEquals(0x3034, query(amd, 0x8000_0008, 0)[EAX]);
    }

    @Test
    void presentsItselfAsKvm() {
        int[] signature = query(amd, 0x4000_0000, 0);
        assertArrayEquals(new int[] {0x4000_0010, 0x4b4d564b, 0x564b4d56, 0x4d}, signature);
        assertEquals(1 << 1 | 1 << 3 | 1 << 6 | 1 << 24, query(amd, 0x4000_0001, 0)[EAX]);
        assertEquals(TSC_KHZ, query(amd, 0x4000_0010, 0)[EAX]);
    }

    @ParameterizedTest
    @ValueSource(
            longs = {800_000, 1_000_000, 2_000_000, 2_596_118, 2_994_371, 3_700_001, 4_200_000})
    void crystalGivesTheTscFrequency(long tscKhz) {
        int[] out = new int[4];
        new CpuidModel(FakeHost.amdWithEverything(), tscKhz).query(0x15, 0, out);
        assertEquals(1_000_000_000, out[ECX]);
        long product = 1_000_000L * out[EBX];
        assertTrue(product <= 0xffff_ffffL, "Linux multiplies in 32 bits: product=" + product);
        double error = Math.abs((double) product / out[EAX] / tscKhz - 1);
        assertTrue(error < 1e-6, "error=" + error);
    }

    @Test
    void extendedStateLeavesOutProtectionKeysAndAmx() {
        assertArrayEquals(new int[] {0xe7, 2688, 2688, 0}, query(intel, 0xd, 0));
        assertArrayEquals(new int[] {7, 2432, 0, 0}, query(intel, 0xd, 1));
        assertArrayEquals(new int[] {1024, 1664, 0, 0}, query(intel, 0xd, 7));
        assertArrayEquals(new int[4], query(intel, 0xd, 9));
        assertArrayEquals(new int[4], query(intel, 0xd, 17));
        assertArrayEquals(new int[4], query(intel, 0xd, 64));
    }

    @Test
    void hidesInstructionsWhoseStateIsNotEnabled() {
        int avx2 = 5;
        int avx512f = 16;
        CpuidModel noAvx512 = model(FakeHost.intelWithEverything().withXcr0(7));
        assertTrue(bit(noAvx512, 7, 0, EBX, avx2));
        assertFalse(bit(noAvx512, 7, 0, EBX, avx512f));
        CpuidModel noAvx = model(FakeHost.intelWithEverything().withXcr0(3));
        assertFalse(bit(noAvx, 7, 0, EBX, avx2));
        assertFalse(bit(noAvx, 1, 0, ECX, 28));
        CpuidModel noXsave = model(FakeHost.intelWithEverything().withXcr0(0));
        assertFalse(bit(noXsave, 1, 0, ECX, 26));
        assertArrayEquals(new int[4], query(noXsave, 0xd, 0));
    }

    @Test
    void amdClaimsImmunityWithoutBeingAsked() {
        CpuidModel model = model(FakeHost.amdWithNothing());
        int ssbNo = 26;
        int btcNo = 29;
        int srsoNo = 29;
        int autoIbrs = 8;
        assertTrue(bit(model, 0x8000_0008, 0, EBX, ssbNo));
        assertTrue(bit(model, 0x8000_0008, 0, EBX, btcNo));
        assertTrue(bit(model, 0x8000_0021, 0, EAX, srsoNo));
        assertTrue(bit(model, 0x8000_0021, 0, EAX, autoIbrs));
        assertEquals(0x8000_0021, query(model, 0x8000_0000, 0)[EAX]);
    }

    @Test
    void intelHasArchCapabilitiesAndAmdHasNot() {
        int archCapabilities = 29;
        assertTrue(bit(intel, 7, 0, EDX, archCapabilities));
        assertFalse(bit(amd, 7, 0, EDX, archCapabilities));
        assertArrayEquals(new int[4], query(intel, 0x8000_0021, 0));
    }

    /** Programs run with the host's CPUID: the kernel must be able to save all they can use. */
    @Test
    void coversTheStateThisHostHasEnabled() {
        try (HostCpu cpu = new HostCpu()) {
            CpuidModel model = new CpuidModel(cpu, TSC_KHZ);
            long hidden = 1 << 9 | 3 << 17;
            long expected = HostCpuid.of(cpu).xcr0() & ~hidden;
            int[] leaf = query(model, 0xd, 0);
            assertEquals(expected, leaf[EAX] | (long) leaf[EDX] << 32);
            assertTrue(leaf[EBX] <= cpu.cpuid(0xd, 0).ecx());
        }
    }
}
