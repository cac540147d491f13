// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.linuxonlinux.vmm.guest.Progress;

/**
 * Shows progress on standard error: a bar that redraws itself on a terminal, a line per step
 * elsewhere.
 */
final class ProgressPrinter implements Progress {
    private static final int BAR_WIDTH = 30;
    private static final long REDRAW_NANOS = 50_000_000;

    private final PrintStream out;
    private final boolean terminal;
    private String step = "";
    private long drawnNanos = System.nanoTime() - REDRAW_NANOS;
    private boolean lineOpen;

    /** Prints to standard error. */
    ProgressPrinter(PrintStream standardError) {
        this.out = standardError;
        this.terminal = isTerminal();
    }

    private static boolean isTerminal() {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void update(String newStep, long doneBytes, long totalBytes) {
        boolean stepBegins = !newStep.equals(step);
        step = newStep;
        if (!terminal) {
            if (stepBegins) {
                out.println("lol: " + step);
            }
            return;
        }
        long now = System.nanoTime();
        if (stepBegins) {
            finish();
        } else if (now - drawnNanos < REDRAW_NANOS && doneBytes != totalBytes) {
            return;
        }
        drawnNanos = now;
        lineOpen = true;
        out.print("\r\u001b[K" + step + bar(doneBytes, totalBytes));
        out.flush();
    }

    private static String bar(long doneBytes, long totalBytes) {
        if (totalBytes <= 0) {
            return doneBytes > 0 ? " " + megabytes(doneBytes) : " …";
        }
        int filled = (int) (BAR_WIDTH * Math.min(doneBytes, totalBytes) / totalBytes);
        return " ["
                + "#".repeat(filled)
                + " ".repeat(BAR_WIDTH - filled)
                + "] "
                + 100 * Math.min(doneBytes, totalBytes) / totalBytes
                + " % of "
                + megabytes(totalBytes);
    }

    /** Ends the line of the last step. */
    void finish() {
        if (lineOpen) {
            out.println();
            lineOpen = false;
        }
    }

    private static String megabytes(long sizeBytes) {
        return (sizeBytes >> 20) + " MB";
    }
}
