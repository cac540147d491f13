// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.mmu.GuestTables.A;
import static org.linuxonlinux.vmm.mmu.GuestTables.D;
import static org.linuxonlinux.vmm.mmu.GuestTables.G;
import static org.linuxonlinux.vmm.mmu.GuestTables.NX;
import static org.linuxonlinux.vmm.mmu.GuestTables.P;
import static org.linuxonlinux.vmm.mmu.GuestTables.SIZE_4K;
import static org.linuxonlinux.vmm.mmu.GuestTables.U;
import static org.linuxonlinux.vmm.mmu.GuestTables.W;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.memory.GuestMemory;

/**
 * Random changes of the page tables of several address spaces, each followed by the flush the
 * architecture asks for, and switches between them by the monitor and by the gate: whenever the
 * guest runs, its host process must permit no more than the tables of its address space do.
 */
final class AddressSpacesRandomTest {
    private static final int STEPS = 4000;
    private static final int PAGES = 24;
    private static final int PCIDS = 6;
    private static final long USER = 0x5555_5540_0000L;
    private static final long KERNEL = 0xffff_8880_0040_0000L;
    private static final long FRAMES = 0x20_0000;
    private static final long TABLES = 0x1_0000;
    private static final long TABLES_SIZE = 0x1_0000;
    private static final long NOFLUSH = 1L << 63;

    private final GuestMemory memory = GuestMemory.anonymous(8 << 20);
    private final List<GuestTables> tables = new ArrayList<>();
    private final List<HostModel> hosts = new ArrayList<>();
    private final PageWalker walker = new PageWalker(memory);
    private final VcpuPage page =
            new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES));
    private Random random = new Random(0);
    private AddressSpaces spaces;
    private Mmu mmu;
    private int pcid;
    private int byGate;
    private int outdated;

    /**
     * With as many context processes as PCIDs, and with fewer; with mappings that are given up at
     * once, now and then, and never.
     */
    @ParameterizedTest(name = "seed {0}, {1} context processes, {2} host calls wait at most")
    @CsvSource({"1, 8, 1000000", "2, 8, 2", "3, 3, 4", "4, 3, 1000000", "5, 2, 0", "6, 8, 8"})
    void theRunningProcessNeverPermitsMoreThanItsTables(long seed, int contexts, int maxWaiting) {
        random = new Random(seed);
        spaces = new AddressSpaces(contexts, maxWaiting);
        spaces.onStart(space -> hosts.add(new HostModel(space.commands())));
        hosts.add(new HostModel(spaces.current().commands()));
        mmu = new Mmu(memory, spaces, 3, 1000);
        page.initialise();
        makeTables();
        mmu.setWriteProtect(true);
        mmu.setRoot(tables.get(0).rootGpa(), true);
        for (int step = 0; step < STEPS; step++) {
            switch (random.nextInt(12)) {
                case 0, 1 -> changeUserPage();
                case 2 -> changeKernelPage();
                case 3, 4 -> writeCr3();
                case 5, 6 -> switchByGate();
                case 7 -> changeManyThenFlush();
                case 8 -> changeCode();
                default -> access("seed " + seed + " step " + step);
            }
            mmu.publish(page);
            for (AddressSpace space : spaces.all()) {
                outdated += space.isOutdated() ? 1 : 0;
                boolean waits = space == spaces.current() || space.commands().count() <= maxWaiting;
                assertTrue(waits, "too many host calls wait");
            }
            hosts.get(mmu.slot()).run();
            String where = "seed " + seed + " step " + step + " pcid " + pcid;
            check(USER, where);
            check(KERNEL, where);
        }
        assertTrue(spaces.count() <= contexts);
        assertEquals(contexts < PCIDS, spaces.recycled() != 0);
        assertTrue(byGate > STEPS / 100, "switches by the gate: " + byGate);
        assertEquals(maxWaiting < STEPS, outdated > STEPS / 100, "outdated: " + outdated);
        memory.close();
    }

    /** One half of the tables is the same in all address spaces. */
    private void makeTables() {
        for (int i = 0; i < PCIDS; i++) {
            tables.add(new GuestTables(memory, TABLES + i * TABLES_SIZE));
            tables.get(i).map(USER, FRAMES, SIZE_4K, P | U | A);
        }
        tables.get(0).map(KERNEL, FRAMES, SIZE_4K, P | G | A);
        long top = (KERNEL >>> 39 & 0x1ff) * Long.BYTES;
        long entry = memory.getLong(tables.get(0).rootGpa() + top);
        for (GuestTables others : tables) {
            memory.setLong(others.rootGpa() + top, entry);
        }
    }

    private long randomEntry(long offset) {
        long entry = FRAMES + (random.nextInt(4) == 0 ? random.nextInt(64) * 4096L : offset);
        entry |= random.nextInt(8) == 0 ? 0 : P;
        entry |= random.nextInt(3) == 0 ? 0 : W;
        entry |= random.nextInt(3) == 0 ? 0 : A;
        entry |= random.nextInt(3) == 0 ? 0 : D;
        return entry | (random.nextInt(3) == 0 ? NX : 0);
    }

    private void setUserEntry(int of) {
        long offset = random.nextInt(PAGES) * 4096L;
        tables.get(of).setEntry(USER + offset, SIZE_4K, randomEntry(offset) | U);
    }

    private void changeUserPage() {
        int of = random.nextInt(PCIDS);
        long offset = random.nextInt(PAGES) * 4096L;
        tables.get(of).setEntry(USER + offset, SIZE_4K, randomEntry(offset) | U);
        if (of == pcid && random.nextBoolean()) {
            mmu.invalidatePage(USER + offset);
        } else {
            mmu.flushPcid(of);
        }
    }

    private void changeKernelPage() {
        long offset = random.nextInt(PAGES) * 4096L;
        tables.get(0).setEntry(KERNEL + offset, SIZE_4K, randomEntry(offset) | G);
        mmu.invalidatePage(KERNEL + offset);
    }

    private void writeCr3() {
        pcid = random.nextInt(PCIDS);
        if (random.nextBoolean()) {
            mmu.setRoot(cr3() | NOFLUSH, true);
        } else {
            setUserEntry(pcid);
            mmu.setRoot(cr3(), true);
        }
    }

    private long cr3() {
        return tables.get(pcid).rootGpa() | pcid;
    }

    /** What the gate does with what the monitor has published before the entry. */
    private void switchByGate() {
        int wanted = random.nextInt(PCIDS);
        long cr3 = tables.get(wanted).rootGpa() | wanted;
        for (int slot = 0; slot < AddressMap.MAX_CONTEXTS; slot++) {
            if (page.get(VcpuPageLayout.SLOT_CR3 + slot * Long.BYTES) == cr3) {
                byGate += wanted == pcid ? 0 : 1;
                pcid = wanted;
                mmu.follow(slot);
                return;
            }
        }
    }

    private void changeManyThenFlush() {
        for (int i = 0; i < 5; i++) {
            setUserEntry(random.nextInt(PCIDS));
        }
        if (random.nextBoolean()) {
            mmu.flushNonGlobal();
        } else {
            mmu.flushAll();
        }
    }

    private void changeCode() {
        long gfn = (FRAMES >>> 12) + random.nextInt(PAGES);
        if (random.nextBoolean()) {
            mmu.protectCodePage(gfn);
        } else {
            mmu.releaseCodePage(gfn);
        }
    }

    private void access(String where) {
        boolean user = random.nextInt(3) != 0;
        long gva = (user ? USER : KERNEL) + random.nextInt(PAGES) * 4096L + random.nextInt(4096);
        Access access = Access.values()[random.nextInt(3)];
        Mmu.Outcome outcome = mmu.resolve(gva, AddressMap.gvaToHva(gva), access, user);
        HostModel host = hosts.get(mmu.slot());
        host.run();
        if (outcome == Mmu.Outcome.MAPPED && access != Access.EXECUTE) {
            String needed = access == Access.WRITE ? "rw" : "r";
            assertTrue(
                    host.at(AddressMap.gvaToHva(gva)).startsWith(needed),
                    where + ": the retry would fault for ever");
        }
    }

    private void check(long region, String where) {
        HostModel host = hosts.get(mmu.slot());
        for (int i = 0; i < PAGES; i++) {
            long gva = region + i * 4096L;
            String shown = host.at(AddressMap.gvaToHva(gva));
            if ("-".equals(shown)) {
                continue;
            }
            String message = where + String.format(" gva 0x%x: %s", gva, shown);
            assertTrue(walker.walk(tables.get(pcid).rootGpa(), gva), message);
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
