// SPDX-License-Identifier: Apache-2.0
/**
 * Devices of the PC that a Linux guest still expects: serial port, real-time clock, reset and
 * power-off; and the buses that lead port and memory-mapped accesses to devices.
 *
 * <p>Accesses arrive on vCPU threads. Devices that other threads feed lock themselves; they may
 * call the interrupt controllers with their lock held, never the other way round.
 */
package org.linuxonlinux.vmm.legacy;
