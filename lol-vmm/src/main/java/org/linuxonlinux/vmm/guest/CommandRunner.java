// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Runs a program to its end. */
interface CommandRunner {
    /**
     * What a program left.
     *
     * @param exitCode its exit status
     * @param output what it wrote to stdout
     * @param errors what it wrote to stderr
     */
    record Result(int exitCode, String output, String errors) {}

    /**
     * Runs a program with no input, in the C locale.
     *
     * @param command program and arguments
     * @param directory working directory
     * @param tick called a few times a second until it ends
     * @throws IOException if it cannot be started
     */
    Result run(List<String> command, Path directory, Runnable tick) throws IOException;
}
