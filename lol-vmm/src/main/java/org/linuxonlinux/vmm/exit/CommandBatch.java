// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;

/** Moves queued mapping commands to the vCPU page, a page's worth at a time, and checks results. */
final class CommandBatch {
    private static final long ERRNO_MAX = 4095;

    private final VcpuPage page;
    private final HostCommandQueue commands;

    /** Commands of the queue that went to the page before those there now. */
    private int before;

    /** Commands in the page, executed or to be executed. */
    private int inPage;

    CommandBatch(VcpuPage page, HostCommandQueue commands) {
        this.page = page;
        this.commands = commands;
    }

    /** Whether what is left fits into the page and can be executed on the way. */
    boolean isLast() {
        return commands.count() - before <= VcpuPageLayout.COMMAND_CAPACITY
                && !commands.hasThreadAreas();
    }

    /** Puts the next commands into the page. */
    void fillPage() {
        page.clearCommands();
        int next = before;
        while (next < commands.count() && !page.isCommandListFull()) {
            page.addCommand(
                    commands.word(next, 0),
                    commands.word(next, 1),
                    commands.word(next, 2),
                    commands.word(next, 3),
                    commands.word(next, 4),
                    commands.word(next, 5),
                    commands.word(next, 6));
            next++;
        }
        inPage = next - before;
    }

    /**
     * Fails if one of those executed has failed; forgets the queue after its last.
     *
     * @throws GuestDiedException if only a guest can have brought it about that has written to the
     *     vCPU page or changed mappings through the gate
     */
    void checkResults() {
        for (int i = 0; i < inPage; i++) {
            long result = page.commandResult(i);
            if (result < 0 && result >= -ERRNO_MAX) {
                throw failure(i, result);
            }
        }
        before += inPage;
        inPage = 0;
        if (before == commands.count()) {
            commands.clear();
            before = 0;
        }
    }

    private RuntimeException failure(int index, long result) {
        String what =
                String.format(
                        "host call of a context process failed: nr=%d, hva=0x%x, sizeBytes=0x%x,"
                                + " arg2=0x%x, offset=0x%x, errno=%d",
                        page.commandNumber(index),
                        page.commandArgument(index, 0),
                        page.commandArgument(index, 1),
                        page.commandArgument(index, 2),
                        page.commandArgument(index, 5),
                        -result);
        // ENOMEM also means that a mapping is not there any more.
        return result == -HostAbi.ENOMEM || !isAsQueued(index)
                ? new GuestDiedException("the guest damaged its context process: " + what)
                : new IllegalStateException(what);
    }

    private boolean isAsQueued(int index) {
        boolean same = page.commandNumber(index) == commands.word(before + index, 0);
        for (int i = 0; i < HostCommandQueue.WORDS_PER_COMMAND - 1; i++) {
            same &= page.commandArgument(index, i) == commands.word(before + index, i + 1);
        }
        return same;
    }
}
