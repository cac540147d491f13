// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs programs of the host. */
final class HostCommandRunner implements CommandRunner {
    /** Time between two ticks; arbitrary: smooth enough for a progress bar. */
    private static final long TICK_MILLIS = 100;

    @Override
    public Result run(List<String> command, Path directory, Runnable tick) throws IOException {
        Path output = Files.createTempFile("lol-", ".out");
        Path errors = Files.createTempFile("lol-", ".err");
        try {
            ProcessBuilder builder =
                    new ProcessBuilder(command)
                            .directory(directory.toFile())
                            .redirectInput(
                                    ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                            .redirectOutput(output.toFile())
                            .redirectError(errors.toFile());
            builder.environment().put("LC_ALL", "C");
            Process process = builder.start();
            try {
                while (!process.waitFor(TICK_MILLIS, TimeUnit.MILLISECONDS)) {
                    tick.run();
                }
            } catch (InterruptedException e) {
                process.destroy();
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted: command=" + command.get(0));
            }
            return new Result(
                    process.exitValue(), Files.readString(output), Files.readString(errors));
        } finally {
            Files.deleteIfExists(output);
            Files.deleteIfExists(errors);
        }
    }
}
