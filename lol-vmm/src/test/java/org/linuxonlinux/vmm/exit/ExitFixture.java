// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.ArrayList;
import java.util.List;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.translate.CodeCache;
import org.linuxonlinux.translate.GateEntries;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.UnknownAccesses;
import org.linuxonlinux.vmm.cpu.CpuidModel;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.MsrDevice;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.TimeSource;
import org.linuxonlinux.vmm.irq.TscClock;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.legacy.PortBus;

/** All parts of a vCPU but the process: {@link #transport} plays that. */
final class ExitFixture implements AutoCloseable {
    private static final int CODE_CACHE_BYTES = 4 << 20;

    final GuestFixture guest = new GuestFixture();
    final FakeTransport transport = new FakeTransport(guest.page);
    final GateCode gate = GateCode.generate();
    final CodeCache codeCache = CodeCache.create(CODE_CACHE_BYTES);
    final Translator translator =
            new Translator(guest.mmu, codeCache, (guestRip, hva) -> {}, GateEntries.of(gate));
    final List<String> log = new ArrayList<>();
    final PortBus ports = new PortBus(new UnknownAccesses("port", log::add));
    final MmioBus mmio = new MmioBus(new UnknownAccesses("device memory", log::add));
    final LocalApic apic;
    final CpuidModel cpuid = guest.cpuid();
    final MsrModel msrs;
    final VcpuParts parts;

    ExitFixture() {
        guest.page.initialise();
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
                        guest.events,
                        apic,
                        cpuid,
                        msrs,
                        ports,
                        mmio);
    }

    @Override
    public void close() {
        translator.close();
        codeCache.close();
        guest.close();
    }
}
