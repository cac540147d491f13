// SPDX-License-Identifier: Apache-2.0

/**
 * Exits: how the vCPU leaves guest code for the monitor and goes back, and what is done meanwhile.
 *
 * <p>{@link org.linuxonlinux.vmm.exit.Vcpu} is the loop; one instance and one thread per vCPU. It
 * is the only thread that talks to the context process, except for {@link
 * org.linuxonlinux.vmm.exit.ExitTransport#kick}. Which of guest kernel and guest user code was
 * running is derived from the host registers at every stop.
 *
 * <p>Page faults and other signals go to {@link org.linuxonlinux.vmm.exit.Faults}, instructions
 * that translated code leaves to the monitor to {@link
 * org.linuxonlinux.vmm.exit.InstructionEmulator}.
 */
package org.linuxonlinux.vmm.exit;
