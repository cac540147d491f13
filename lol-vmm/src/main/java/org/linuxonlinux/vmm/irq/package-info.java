// SPDX-License-Identifier: Apache-2.0
/**
 * Interrupt controllers and clocks: local APIC (x2APIC mode), I/O APIC, TSC arithmetic, the
 * paravirtual clock.
 *
 * <p>Registers are read and written on the vCPU's thread; interrupts may be raised from any thread.
 * Lock order: a device's own lock, then the I/O APIC, then a local APIC, whose lock is never held
 * while anything outside it is called.
 *
 * <p>Specifications: Intel SDM vol. 3A chapter 11 (APIC), 82093AA I/O APIC data sheet, Linux
 * Documentation/virt/kvm/x86/msr.rst (clock). See docs/interrupts.md.
 */
package org.linuxonlinux.vmm.irq;
