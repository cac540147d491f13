// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.Isolation;

/**
 * What {@code lol run} was asked to do, checked as far as that goes without opening files.
 *
 * @param kernel FILE, DIR or VERSION; empty for Debian's cloud kernel
 * @param initrd empty for the busybox initramfs, unless {@code noInitrd}
 * @param noInitrd boot without an initrd ({@code -i none})
 * @param append texts for the end of the kernel command line, in order
 * @param memorySizeBytes guest RAM
 * @param memoryFile file that holds guest RAM; empty for anonymous memory
 * @param redirect how guest system calls are caught
 * @param isolation what keeps programs from their own guest's kernel
 * @param contexts context processes at most
 * @param translationCache keep translated code between runs
 * @param timeout how long the guest may run; empty for ever
 * @param verbosity number of {@code -v}
 * @param stats print counters at the end
 */
record RunConfig(
        Optional<String> kernel,
        Optional<Path> initrd,
        boolean noInitrd,
        List<String> append,
        long memorySizeBytes,
        Optional<Path> memoryFile,
        RedirectMode redirect,
        Isolation isolation,
        int contexts,
        boolean translationCache,
        Optional<Duration> timeout,
        int verbosity,
        boolean stats) {}
