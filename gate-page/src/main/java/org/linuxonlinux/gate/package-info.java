// SPDX-License-Identifier: Apache-2.0
/**
 * The gate: machine code and data at the same host virtual address in every context process.
 *
 * <p>Holds the address map, the layout of the vCPU page (its only definition), the stub generators
 * and the symbol map. It knows registers, the fold and the stubs' protocol; it knows nothing of
 * page tables, devices or ptrace. Generators run in the monitor at start; what they generate runs
 * in the context processes.
 */
package org.linuxonlinux.gate;
