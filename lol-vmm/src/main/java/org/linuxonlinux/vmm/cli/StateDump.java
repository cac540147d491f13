// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;

/** The file that a bug in the monitor leaves behind. */
final class StateDump {
    private StateDump() {}

    /**
     * Writes the dump and tells the user where it is.
     *
     * @param bug what went wrong
     * @param machineState registers, blocks and exits; empty if there is no machine
     * @return the exit status
     */
    static int reportBug(Throwable bug, String machineState) {
        System.err.println("lol: bug in the monitor: " + bug);
        try {
            Path file = write("Linux-on-Linux state dump\n" + describe(bug) + machineState);
            System.err.println("lol: state dump: file=" + file);
        } catch (IOException e) {
            bug.printStackTrace(System.err);
            System.err.println("lol: cannot write state dump: " + e);
        }
        return ExitStatus.MONITOR_BUG.code();
    }

    /** Writes the state of a machine whose guest has died. */
    static Path write(String text) throws IOException {
        return Files.writeString(Files.createTempFile("lol-dump-", ".txt"), text);
    }

    private static String describe(Throwable bug) {
        StringWriter text = new StringWriter();
        PrintWriter writer = new PrintWriter(text);
        writer.println("time: " + Instant.now());
        writer.println("java: " + Runtime.version());
        writer.println("host: " + System.getProperty("os.version"));
        bug.printStackTrace(writer);
        for (Map.Entry<Thread, StackTraceElement[]> e : Thread.getAllStackTraces().entrySet()) {
            writer.println(e.getKey());
            for (StackTraceElement frame : e.getValue()) {
                writer.println("    at " + frame);
            }
        }
        writer.flush();
        return text.toString();
    }
}
