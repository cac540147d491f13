// SPDX-License-Identifier: Apache-2.0

/**
 * The virtual CPU's architectural state and what acts on it: exceptions, segments, CPUID, MSRs and
 * the instructions that the monitor performs.
 *
 * <p>Runs on the vCPU thread while the vCPU is stopped. Governing text: Intel SDM vol. 2 and 3A.
 */
package org.linuxonlinux.vmm.cpu;
