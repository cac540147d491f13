// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A guest that echoes what is typed, each byte in angle brackets, until the console asks for its
 * end or it gets a {@code q}.
 */
final class ConsoleProbe {
    private ConsoleProbe() {}

    /**
     * Runs on the process's own console; exit status 0 after {@code q}, 10 if the console asked for
     * the end.
     */
    public static void main(String[] args) throws InterruptedException {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        TerminalConsole console = new TerminalConsole(reason -> events.add("end " + reason));
        Thread restore = new Thread(console::close);
        Runtime.getRuntime().addShutdownHook(restore);
        console.attach(
                (bytes, offset, length) -> {
                    for (int i = 0; i < length; i++) {
                        events.add("<" + (bytes[offset + i] & 0xff) + ">");
                    }
                    return length;
                });
        print(console, "ready\r\n");
        String event;
        do {
            event = events.take();
            print(console, event);
        } while (!event.startsWith("end") && !event.equals("<113>"));
        console.close();
        System.exit(event.startsWith("end") ? 10 : 0);
    }

    private static void print(TerminalConsole console, String text) {
        for (int i = 0; i < text.length(); i++) {
            console.transmit((byte) text.charAt(i));
        }
    }
}
