// SPDX-License-Identifier: Apache-2.0
/**
 * Stubs and idioms executed in a traced process; here because the gate itself knows nothing of
 * ptrace.
 */
package org.linuxonlinux.gate;
