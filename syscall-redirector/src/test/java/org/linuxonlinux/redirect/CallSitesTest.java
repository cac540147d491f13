// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.NativeMemory;
import org.linuxonlinux.redirect.CallSites.Repair;

final class CallSitesTest {
    private static final int PAGE_BYTES = 4096;
    private static final int AT = 0x100;
    private static final long PAGE_GVA = 0x7f12_3456_7000L;
    private static final long GFN = 0x1234;
    private static final long CALL_GATE = AddressMap.GATE_CODE_HVA + 0x1000;
    private static final long THUNK = AddressMap.THUNKS_HVA;

    private static final String MOV_EAX = "b86e0000000f05c3";
    private static final String MOV_RAX = "48c7c06e0000000f05c3";
    private static final String COMPARE = "0f05483d00f0ffff7756";
    private static final long NUMBER = 0x6e;

    private final CallSites sites = new CallSites(CALL_GATE);

    @AfterEach
    void close() {
        sites.close();
    }

    private static byte[] page(String... codes) {
        byte[] page = new byte[PAGE_BYTES];
        Arrays.fill(page, (byte) 0x90);
        int at = AT;
        for (String code : codes) {
            byte[] bytes = HexFormat.of().parseHex(code);
            System.arraycopy(bytes, 0, page, at, bytes.length);
            at += AT;
        }
        return page;
    }

    /** Patches the call in the n-th piece of code of a page. */
    private PageCopy patch(long pageGva, long gfn, byte[] page, int n) {
        int at = AT * (n + 1);
        while (page[at] != 0x0f || page[at + 1] != 0x05) {
            at++;
        }
        return sites.patch(pageGva + at + 2, NUMBER, gfn, page);
    }

    private PageCopy patch(String code) {
        return patch(PAGE_GVA, GFN, page(code), 0);
    }

    private byte[] file(long offset, int length) {
        long pageOffset = offset & -PAGE_BYTES;
        try (NativeMemory view =
                NativeMemory.map(
                        sites.file(),
                        pageOffset,
                        PAGE_BYTES,
                        HostAbi.PROT_READ,
                        HostAbi.MAP_SHARED)) {
            byte[] bytes = new byte[length];
            view.get((int) (offset - pageOffset), bytes, 0, length);
            return bytes;
        }
    }

    private byte[] bytes(PageCopy copy) {
        return file(copy.fileOffsetBytes(), PAGE_BYTES);
    }

    private static String hex(byte[] bytes, int from, int to) {
        return HexFormat.of().formatHex(bytes, from, to);
    }

    private long pointer(PageCopy copy, int jumpAt) {
        int address = intAt(bytes(copy), jumpAt + 3);
        byte[] entry = file(address - AddressMap.SITE_TABLE_HVA, 8);
        return (intAt(entry, 0) & 0xffff_ffffL) | (long) intAt(entry, 4) << 32;
    }

    private static int intAt(byte[] bytes, int at) {
        return (bytes[at] & 0xff)
                | (bytes[at + 1] & 0xff) << 8
                | (bytes[at + 2] & 0xff) << 16
                | bytes[at + 3] << 24;
    }

    @Nested
    final class Copies {
        @Test
        void differOnlyInTheSite() {
            byte[] page = page(MOV_EAX);
            PageCopy copy = patch(PAGE_GVA, GFN, page, 0);
            assertEquals(PAGE_GVA, copy.gva());
            assertEquals(GFN, copy.gfn());
            assertArrayEquals(page(MOV_EAX), page, "the page itself stays");
            byte[] patched = bytes(copy);
            assertEquals("ff24251000", hex(patched, AT, AT + 5));
            Arrays.fill(patched, AT, AT + 7, (byte) 0);
            Arrays.fill(page, AT, AT + 7, (byte) 0);
            assertArrayEquals(page, patched);
        }

        @Test
        void leaveTheCallOfALongMovWhereItIs() {
            PageCopy copy = patch(MOV_RAX);
            assertEquals("0f05c3", hex(bytes(copy), AT + 7, AT + 10));
            assertEquals(THUNK, pointer(copy, AT));
        }

        @Test
        void holdSeveralSites() {
            byte[] page = page(MOV_EAX, COMPARE, MOV_RAX);
            PageCopy copy = patch(PAGE_GVA, GFN, page, 0);
            assertSame(copy, patch(PAGE_GVA, GFN, page, 1));
            assertSame(copy, patch(PAGE_GVA, GFN, page, 2));
            assertEquals(THUNK, pointer(copy, AT));
            assertEquals(THUNK + 64, pointer(copy, 2 * AT));
            assertEquals(THUNK + 128, pointer(copy, 3 * AT));
            assertEquals(3, sites.patchedSites());
        }

        @Test
        void areTheSameForASiteThatIsPatchedAlready() {
            PageCopy copy = patch(MOV_EAX);
            byte[] bytes = bytes(copy);
            assertSame(copy, patch(MOV_EAX));
            assertArrayEquals(bytes, bytes(copy));
            assertEquals(1, sites.patchedSites());
        }

        @Test
        void areForOneFrameAtOneAddress() {
            byte[] page = page(MOV_EAX);
            PageCopy copy = patch(PAGE_GVA, GFN, page, 0);
            PageCopy elsewhere = patch(PAGE_GVA + 0x10_0000, GFN, page, 0);
            PageCopy other = patch(PAGE_GVA, GFN + 1, page, 0);
            assertEquals(
                    3,
                    List.of(copy, elsewhere, other).stream()
                            .map(PageCopy::fileOffsetBytes)
                            .distinct()
                            .count());
            assertEquals(1, count(PAGE_GVA + 0x10_0000, PAGE_GVA + 0x10_1000));
            assertEquals(2, count(PAGE_GVA, PAGE_GVA + 0x1000));
            assertEquals(3, count(0, Long.MAX_VALUE));
        }
    }

    private int count(long fromGva, long toGva) {
        int count = 0;
        for (List<PageCopy> copies : sites.copiesIn(fromGva, toGva)) {
            count += copies.size();
        }
        return count;
    }

    /** Whatever entry a site has, coming to the middle of it is undefined: 06, or gs 06. */
    @Nested
    final class TrapBytes {
        @Test
        void standWhereARestartedCallGoesOn() {
            for (int i = 0; i < 1000; i++) {
                PageCopy copy = patch(PAGE_GVA + (long) i * PAGE_BYTES, GFN, page(MOV_EAX), 0);
                assertEquals(0x06, bytes(copy)[AT + 5]);
                assertEquals(THUNK + 64L * i, pointer(copy, AT));
            }
        }

        @Test
        void standWhereACallReturns() {
            for (int i = 0; i < 256; i++) {
                assertFalse(sites.isFull());
                PageCopy copy = patch(PAGE_GVA + (long) i * PAGE_BYTES, GFN, page(COMPARE), 0);
                assertEquals("6506", hex(bytes(copy), AT + 2, AT + 4));
                assertEquals((byte) 0xff, bytes(copy)[AT + 7], "last byte of the compare");
                assertEquals(THUNK + 64L * i, pointer(copy, AT));
            }
            assertTrue(sites.isFull());
        }

        @Test
        void standInTheirOwnEntriesOfTheTable() {
            for (int i = 0; i < 255; i++) {
                long gva = PAGE_GVA + (long) i * PAGE_BYTES;
                PageCopy mov = patch(gva, GFN, page(MOV_EAX, COMPARE), 0);
                patch(gva, GFN, page(MOV_EAX, COMPARE), 1);
                assertEquals(THUNK + 128L * i, pointer(mov, AT));
                assertEquals(THUNK + 128L * i + 64, pointer(mov, 2 * AT));
            }
        }
    }

    @Nested
    final class Thunks {
        private String thunk(String code, int length) {
            patch(code);
            return hex(file(CallSites.thunksFileOffset(), length), 0, length);
        }

        @Test
        void makeTheCallOfAMov() {
            String code =
                    "b86e000000" // mov $0x6e,%eax
                            + "48b907715634127f0000" // movabs $returnRip,%rcx
                            + "e9";
            assertEquals(code, thunk(MOV_EAX, 16));
            byte[] jump = file(CallSites.thunksFileOffset() + 16, 4);
            assertEquals(CALL_GATE, THUNK + 20 + intAt(jump, 0));
        }

        @Test
        void tellTheGateWhereACompareIs() {
            String code =
                    "48b902715634127f0000" // movabs $returnRip,%rcx
                            + "48890d" // mov %rcx,GATE_RETURN_RIP
                            + "........"
                            + "4c8d1d" // lea tail,%r11
                            + "........"
                            + "4c891d" // mov %r11,GATE_RETURN_TO
                            + "........"
                            + "e9" // jmp callGate
                            + "........";
            String thunk = thunk(COMPARE, 64);
            assertTrue(thunk.matches(code + ".*"), thunk);
            String tail =
                    "4881f800f0ffff" // cmp $-4096,%rax
                            + "ff2500000000" // jmp *0(%rip)
                            + "08715634127f0000";
            assertTrue(thunk.endsWith(tail), thunk);
        }
    }

    @Nested
    final class Repairs {
        @Test
        void makeTheCallThatWasRestarted() {
            patch(MOV_EAX);
            assertEquals(Repair.SYSTEM_CALL, sites.atUndefined(PAGE_GVA + AT + 5, GFN));
            assertEquals(PAGE_GVA + AT + 7, sites.repairRip());
        }

        @Test
        void makeTheCompareBehindACall() {
            patch(COMPARE);
            assertEquals(Repair.COMPARE, sites.atUndefined(PAGE_GVA + AT + 2, GFN));
            assertEquals(PAGE_GVA + AT + 8, sites.repairRip());
            assertEquals(-4096, sites.repairOperand());
        }

        @Test
        void leaveTheGuestsOwnTrapsToIt() {
            patch(PAGE_GVA, GFN, page(MOV_EAX, COMPARE, MOV_RAX), 0);
            patch(PAGE_GVA, GFN, page(MOV_EAX, COMPARE, MOV_RAX), 1);
            patch(PAGE_GVA, GFN, page(MOV_EAX, COMPARE, MOV_RAX), 2);
            for (int at = 0; at < PAGE_BYTES; at++) {
                boolean isTrap = at == AT + 5 || at == 2 * AT + 2;
                Repair repair = sites.atUndefined(PAGE_GVA + at, GFN);
                assertEquals(isTrap, repair != Repair.NONE, "offset " + at);
            }
            assertEquals(Repair.NONE, sites.atUndefined(PAGE_GVA + AT + 5, GFN + 1));
            assertEquals(Repair.NONE, sites.atUndefined(PAGE_GVA + 0x1000 + AT + 5, GFN));
        }

        /** With the trap flag set, the first stop is at the thunk: the jump is the patch's own. */
        @Test
        void stepOverTheMov() {
            patch(MOV_EAX);
            assertEquals(Repair.TRAP, sites.atTrap(THUNK, 7));
            assertEquals(PAGE_GVA + AT + 5, sites.repairRip());
            assertEquals(NUMBER, sites.repairOperand());
        }

        @Test
        void stepIntoTheKernel() {
            patch(COMPARE);
            assertEquals(Repair.SYSTEM_CALL, sites.atTrap(THUNK, 7));
            assertEquals(PAGE_GVA + AT + 2, sites.repairRip());
        }

        @Test
        void stepOverTheCompare() {
            patch(COMPARE);
            assertEquals(Repair.TRAP, sites.atTrap(THUNK + 64 - 8 - 6, 7));
            assertEquals(PAGE_GVA + AT + 8, sites.repairRip());
            assertEquals(7, sites.repairOperand());
        }

        @Test
        void knowNothingOutsideTheThunksInUse() {
            patch(MOV_EAX);
            assertEquals(Repair.NONE, sites.atTrap(THUNK + 64, 7));
            assertEquals(Repair.NONE, sites.atTrap(THUNK - 1, 7));
            assertEquals(Repair.NONE, sites.atTrap(PAGE_GVA, 7));
        }
    }

    @Nested
    final class Dropping {
        @Test
        void forgetsTheCopiesOfAFrame() {
            PageCopy copy = patch(MOV_EAX);
            PageCopy other = patch(PAGE_GVA, GFN + 1, page(MOV_EAX), 0);
            assertEquals(List.of(copy), sites.dropFrame(GFN));
            assertEquals(List.of(), sites.dropFrame(GFN));
            assertEquals(1, count(0, Long.MAX_VALUE));
            assertEquals(Repair.NONE, sites.atUndefined(PAGE_GVA + AT + 5, GFN));
            assertEquals(Repair.SYSTEM_CALL, sites.atUndefined(PAGE_GVA + AT + 5, GFN + 1));
            assertEquals(1, sites.droppedCopies());
            assertNotNull(other);
        }

        /** A process may still be in it, or jump to it until its mappings are changed. */
        @Test
        void leavesEntryAndThunkAsTheyAre() {
            PageCopy copy = patch(MOV_EAX);
            byte[] thunk = file(CallSites.thunksFileOffset(), 64);
            sites.dropFrame(GFN);
            PageCopy next = patch(MOV_EAX);
            assertArrayEquals(thunk, file(CallSites.thunksFileOffset(), 64));
            assertEquals(THUNK, pointer(copy, AT));
            assertEquals(THUNK + 64, pointer(next, AT));
        }

        @Test
        void letsAFrameBeThatIsWrittenOften() {
            for (int i = 0; i < 4; i++) {
                assertNotNull(patch(MOV_EAX));
                sites.dropFrame(GFN);
            }
            assertNull(patch(MOV_EAX));
            assertNotNull(patch(PAGE_GVA, GFN + 1, page(MOV_EAX), 0));
        }

        @Test
        void startsAnewWhereAPartIsFull() {
            int count = 0;
            while (!sites.isFull()) {
                patch(PAGE_GVA + (long) count * PAGE_BYTES, GFN, page(MOV_EAX), 0);
                count++;
            }
            assertEquals(1024, count);
            assertNull(patch(PAGE_GVA - PAGE_BYTES, GFN, page(MOV_EAX), 0));
            assertEquals(count, sites.dropAll().size());
            assertEquals(0, count(0, Long.MAX_VALUE));
            assertEquals(Repair.NONE, sites.atTrap(THUNK, 0));
            PageCopy copy = patch(MOV_EAX);
            assertEquals(THUNK, pointer(copy, AT));
        }
    }
}
