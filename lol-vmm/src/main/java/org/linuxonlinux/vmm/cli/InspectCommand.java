// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

/** {@code lol inspect}. */
final class InspectCommand {
    private final String kernel;

    InspectCommand(String kernel) {
        this.kernel = kernel;
    }

    int run() {
        System.out.println(kernel);
        return ExitStatus.OK.code();
    }
}
