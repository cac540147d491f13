// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.linuxonlinux.acpi.AcpiBlob;
import org.linuxonlinux.acpi.AcpiConfig;
import org.linuxonlinux.acpi.AcpiTables;
import org.linuxonlinux.acpi.MpTable;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostCpu;
import org.linuxonlinux.host.TscFrequency;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.ptrace.TracedProcess;
import org.linuxonlinux.redirect.CallSites;
import org.linuxonlinux.redirect.HostCapabilities;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.redirect.Redirectors;
import org.linuxonlinux.translate.GateEntries;
import org.linuxonlinux.translate.InlinePorts;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.translate.TranslatorCounters;
import org.linuxonlinux.vmm.boot.BootState;
import org.linuxonlinux.vmm.boot.KernelImage;
import org.linuxonlinux.vmm.console.ConsoleBackend;
import org.linuxonlinux.vmm.cpu.BaseRegisters;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.CpuidModel;
import org.linuxonlinux.vmm.cpu.DescriptorTables;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrDevice;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.exit.ExitStatistics;
import org.linuxonlinux.vmm.exit.ExitTransport;
import org.linuxonlinux.vmm.exit.GateMemory;
import org.linuxonlinux.vmm.exit.PtraceTransport;
import org.linuxonlinux.vmm.exit.SignalTransport;
import org.linuxonlinux.vmm.exit.ThreadAreas;
import org.linuxonlinux.vmm.exit.Vcpu;
import org.linuxonlinux.vmm.exit.VcpuParts;
import org.linuxonlinux.vmm.irq.ApicBus;
import org.linuxonlinux.vmm.irq.IoApic;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.PvClock;
import org.linuxonlinux.vmm.irq.PvEoi;
import org.linuxonlinux.vmm.irq.TimeSource;
import org.linuxonlinux.vmm.irq.TscClock;
import org.linuxonlinux.vmm.legacy.IoApicWindow;
import org.linuxonlinux.vmm.legacy.LegacyPorts;
import org.linuxonlinux.vmm.legacy.LocalApicWindow;
import org.linuxonlinux.vmm.legacy.MachineControl;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.legacy.PortBus;
import org.linuxonlinux.vmm.legacy.PowerPorts;
import org.linuxonlinux.vmm.legacy.Rtc;
import org.linuxonlinux.vmm.legacy.Uart16550;
import org.linuxonlinux.vmm.mmu.AddressSpaces;
import org.linuxonlinux.vmm.mmu.Mmu;

/** The parts of a virtual machine and how they are wired: vCPU, clocks, interrupts, devices. */
final class Machine implements AutoCloseable {
    private static final int COM1_PORT = 0x3f8;
    private static final int COM1_GSI = 4;

    /** CR0 at entry: PE, MP, ET, NE, WP, AM, PG (x86 boot protocol asks for PE and PG). */
    private static final long BOOT_CR0 = 0x8005_0033L;

    /** CR4 at entry: PAE. */
    private static final long BOOT_CR4 = 0x20L;

    /** Ports that translated code serves through the vCPU page. */
    static final InlinePorts INLINE_PORTS =
            new InlinePorts(COM1_PORT + Uart16550.LINE_STATUS_REGISTER, COM1_PORT);

    private static final long EFER_LME_LMA = 0x500L;

    /** Mappings left to the host's own needs below vm.max_map_count. */
    private static final int SPARE_MAPPINGS = 1000;

    private static final Path MAX_MAP_COUNT = Path.of("/proc/sys/vm/max_map_count");
    private static final int DEFAULT_MAX_MAP_COUNT = 65_530;

    private final GuestMemory memory;
    private final Translator translator;
    private final AddressSpaces spaces;
    private final Mmu mmu;
    private final VcpuPage page;
    private final ControlState control;
    private final GuestState state = new GuestState();
    private final LocalApic apic;
    private final IoApic ioApic;
    private final PortBus ports;
    private final MmioBus mmio;
    private final ExitTransport transport;
    private final CallSites callSites;
    private final EventDelivery events;
    private final Vcpu vcpu;
    private final Consumer<ExitOutcome> end;

    Machine(
            GuestMemory memory,
            GateMemory gateMemory,
            RedirectMode redirect,
            int contexts,
            HostCapabilities host,
            HostCpu hostCpu,
            TscFrequency tscFrequency,
            KernelImage kernel,
            BootState boot,
            Optional<TranslationCache> translationCache,
            Consumer<ExitOutcome> end,
            Consumer<String> log) {
        this.memory = memory;
        this.end = end;
        page = gateMemory.page();
        control = new ControlState(page);
        // A traced guest has one context process.
        boolean traced = Redirectors.of(redirect).needsTracer();
        spaces = new AddressSpaces(traced ? 1 : contexts);
        mmu = new Mmu(memory, spaces, GateMemory.RAM_FD, maxMappings());
        translator =
                new Translator(
                        mmu,
                        gateMemory.codeCache(),
                        gateMemory.branchTable(),
                        GateEntries.of(gateMemory.gate()),
                        INLINE_PORTS);
        translator.addDynamic(kernel.exceptionTable());
        translationCache.ifPresent(cache -> cache.loadInto(translator));
        mmu.onCodeWrite(translator::invalidateFrame);

        TimeSource time = TimeSource.of(hostCpu::rdtsc);
        TscClock clock = new TscClock(time, tscFrequency.hertz() / 1000);
        apic = new LocalApic(0, clock);
        ApicBus apicBus = new ApicBus(List.of(apic));
        ioApic = new IoApic(0, apicBus);
        apic.connectEoi(ioApic::endOfInterrupt);
        mmio = new MmioBus(new UnknownAccesses("device memory", log));
        mmio.register(GuestLayout.IO_APIC_GPA, IoApic.WINDOW_SIZE, new IoApicWindow(ioApic));
        mmio.register(GuestLayout.LOCAL_APIC_GPA, GuestLayout.PAGE_SIZE, new LocalApicWindow(apic));
        ports = new PortBus(new UnknownAccesses("port", log));

        DescriptorTables tables = new DescriptorTables(mmu);
        tables.setGdtr(boot.gdtBase(), boot.gdtLimit());
        events = new EventDelivery(mmu, tables, control);
        transport = startTransport(redirect, host, gateMemory);
        callSites = gateMemory.callSites();
        if (callSites != null) {
            mmu.showCallSites(callSites, GateMemory.SITES_FD);
        }
        PvEoi pvEoi = new PvEoi(memory, apic);
        PvClock pvClock = new PvClock(memory, clock, InstantSource.system());
        CpuidModel cpuid = new CpuidModel(hostCpu, clock.frequencyKhz());
        cpuid.connectCr4(control::cr4);
        if (spaces.areMany()) {
            cpuid.offerPcids();
        }
        cpuid.connectApic(apic::isEnabled);
        MsrModel msrs =
                new MsrModel(
                        cpuid,
                        hostCpu::rdtsc,
                        baseRegisters(),
                        List.of(
                                MsrDevice.of(LocalApic::owns, apic::readMsr, apic::writeMsr),
                                MsrDevice.of(PvEoi::owns, pvEoi::readMsr, pvEoi::writeMsr),
                                MsrDevice.of(PvClock::owns, pvClock::readMsr, pvClock::writeMsr)),
                        log);
        vcpu =
                new Vcpu(
                        new VcpuParts(
                                state,
                                page,
                                control,
                                transport,
                                translator,
                                gateMemory.gate(),
                                mmu,
                                tables,
                                new ThreadAreas(page, tables, mmu, spaces),
                                events,
                                apic,
                                pvEoi,
                                cpuid,
                                msrs,
                                ports,
                                mmio,
                                gateMemory.callSites(),
                                gateMemory.canPremap()));
        apic.connectKick(vcpu::kick);
        enterKernel(boot);
        AcpiConfig firmware = acpiConfig();
        AcpiBlob acpi = AcpiTables.build(firmware);
        memory.write(acpi.gpa(), acpi.bytes());
        AcpiBlob mpTable = MpTable.build(firmware, GuestLayout.EBDA_GPA);
        memory.write(mpTable.gpa(), mpTable.bytes());
    }

    private ExitTransport startTransport(
            RedirectMode redirect, HostCapabilities host, GateMemory gateMemory) {
        if (!Redirectors.of(redirect).needsTracer()) {
            return SignalTransport.start(gateMemory, memory, control, spaces, host);
        }
        TracedProcess process = gateMemory.startTraced(memory);
        return new PtraceTransport(
                process,
                page,
                control,
                gateMemory.gate(),
                spaces.current().commands(),
                gateMemory.hasSyscallFilter());
    }

    private static AcpiConfig acpiConfig() {
        return new AcpiConfig(
                GuestLayout.ACPI_TABLES_GPA,
                GuestLayout.LOCAL_APIC_GPA,
                List.of(0),
                new AcpiConfig.IoApic(0, GuestLayout.IO_APIC_GPA, 0),
                new AcpiConfig.Power(
                        PowerPorts.SLEEP_CONTROL_PORT,
                        PowerPorts.SLEEP_STATUS_PORT,
                        PowerPorts.SLEEP_TYPE_S5,
                        PowerPorts.RESET_PORT,
                        PowerPorts.RESET_VALUE),
                List.of(new AcpiConfig.SerialPort(COM1_PORT, COM1_GSI)),
                Optional.of(new AcpiConfig.Rtc(Rtc.BASE_PORT, Rtc.CENTURY_INDEX)));
    }

    /** Mappings a context process may have, from the host's limit. */
    private static int maxMappings() {
        int limit = DEFAULT_MAX_MAP_COUNT;
        // A sysctl file gives its text to the first read only, which must have room for all of it.
        byte[] text = new byte[32];
        try (InputStream in = Files.newInputStream(MAX_MAP_COUNT)) {
            int length = in.read(text);
            limit = Integer.parseInt(new String(text, 0, length, US_ASCII).strip());
        } catch (IOException | NumberFormatException e) {
            // Not readable in some containers; the kernel's default then.
        }
        return Math.max(limit - SPARE_MAPPINGS, limit / 2);
    }

    private BaseRegisters baseRegisters() {
        return new BaseRegisters() {
            @Override
            public long fsBase() {
                return control.fsBase();
            }

            @Override
            public void setFsBase(long gva) {
                control.setFsBase(gva);
            }

            @Override
            public long gsBase() {
                return control.gsBase();
            }

            @Override
            public void setGsBase(long gva) {
                control.setGsBase(gva);
                transport.basesChanged();
            }

            @Override
            public long kernelGsBase() {
                return control.kernelGsBase();
            }

            @Override
            public void setKernelGsBase(long gva) {
                control.setKernelGsBase(gva);
            }
        };
    }

    /** The state of the 64-bit boot protocol (Linux Documentation/arch/x86/boot.rst). */
    private void enterKernel(BootState boot) {
        state.setKernelMode(true);
        state.setRip(boot.entryRip());
        state.setGpr(GuestState.RSI, boot.bootParamsGpa());
        state.setGpr(GuestState.RSP, boot.stackGpa());
        state.setCs(BootState.BOOT_CS);
        state.setSs(BootState.BOOT_DS);
        control.setSelector(ControlState.DS, BootState.BOOT_DS);
        control.setSelector(ControlState.ES, BootState.BOOT_DS);
        control.setCr0(BOOT_CR0);
        control.setCr3(boot.cr3());
        control.setCr4(BOOT_CR4);
        page.set(VcpuPageLayout.EFER, EFER_LME_LMA);
        mmu.setWriteProtect(true);
        mmu.setRoot(boot.cr3(), false);
    }

    /** Connects the devices and runs the guest until it ends or is stopped. */
    void run(ConsoleBackend console) {
        MachineControl machineControl =
                new MachineControl() {
                    @Override
                    public void reset(String how) {
                        end.accept(new ExitOutcome(ExitOutcome.Kind.RESET, how));
                    }

                    @Override
                    public void powerOff() {
                        end.accept(new ExitOutcome(ExitOutcome.Kind.POWER_OFF, ""));
                    }
                };
        PowerPorts.register(ports, machineControl);
        LegacyPorts.register(ports);
        ports.register(Rtc.BASE_PORT, Rtc.PORT_COUNT, new Rtc(InstantSource.system()));
        Uart16550 uart =
                new Uart16550(COM1_PORT, console, ioApic.line(COM1_GSI), vcpu.inlineUart());
        vcpu.inlineUart().connect(uart, COM1_PORT);
        ports.register(COM1_PORT, Uart16550.PORT_COUNT, uart);
        console.attach(uart::offer);
        vcpu.run();
    }

    /** Any thread. */
    void requestStop() {
        vcpu.requestStop();
    }

    /** Only when the vCPU has ended. */
    Translator translator() {
        return translator;
    }

    Statistics statistics() {
        List<Statistics.Group> groups = new ArrayList<>();
        List<Statistics.Line> exits = new ArrayList<>();
        for (ExitStatistics.Row row : vcpu.statistics().rows()) {
            exits.add(new Statistics.Line(row.kind().text(), row.count(), row.nanos()));
        }
        groups.add(new Statistics.Group("exits", exits));
        TranslatorCounters counters = translator.counters();
        groups.add(
                new Statistics.Group(
                        "translation",
                        List.of(
                                new Statistics.Line(
                                        "blocks", counters.blocks(), counters.translateNanos()),
                                new Statistics.Line(
                                        "guest instructions", counters.guestInstructions()),
                                new Statistics.Line("code cache bytes", counters.hostBytes()),
                                new Statistics.Line(
                                        "unchanged blocks revived", counters.revivedBlocks()),
                                new Statistics.Line(
                                        "blocks from the cache", counters.loadedBlocks()),
                                new Statistics.Line("branches chained", counters.links()),
                                new Statistics.Line(
                                        "blocks invalidated", counters.invalidatedBlocks()),
                                new Statistics.Line("cache flushes", counters.flushes()))));
        groups.add(
                new Statistics.Group(
                        "memory",
                        List.of(
                                new Statistics.Line("pages mapped", mmu.pagesMapped()),
                                new Statistics.Line("host mapping calls", spaces.commandsQueued()),
                                new Statistics.Line("mappings in force", mmu.runCount()),
                                new Statistics.Line("evictions", mmu.evictions()),
                                new Statistics.Line("context processes", spaces.count()),
                                new Statistics.Line("switches by the gate", switchesByGate()),
                                new Statistics.Line("switches by the monitor", mmu.rootChanges()),
                                new Statistics.Line(
                                        "address spaces recycled", spaces.recycled()))));
        groups.add(
                new Statistics.Group(
                        "guest",
                        List.of(
                                new Statistics.Line(
                                        "system calls redirected", transport.systemCalls()),
                                new Statistics.Line(
                                        "of these from patched call sites",
                                        page.get(VcpuPageLayout.COUNT_GATE_CALL)),
                                new Statistics.Line(
                                        "call sites patched",
                                        callSites == null ? 0 : callSites.patchedSites()),
                                new Statistics.Line(
                                        "copies of code pages dropped",
                                        callSites == null ? 0 : callSites.droppedCopies()))));
        return new Statistics(groups);
    }

    private long switchesByGate() {
        return page.get(VcpuPageLayout.COUNT_SWITCH);
    }

    String describeState() {
        StringBuilder text = new StringBuilder();
        text.append(vcpu.describe());
        text.append(String.format("guest RAM: sizeBytes=0x%x%n", memory.sizeBytes()));
        return text.toString();
    }

    @Override
    public void close() {
        transport.close();
        translator.close();
    }
}
