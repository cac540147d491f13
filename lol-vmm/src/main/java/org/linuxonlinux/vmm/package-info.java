// SPDX-License-Identifier: Apache-2.0
/**
 * The monitor's own classes that its packages share: the guest-physical layout and the exception
 * for user mistakes.
 */
package org.linuxonlinux.vmm;
