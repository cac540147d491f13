// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.ArrayList;
import java.util.List;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.translate.CodeCache;
import org.linuxonlinux.translate.GateEntries;
import org.linuxonlinux.translate.InlinePorts;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.UnknownAccesses;
import org.linuxonlinux.vmm.cpu.CpuidModel;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.MsrDevice;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.PvEoi;
import org.linuxonlinux.vmm.irq.TimeSource;
import org.linuxonlinux.vmm.irq.TscClock;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.legacy.PortBus;
import org.linuxonlinux.vmm.mmu.GuestTables;

/** All parts of a vCPU but the process: {@link #transport} plays that. */
final class ExitFixture implements AutoCloseable {
    /** Kernel code; GPA 0x200000. */
    static final long TEXT = 0xffff_ffff_8100_0000L;

    private static final long TEXT_GPA = 0x20_0000;
    private static final long USER_GPA = 0x30_0000;
    private static final int HLT = 0xf4;
    private static final int CODE_CACHE_BYTES = 4 << 20;

    final GuestFixture guest = new GuestFixture();
    final FakeTransport transport = new FakeTransport(guest.page);
    final GateCode gate = GateCode.generate(GateCode.Form.TRACED);
    final CodeCache codeCache = CodeCache.create(CODE_CACHE_BYTES);
    final Translator translator =
            new Translator(
                    guest.mmu,
                    codeCache,
                    (guestRip, hva) -> {},
                    GateEntries.of(gate),
                    InlinePorts.NONE);
    final List<String> log = new ArrayList<>();
    final PortBus ports = new PortBus(new UnknownAccesses("port", log::add));
    final MmioBus mmio = new MmioBus(new UnknownAccesses("device memory", log::add));
    final LocalApic apic;
    final CpuidModel cpuid = guest.cpuid();
    final MsrModel msrs;
    final VcpuParts parts;

    ExitFixture() {
        guest.page.initialise();
        guest.mmu.onCodeWrite(translator::invalidateFrame);
        TimeSource time =
                new TimeSource() {
                    @Override
                    public long tsc() {
                        return 2 * System.nanoTime();
                    }

                    @Override
                    public long nanoTime() {
                        return System.nanoTime();
                    }
                };
        apic = new LocalApic(0, new TscClock(time, GuestFixture.TSC_KHZ));
        msrs = guest.msrs(cpuid, MsrDevice.of(LocalApic::owns, apic::readMsr, apic::writeMsr));
        parts =
                new VcpuParts(
                        guest.state,
                        guest.page,
                        guest.control,
                        transport,
                        translator,
                        gate,
                        guest.mmu,
                        guest.tables,
                        new ThreadAreas(guest.page, guest.tables, guest.mmu, guest.commands),
                        guest.events,
                        apic,
                        new PvEoi(guest.memory, apic),
                        cpuid,
                        msrs,
                        ports,
                        mmio,
                        null,
                        true);
    }

    /** Maps kernel text and the handlers of {@link GuestFixture}; all of it is HLT. */
    void mapText() {
        long flags = GuestTables.P | GuestTables.W | GuestTables.A | GuestTables.D;
        guest.pageTables.mapRange(TEXT, TEXT_GPA, GuestTables.SIZE_4K, 4, flags);
        long handlers = TEXT_GPA + 0x1_0000;
        guest.pageTables.mapRange(GuestFixture.HANDLERS, handlers, GuestTables.SIZE_4K, 1, flags);
        for (int i = 0; i < 0x1000; i++) {
            guest.memory.setByte(TEXT_GPA + i, (byte) HLT);
            guest.memory.setByte(handlers + i, (byte) HLT);
        }
    }

    /** Writes kernel code. */
    void put(long guestRip, String hex) {
        byte[] bytes = Code.bytes(hex);
        guest.memory.write(TEXT_GPA + (guestRip - TEXT), bytes);
    }

    /** Maps a page of user code and writes to its start. */
    void mapUser(long gva, String hex) {
        guest.pageTables.map(
                gva, USER_GPA, GuestTables.SIZE_4K, GuestTables.P | GuestTables.W | GuestTables.U);
        guest.memory.write(USER_GPA, Code.bytes(hex));
    }

    @Override
    public void close() {
        translator.close();
        codeCache.close();
        guest.close();
    }
}
