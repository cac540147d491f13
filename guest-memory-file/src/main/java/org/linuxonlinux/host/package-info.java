// SPDX-License-Identifier: Apache-2.0

/** Calls into the host's kernel and C library: one method per call, one class per struct. */
package org.linuxonlinux.host;
