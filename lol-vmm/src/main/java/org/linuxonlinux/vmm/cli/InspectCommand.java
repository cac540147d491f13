// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import org.linuxonlinux.vmm.boot.KernelImage;
import org.linuxonlinux.vmm.boot.KernelInspector;
import org.linuxonlinux.vmm.boot.VmlinuxCache;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.DefaultGuest;
import org.linuxonlinux.vmm.guest.KernelLocator;

/** {@code lol inspect}: prints what a kernel image is made of. */
final class InspectCommand {
    private final String kernel;

    InspectCommand(String kernel) {
        this.kernel = kernel;
    }

    int run() {
        KernelLocator locator = new KernelLocator(new DefaultGuest(CacheDirectory.ofUser()));
        ProgressPrinter progress = new ProgressPrinter(System.err);
        KernelImage image;
        try {
            image = KernelImage.load(locator.locate(kernel, progress), VmlinuxCache.none());
        } finally {
            progress.finish();
        }
        new KernelInspector(image).report().forEach(System.out::println);
        return ExitStatus.OK.code();
    }
}
