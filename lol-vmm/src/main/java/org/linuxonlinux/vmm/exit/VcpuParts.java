// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.redirect.CallSites;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.CpuidModel;
import org.linuxonlinux.vmm.cpu.DescriptorTables;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.PvEoi;
import org.linuxonlinux.vmm.legacy.MmioBus;
import org.linuxonlinux.vmm.legacy.PortBus;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * What a {@link Vcpu} is put together from.
 *
 * @param state registers between exit and entry
 * @param page the vCPU page
 * @param control control registers and selectors in it
 * @param transport the way to the context process
 * @param translator shared by all vCPUs
 * @param gate stubs, for faults inside them
 * @param mmu this vCPU's view of memory
 * @param tables descriptor tables
 * @param threadAreas thread-local segments
 * @param events exceptions and interrupts
 * @param apic local APIC
 * @param pvEoi how the guest ends its interrupts without exits
 * @param cpuid what CPUID says
 * @param msrs model-specific registers
 * @param ports I/O ports
 * @param mmio device memory
 * @param callSites patched call sites in user code, null = none are patched
 * @param canPremap whether the iret stub can map pages by itself
 */
public record VcpuParts(
        GuestState state,
        VcpuPage page,
        ControlState control,
        ExitTransport transport,
        Translator translator,
        GateCode gate,
        Mmu mmu,
        DescriptorTables tables,
        ThreadAreas threadAreas,
        EventDelivery events,
        LocalApic apic,
        PvEoi pvEoi,
        CpuidModel cpuid,
        MsrModel msrs,
        PortBus ports,
        MmioBus mmio,
        CallSites callSites,
        boolean canPremap) {}
