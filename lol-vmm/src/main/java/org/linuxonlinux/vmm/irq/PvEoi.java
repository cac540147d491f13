// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.vmm.GeneralProtectionException;

/**
 * KVM's paravirtual end of interrupt: a bit in guest RAM says that the guest may end the interrupt
 * in service by clearing the bit, instead of an MSR write, which is an exit. A timer tick of a busy
 * guest then has two exits, not three.
 *
 * <p>vCPU thread only. Source: Linux v6.1 Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN.
 */
public final class PvEoi {
    /** Address of the word with the bit. */
    public static final int MSR_KVM_PV_EOI_EN = 0x4b56_4d04;

    private static final int ENABLED = 1;
    private static final int RESERVED = 2;
    private static final int WORD_BYTES = 4;
    private static final int PENDING = 1;

    private final GuestMemory memory;
    private final LocalApic apic;
    private long msr;
    private boolean offered;

    /** Disabled until the guest writes the MSR. */
    public PvEoi(GuestMemory memory, LocalApic apic) {
        this.memory = memory;
        this.apic = apic;
    }

    /** Whether an MSR is this class's. */
    public static boolean owns(int msr) {
        return msr == MSR_KVM_PV_EOI_EN;
    }

    /** What was last written. */
    public long readMsr(int number) {
        return msr;
    }

    /**
     * Takes the address of the word.
     *
     * @throws GeneralProtectionException if it does not lie in RAM or is not aligned
     */
    public void writeMsr(int number, long value) {
        boolean enabled = (value & ENABLED) != 0;
        boolean aligned = (value & RESERVED) == 0;
        if (enabled && !(aligned && memory.isRam(value & ~ENABLED, WORD_BYTES))) {
            throw new GeneralProtectionException();
        }
        msr = value;
    }

    /** The guest goes on. */
    public void onEntry() {
        if ((msr & ENABLED) != 0 && apic.offerEoi()) {
            long gpa = msr & ~ENABLED;
            memory.setInt(gpa, memory.getInt(gpa) | PENDING);
            offered = true;
        }
    }

    /** The guest has stopped; before anybody asks the APIC. */
    public void onStop() {
        if (offered) {
            offered = false;
            long gpa = msr & ~ENABLED;
            int word = memory.getInt(gpa);
            memory.setInt(gpa, word & ~PENDING);
            apic.withdrawEoi((word & PENDING) == 0);
        }
    }
}
