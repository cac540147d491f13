// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.nio.ByteBuffer;
import java.util.List;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.mmu.AddressSpaces;
import org.linuxonlinux.vmm.mmu.GuestTables;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * A vCPU's state and 8 MB of guest RAM that is mapped at {@link #BASE}, with descriptor tables, a
 * task-state segment and handlers for every vector.
 *
 * <pre>
 * gpa 0x01000 GDT   0x02000 IDT   0x03000 TSS
 *     0x10000 and up  page tables
 *     0x50000 top of the RSP0 stack, 0x60000 IST1, 0x62000 IST2, 0x70000 current kernel stack
 *     0x80000 and up  free
 * </pre>
 */
public final class GuestFixture implements AutoCloseable {
    /** GVA of guest-physical address 0. */
    public static final long BASE = 0xffff_8880_0000_0000L;

    public static final long GDT = BASE + 0x1000;
    public static final int GDT_LIMIT = 0x7f;
    public static final long IDT = BASE + 0x2000;
    public static final long TSS = BASE + 0x3000;
    public static final long RSP0 = BASE + 0x5_0000;
    public static final long IST1 = BASE + 0x6_0000;
    public static final long IST2 = BASE + 0x6_2000;
    public static final long KERNEL_RSP = BASE + 0x7_0000;
    public static final long FREE = BASE + 0x8_0000;

    /** Handler of vector <i>n</i> is at this address + 16 <i>n</i>. */
    public static final long HANDLERS = 0xffff_ffff_8180_0000L;

    public static final int KERNEL_CS = 0x10;
    public static final int KERNEL_DS = 0x18;
    public static final int USER_DS = 0x2b;
    public static final int USER_CS = 0x33;
    public static final int TASK = 0x40;

    public static final long TSC_KHZ = 2_000_000;

    public static final int INTERRUPT_GATE = 0xe;
    public static final int TRAP_GATE = 0xf;

    public final GuestMemory memory = GuestMemory.anonymous(8 << 20);
    public final GuestTables pageTables = new GuestTables(memory, 0x1_0000);
    public final AddressSpaces spaces = new AddressSpaces(1);
    public final HostCommandQueue commands = spaces.current().commands();
    public final Mmu mmu = new Mmu(memory, spaces, 3, 1000);
    public final VcpuPage page =
            new VcpuPage(ByteBuffer.allocateDirect(AddressMap.VCPU_PAGE_SIZE_BYTES));
    public final ControlState control = new ControlState(page);
    public final DescriptorTables tables = new DescriptorTables(mmu);
    public final EventDelivery events = new EventDelivery(mmu, tables, control);
    public final GuestState state = new GuestState();

    public GuestFixture() {
        pageTables.mapRange(
                BASE, 0, GuestTables.SIZE_4K, 512, GuestTables.P | GuestTables.W | GuestTables.G);
        pageTables.mapRange(
                BASE + (2 << 20),
                2 << 20,
                GuestTables.SIZE_2M,
                3,
                GuestTables.P | GuestTables.W | GuestTables.G);
        mmu.setWriteProtect(true);
        mmu.setRoot(pageTables.rootGpa(), false);
        control.setCr3(pageTables.rootGpa());
        descriptor(KERNEL_CS, 0x00af_9b00_0000_ffffL);
        descriptor(KERNEL_DS, 0x00cf_9300_0000_ffffL);
        descriptor(0x20, 0x00cf_fb00_0000_ffffL);
        descriptor(USER_DS, 0x00cf_f300_0000_ffffL);
        descriptor(USER_CS, 0x00af_fb00_0000_ffffL);
        long base = TSS;
        long tssLow = 0x0000_8900_0000_0067L | (base & 0xff_ffff) << 16;
        tssLow |= (base >>> 24 & 0xff) << 56;
        descriptor(TASK, tssLow);
        descriptor(TASK + 8, TSS >>> 32);
        tables.setGdtr(GDT, GDT_LIMIT);
        tables.setIdtr(IDT, 256 * 16 - 1);
        for (int vector = 0; vector < 256; vector++) {
            gate(vector, INTERRUPT_GATE, 0, 0);
        }
        setLong(TSS + 4, RSP0);
        setLong(TSS + 36, IST1);
        setLong(TSS + 44, IST2);
        try {
            tables.loadTaskRegister(TASK);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
        kernelMode();
    }

    /** A CPU that has everything. */
    public CpuidModel cpuid() {
        CpuidModel cpuid = new CpuidModel(FakeHost.amdWithEverything(), TSC_KHZ);
        cpuid.connectCr4(control::cr4);
        return cpuid;
    }

    /** Registers of such a CPU; base registers are those of {@link #control}. */
    public MsrModel msrs(CpuidModel cpuid, MsrDevice... devices) {
        BaseRegisters bases =
                new BaseRegisters() {
                    @Override
                    public long fsBase() {
                        return control.fsBase();
                    }

                    @Override
                    public long gsBase() {
                        return control.gsBase();
                    }

                    @Override
                    public long kernelGsBase() {
                        return control.kernelGsBase();
                    }

                    @Override
                    public void setFsBase(long gva) {
                        control.setFsBase(gva);
                    }

                    @Override
                    public void setGsBase(long gva) {
                        control.setGsBase(gva);
                    }

                    @Override
                    public void setKernelGsBase(long gva) {
                        control.setKernelGsBase(gva);
                    }
                };
        return new MsrModel(cpuid, () -> 0x1234_5678_9abcL, bases, List.of(devices), line -> {});
    }

    /** CPL 0 with interrupts on, at a made-up place. */
    public void kernelMode() {
        state.setKernelMode(true);
        state.setCs(KERNEL_CS);
        state.setSs(KERNEL_DS);
        state.setGpr(GuestState.RSP, KERNEL_RSP);
        state.setRip(0xffff_ffff_8100_1234L);
        state.setRflags(Rflags.IF | Rflags.CF);
    }

    /** CPL 3 with interrupts on, at a made-up place. */
    public void userMode() {
        state.setKernelMode(false);
        state.setCs(USER_CS);
        state.setSs(USER_DS);
        state.setGpr(GuestState.RSP, 0x7fff_1234_5678L);
        state.setRip(0x5555_0000_1234L);
        state.setRflags(Rflags.IF | Rflags.CF);
    }

    /** Writes a GDT entry. */
    public void descriptor(int selector, long value) {
        setLong(GDT + (selector & ~7), value);
    }

    /** Writes a present IDT entry that leads to {@link #handler}. */
    public void gate(int vector, int type, int ist, int dpl) {
        rawGate(vector, type | dpl << 5 | 0x80, ist, handler(vector));
    }

    /** Writes an IDT entry with any type byte. */
    public void rawGate(int vector, int typeByte, int ist, long handler) {
        long low =
                (handler & 0xffff)
                        | (long) KERNEL_CS << 16
                        | (long) ist << 32
                        | (long) typeByte << 40
                        | (handler & 0xffff_0000L) << 32;
        setLong(IDT + vector * 16L, low);
        setLong(IDT + vector * 16L + 8, handler >>> 32);
    }

    public static long handler(int vector) {
        return HANDLERS + vector * 16L;
    }

    /** Takes a page of {@link #BASE} away. */
    public void unmap(long gva) {
        pageTables.unmap(gva);
    }

    public long getLong(long gva) {
        return memory.getLong(gva - BASE);
    }

    public void setLong(long gva, long value) {
        memory.setLong(gva - BASE, value);
    }

    /** Writes code or data. */
    public void put(long gva, int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            memory.setByte(gva - BASE + i, (byte) bytes[i]);
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
