// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

/**
 * What a host offers for catching system calls.
 *
 * @param seccompFilters filters can trap a call and kill the process that made it
 * @param userDispatch syscall user dispatch (Linux 5.11); without it the filter catches calls
 * @param tracing a process may trace its child
 */
public record HostCapabilities(boolean seccompFilters, boolean userDispatch, boolean tracing) {}
