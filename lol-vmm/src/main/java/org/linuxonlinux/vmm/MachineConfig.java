// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.linuxonlinux.redirect.HostCapabilities;
import org.linuxonlinux.redirect.RedirectMode;

/**
 * What a virtual machine is made of. Checked once on the command line, then passed down unchanged.
 *
 * @param kernel bzImage or vmlinux
 * @param initrd initial RAM disk; empty for none
 * @param commandLine the complete kernel command line
 * @param memorySizeBytes guest RAM, a multiple of the page size
 * @param memoryFile file that holds guest RAM; empty for anonymous memory
 * @param redirect how guest system calls are caught; the host can do it
 * @param host what else the host offers for that
 * @param contexts context processes at most, 1–{@value
 *     org.linuxonlinux.gate.AddressMap#MAX_CONTEXTS}
 * @param cacheDirectory where decompressed kernels and translations are kept between runs
 * @param translationCache whether translations are kept
 * @param verbosity 0 says nothing but failures; 1 adds unknown MSRs, ports and the like; 2 traces
 *     exits
 */
public record MachineConfig(
        Path kernel,
        Optional<Path> initrd,
        String commandLine,
        long memorySizeBytes,
        Optional<Path> memoryFile,
        RedirectMode redirect,
        HostCapabilities host,
        int contexts,
        Path cacheDirectory,
        boolean translationCache,
        int verbosity) {
    /** Rejects what the command line must not let through. */
    public MachineConfig {
        Objects.requireNonNull(kernel);
        Objects.requireNonNull(initrd);
        Objects.requireNonNull(commandLine);
        Objects.requireNonNull(memoryFile);
        Objects.requireNonNull(redirect);
        Objects.requireNonNull(host);
        Objects.requireNonNull(cacheDirectory);
        if (memorySizeBytes <= 0) {
            throw new IllegalArgumentException("memorySizeBytes=" + memorySizeBytes);
        }
    }
}
