// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The console on real pipes and on a pseudo-terminal made by script(1). */
final class TerminalConsoleIT {
    private static final String PROBE =
            ProcessHandle.current().info().command().orElse("java")
                    + " -XX:TieredStopAtLevel=1 -cp '"
                    + System.getProperty("java.class.path")
                    + "' "
                    + ConsoleProbe.class.getName();

    @TempDir Path directory;
    private Process process;

    private void start(String command) throws IOException {
        process =
                new ProcessBuilder("sh", "-c", command)
                        .directory(directory.toFile())
                        .redirectErrorStream(true)
                        .start();
    }

    private void startOnTerminal() throws IOException {
        Files.writeString(directory.resolve("probe.sh"), PROBE);
        start(
                "exec script -qec 'stty -a > before; sh probe.sh; echo status=$?; stty -a > after' typescript");
    }

    private void type(String text) throws IOException {
        process.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
        process.getOutputStream().flush();
    }

    private String readUntil(String mark) throws IOException {
        StringBuilder text = new StringBuilder();
        InputStream in = process.getInputStream();
        while (text.indexOf(mark) < 0) {
            int b = in.read();
            if (b < 0) {
                throw new AssertionError("no '" + mark + "' in: " + text);
            }
            text.append((char) b);
        }
        return text.toString();
    }

    private int exitStatus() throws InterruptedException {
        assertTrue(process.waitFor(20, TimeUnit.SECONDS), "hangs");
        return process.exitValue();
    }

    private void assertTerminalRestored() throws IOException {
        String before = Files.readString(directory.resolve("before"));
        assertFalse(before.contains("-icanon"), before);
        assertEquals(before, Files.readString(directory.resolve("after")));
    }

    @AfterEach
    void end() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    @Test
    void passesControlCharactersOfATerminalAndRestoresIt() throws Exception {
        startOnTerminal();
        readUntil("ready");
        type("\u0003\u001a\rq");
        assertTrue(readUntil("<113>").contains("<3><26><13><113>"));
        readUntil("status=0");
        exitStatus();
        assertTerminalRestored();
    }

    @Test
    void endsOnCtrlAX() throws Exception {
        startOnTerminal();
        readUntil("ready");
        type("\u0001\u0001\u0001h\u0001x");
        String output = readUntil("status=10");
        assertTrue(output.contains("<1>"), output);
        assertTrue(output.contains("end the virtual machine"), output);
        assertTrue(output.contains("end Ctrl-a x"), output);
        exitStatus();
        assertTerminalRestored();
    }

    @Test
    void restoresTheTerminalOnSigterm() throws Exception {
        startOnTerminal();
        readUntil("ready");
        ProcessHandle probe =
                process.descendants()
                        .filter(p -> p.info().commandLine().orElse("").contains("ConsoleProbe"))
                        .filter(p -> p.info().command().orElse("").endsWith("java"))
                        .findFirst()
                        .orElseThrow();
        probe.destroy();
        readUntil("status=143");
        exitStatus();
        assertTerminalRestored();
    }

    @Test
    void passesAPipeUnchangedThenPressesCtrlD() throws Exception {
        start("printf 'a\\001xb' | " + PROBE + "; echo status=$?");
        String output = readUntil("<4>");
        assertTrue(output.contains("<97><1><120><98>"), output);
    }

    @Test
    void sleepsAtTheEndOfInput() throws Exception {
        start(PROBE + " < /dev/null");
        readUntil("<4>");
        ProcessHandle probe = process.descendants().findFirst().orElse(process.toHandle());
        long beforeMillis = probe.info().totalCpuDuration().orElseThrow().toMillis();
        Thread.sleep(1000);
        long usedMillis = probe.info().totalCpuDuration().orElseThrow().toMillis() - beforeMillis;
        assertTrue(usedMillis < 200, "busy: " + usedMillis + " ms of 1000");
    }

    @Test
    void asksForTheEndWhenNobodyReadsItsOutput() throws Exception {
        start(
                "bash -c '{ echo aaaaaaaa; sleep 1; echo b; sleep 20; } | { "
                        + PROBE
                        + "; echo status=$? >&2; } | head -c 1'");
        assertTrue(readUntil("status=").length() > 0);
        assertEquals('1', process.getInputStream().read());
        assertEquals('0', process.getInputStream().read());
    }
}
