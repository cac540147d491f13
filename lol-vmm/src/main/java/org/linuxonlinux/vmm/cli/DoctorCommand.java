// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

/** {@code lol doctor}. */
final class DoctorCommand {
    private final boolean json;

    DoctorCommand(boolean json) {
        this.json = json;
    }

    int run() {
        System.out.println(json ? "{}" : "");
        return ExitStatus.OK.code();
    }
}
