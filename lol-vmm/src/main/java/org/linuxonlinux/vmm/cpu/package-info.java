// SPDX-License-Identifier: Apache-2.0
/**
 * What the guest's processor is: CPUID, model-specific registers, exceptions, state. Runs on vCPU
 * threads; executes nothing on the host itself.
 *
 * <p>Specifications: Intel SDM vol. 2A (CPUID), vol. 4 (MSRs); AMD APM vol. 3 appendix E, vol. 2
 * appendix A; Linux Documentation/virt/kvm/x86/cpuid.rst. See docs/machine.md.
 */
package org.linuxonlinux.vmm.cpu;
