// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.mmu.GuestTables.A;
import static org.linuxonlinux.vmm.mmu.GuestTables.D;
import static org.linuxonlinux.vmm.mmu.GuestTables.G;
import static org.linuxonlinux.vmm.mmu.GuestTables.NX;
import static org.linuxonlinux.vmm.mmu.GuestTables.P;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_2M;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_4K;
import static org.linuxonlinux.vmm.mmu.GuestTables.U;
import static org.linuxonlinux.vmm.mmu.GuestTables.W;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.memory.GuestMemory;

/**
 * Random changes of page tables, each followed by the flush the architecture asks for: at any time
 * the host must permit no more than the guest's tables do.
 */
final class MmuRandomTest {
    private static final int STEPS = 1500;
    private static final int PAGES = 48;
    private static final int PAGES_PER_2M = 512;
    private static final int MAX_RUNS = 30;
    private static final long USER = 0x5555_5540_0000L;
    private static final long KERNEL = 0xffff_8880_0040_0000L;
    private static final long LARGE = 0x7f00_0000_0000L;
    private static final long FRAMES = 0x20_0000;

    private final GuestMemory memory = GuestMemory.anonymous(8 << 20);
    private final AddressSpaces spaces = new AddressSpaces(1);
    private final HostCommandQueue queue = spaces.current().commands();
    private final HostModel host = new HostModel(queue);
    private final GuestTables tables = new GuestTables(memory, 0x1_0000);
    private final PageWalker walker = new PageWalker(memory);
    private final Mmu mmu = new Mmu(memory, spaces, 3, MAX_RUNS);
    private Random random = new Random(0);

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3})
    void hostNeverPermitsMoreThanTheTables(long seed) {
        random = new Random(seed);
        tables.map(LARGE, FRAMES, SIZE_2M, P | W | U);
        long tableOfLarge = tables.entryGpa(LARGE + (2 << 20), SIZE_4K) & -4096L;
        mmu.setWriteProtect(true);
        mmu.setRoot(tables.rootGpa(), false);
        for (int step = 0; step < STEPS; step++) {
            switch (random.nextInt(10)) {
                case 0, 1 -> changePage(USER, U);
                case 2 -> changePage(KERNEL, G);
                case 3 -> changeLarge(tableOfLarge);
                case 4 -> changeCode();
                case 5 -> changeManyThenFlush();
                default -> access(step, seed);
            }
            host.run();
            String where = "seed " + seed + " step " + step;
            check(USER, PAGES, where);
            check(KERNEL, PAGES, where);
            check(LARGE, PAGES_PER_2M, where);
        }
        assertTrue(mmu.runCount() <= MAX_RUNS + 4 * PAGES, "cuts make runs, but not without end");
        memory.close();
    }

    private void changePage(long region, long flags) {
        long gva = region + random.nextInt(PAGES) * 4096L;
        tables.setEntry(gva, SIZE_4K, randomEntry(gva - region) | flags);
        mmu.invalidatePage(gva + random.nextInt(4096));
    }

    /** Mostly the frame that makes long runs, and mostly present. */
    private long randomEntry(long offset) {
        long frame = FRAMES + (random.nextInt(4) == 0 ? random.nextInt(512) * 4096L : offset);
        long entry = frame;
        entry |= random.nextInt(8) == 0 ? 0 : P;
        entry |= random.nextInt(3) == 0 ? 0 : W;
        entry |= random.nextInt(3) == 0 ? 0 : A;
        entry |= random.nextInt(3) == 0 ? 0 : D;
        return entry | (random.nextInt(3) == 0 ? NX : 0);
    }

    /** Splits the 2 MB page into 4 KB pages or makes it one again: one INVLPG anywhere in it. */
    private void changeLarge(long tableGpa) {
        if (random.nextBoolean()) {
            tables.setEntry(LARGE, SIZE_2M, FRAMES | P | U | PageTables.LARGE | flagsOfLarge());
        } else {
            for (int i = 0; i < PAGES_PER_2M; i++) {
                memory.setLong(tableGpa + i * 8L, randomEntry(i * 4096L) | U);
            }
            tables.setEntry(LARGE, SIZE_2M, tableGpa | P | W | U);
        }
        mmu.invalidatePage(LARGE + random.nextInt(2 << 20));
        // Linux flushes pages of a table one by one; here all of them may have changed.
        for (int i = 0; i < PAGES_PER_2M; i++) {
            mmu.invalidatePage(LARGE + i * 4096L);
        }
    }

    private long flagsOfLarge() {
        return random.nextBoolean() ? W | A | D : A;
    }

    private void changeCode() {
        long gfn = (FRAMES >>> 12) + random.nextInt(PAGES);
        if (random.nextBoolean()) {
            mmu.protectCodePage(gfn);
        } else {
            mmu.releaseCodePage(gfn);
        }
    }

    private void changeManyThenFlush() {
        for (int i = 0; i < 5; i++) {
            long offset = random.nextInt(PAGES) * 4096L;
            tables.setEntry(USER + offset, SIZE_4K, randomEntry(offset) | U);
        }
        if (random.nextBoolean()) {
            mmu.setRoot(tables.rootGpa(), false);
        } else {
            mmu.flushAll();
        }
    }

    private void access(int step, long seed) {
        long region = new long[] {USER, USER, KERNEL, LARGE}[random.nextInt(4)];
        long gva = region + random.nextInt(PAGES) * 4096L + random.nextInt(4096);
        Access access = Access.values()[random.nextInt(3)];
        boolean userMode = region != KERNEL && random.nextInt(4) != 0;
        Mmu.Outcome outcome = mmu.resolve(gva, AddressMap.gvaToHva(gva), access, userMode);
        host.run();
        if (outcome == Mmu.Outcome.MAPPED && access != Access.EXECUTE) {
            String needed = access == Access.WRITE ? "rw" : "r";
            assertTrue(
                    host.at(AddressMap.gvaToHva(gva)).startsWith(needed),
                    "seed " + seed + " step " + step + ": the retry would fault for ever");
        }
    }

    private void check(long region, int pages, String where) {
        for (int i = 0; i < pages; i++) {
            long gva = region + i * 4096L;
            String shown = host.at(AddressMap.gvaToHva(gva));
            if ("-".equals(shown)) {
                continue;
            }
            String message = where + String.format(" gva 0x%x: %s", gva, shown);
            assertTrue(walker.walk(tables.rootGpa(), gva), message);
            assertEquals(Long.toHexString(walker.gpa()), shown.substring(4), message);
            if (shown.charAt(1) == 'w') {
                assertTrue(walker.isWritable() && walker.isDirty(), message);
                assertTrue(!mmu.isCodeFrame(walker.gpa()), message);
            }
            if (shown.charAt(2) == 'x') {
                assertTrue(walker.isUser() && walker.isExecutable(), message);
            }
        }
    }
}
