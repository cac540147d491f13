// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The last lines of the guest's output, for error reports. Thread-safe. */
final class RecentLines {
    /** Longer lines are cut here; bounds the memory a guest that never ends its line can take. */
    private static final int MAX_LINE_BYTES = 1024;

    private final int maxLines;
    private final Deque<String> lines = new ArrayDeque<>(); // guarded by this
    private final ByteArrayOutputStream current = new ByteArrayOutputStream(); // guarded by this

    RecentLines(int maxLines) {
        this.maxLines = maxLines;
    }

    /** Adds output bytes. */
    synchronized void add(byte[] bytes, int length) {
        for (int i = 0; i < length; i++) {
            if (bytes[i] == '\n') {
                endLine();
            } else if (bytes[i] != '\r' && current.size() < MAX_LINE_BYTES) {
                current.write(bytes[i]);
            }
        }
    }

    private synchronized void endLine() {
        if (lines.size() == maxLines) {
            lines.removeFirst();
        }
        lines.addLast(current.toString(StandardCharsets.UTF_8));
        current.reset();
    }

    /** The last lines, oldest first; an unfinished one included. */
    synchronized List<String> list() {
        List<String> result = new ArrayList<>(lines);
        if (current.size() > 0) {
            result.add(current.toString(StandardCharsets.UTF_8));
        }
        return result;
    }
}
