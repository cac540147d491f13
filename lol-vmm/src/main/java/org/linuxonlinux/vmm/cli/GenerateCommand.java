// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

/** {@code lol generate-docs}: manual pages and completion, at build. */
final class GenerateCommand {
    private final String directory;

    GenerateCommand(String directory) {
        this.directory = directory;
    }

    int run() {
        System.out.println(directory);
        return ExitStatus.OK.code();
    }
}
