// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AddressMapTest {
    @ParameterizedTest
    @CsvSource({
        "ffff888000000000, 048000000000",
        "ffffc90000000000, 450000000000",
        "ffffea0000000000, 660000000000",
        "fffffe0000000000, 7a0000000000",
        "ffffffff80000000, 7bff80000000",
        "ffffffffffffffff, 7bffffffffff",
        "ffff840000000000, 000000000000",
        "0000555555554000, 555555554000",
        "0000000000000000, 000000000000",
    })
    void foldsUpperHalfAddressesOnly(String gvaText, String hvaText) {
        long gva = Long.parseUnsignedLong(gvaText, 16);
        long hva = Long.parseUnsignedLong(hvaText, 16);
        assertEquals(hva, AddressMap.gvaToHva(gva));
        assertTrue(AddressMap.isMappable(gva));
        if (AddressMap.isUpperHalf(gva)) {
            assertEquals(hva, AddressMap.foldGva(gva));
            assertEquals(gva, AddressMap.unfoldHva(hva));
        }
    }

    @Test
    void knowsWhatCannotBeMapped() {
        assertFalse(AddressMap.isMappable(0xffff_83ff_ffff_ffffL));
        assertFalse(AddressMap.isMappable(0xffff_8000_0000_0000L));
        assertFalse(AddressMap.isMappable(0x8000_0000_0000L));
        assertTrue(AddressMap.isMappable(0x7fff_ffff_f000L));
    }

    @Test
    void dynamicFoldEqualsWhatEmittedCodeComputes() {
        long[] addresses = {
            0, 1, 0x7fff_ffff_ffffL, 0xffff_8000_0000_0000L, -1, 0xffff_8880_1234_5678L
        };
        for (long address : addresses) {
            long amount = Long.rotateRight(address, 47) & 31;
            // pdep into the five set bits of FOLD.
            long deposited = amount << Long.numberOfTrailingZeros(AddressMap.FOLD);
            assertEquals(AddressMap.gvaToHva(address), address + deposited);
        }
        assertEquals(5, Long.bitCount(AddressMap.FOLD));
    }

    @Test
    void branchTableOperandReachesTheEntryOfEachAddress() {
        assertEquals(Integer.MIN_VALUE, AddressMap.BRANCH_TABLE_DISP32);
        for (long guestRip : new long[] {0xffff_ffff_8000_0000L, 0xffff_ffff_8123_4567L, -1}) {
            long ea = AddressMap.FOLD + guestRip * 8 + AddressMap.BRANCH_TABLE_DISP32;
            assertEquals(AddressMap.BRANCH_TABLE_HVA + AddressMap.branchTableOffset(guestRip), ea);
            assertTrue(AddressMap.isBranchTable(ea));
            assertTrue(AddressMap.hasBranchTableEntry(guestRip));
        }
        assertFalse(AddressMap.hasBranchTableEntry(0xffff_ffff_7fff_ffffL));
        assertFalse(AddressMap.hasBranchTableEntry(0));
        assertFalse(AddressMap.hasBranchTableEntry(Long.MAX_VALUE));
    }

    @Test
    void reservesTheGateAgainstGuestMappings() {
        assertTrue(AddressMap.meetsGate(AddressMap.GATE_CODE_HVA, 1));
        assertTrue(AddressMap.meetsGate(AddressMap.VCPU_PAGE_HVA, 4096));
        assertTrue(AddressMap.meetsGate(AddressMap.CODE_CACHE_HVA + 0xfff_f000, 4096));
        assertTrue(AddressMap.meetsGate(AddressMap.STUB_HVA - 4096, 4097));
        assertTrue(AddressMap.meetsGate(0x7bff_7fff_f000L, 4096));
        assertFalse(AddressMap.meetsGate(AddressMap.STUB_HVA - 4096, 4096));
        assertFalse(AddressMap.meetsGate(0x7bff_8000_0000L, 1L << 31));
        assertFalse(AddressMap.meetsGate(0x5555_5555_4000L, 4096));
    }

    @Test
    void keepsTheGateInHolesOfTheLinuxMemoryMap() {
        long gateGva = AddressMap.unfoldHva(AddressMap.STUB_HVA);
        assertTrue(gateGva >= 0xffff_ff80_0000_0000L);
        long cacheEndGva =
                AddressMap.unfoldHva(AddressMap.CODE_CACHE_HVA)
                        + AddressMap.CODE_CACHE_MAX_SIZE_BYTES;
        assertTrue(cacheEndGva <= 0xffff_ffef_0000_0000L);
        assertEquals(
                0xffff_ffff_8000_0000L,
                AddressMap.unfoldHva(AddressMap.BRANCH_TABLE_HVA)
                        + AddressMap.BRANCH_TABLE_SIZE_BYTES);
    }
}
