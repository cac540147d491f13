// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import org.linuxonlinux.host.HostCalls;

/**
 * Ties this process's life to the launcher script's: when the launcher is killed, this process gets
 * SIGTERM, so that no guest is left running without anybody to end it.
 */
final class LauncherBond {
    /** Set by the launcher to its own process id. */
    private static final String LAUNCHER_PID = "LOL_LAUNCHER_PID";

    /** Linux include/uapi/linux/prctl.h. */
    private static final int PR_SET_PDEATHSIG = 1;

    private static final int SIGTERM = 15;

    private LauncherBond() {}

    /** Ties the bond, if a launcher started us. */
    static void tie() {
        String launcher = System.getenv(LAUNCHER_PID);
        if (launcher == null) {
            return;
        }
        HostCalls.prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        // It may have died before the line above.
        boolean alive =
                ProcessHandle.current()
                        .parent()
                        .map(p -> launcher.equals(Long.toString(p.pid())))
                        .orElse(false);
        if (!alive) {
            System.exit(ExitStatus.MONITOR_BUG.code());
        }
    }
}
