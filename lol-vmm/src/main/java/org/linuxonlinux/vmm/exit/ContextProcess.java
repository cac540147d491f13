// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.Map;
import org.linuxonlinux.gate.GateCode;
import org.linuxonlinux.host.ChildProgram;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;
import org.linuxonlinux.ptrace.WaitStatus;
import org.linuxonlinux.vmm.cpu.GuestDiedException;

/**
 * A context process without tracer, from birth to death. Nobody is told when it ends; whoever waits
 * for it looks from time to time.
 *
 * <p>Starting, {@link #requireAlive} and {@link #close} belong to one thread, with whose end the
 * process ends; {@link #kick} to any.
 */
final class ContextProcess implements AutoCloseable {
    private final ChildProgram child;
    private final NativeMemory status = NativeMemory.allocate(Integer.BYTES);
    private boolean ended;

    private ContextProcess(ChildProgram child) {
        this.child = child;
    }

    /** Starts a program; it has no descriptors but those given. */
    static ContextProcess start(HostFile program, Map<Integer, HostFile> descriptors) {
        return new ContextProcess(ChildProgram.start(program, descriptors));
    }

    int pid() {
        return child.pid();
    }

    /** Interrupts the process, wherever it is. Any thread. */
    void kick() {
        HostCalls.pidfdSendSignal(child.pidFd().fd(), GateCode.KICK_SIGNAL);
    }

    /**
     * Fails if the process has ended.
     *
     * @throws GuestDiedException says how
     */
    void requireAlive() {
        if (!ended && HostCalls.waitpid(child.pid(), status.hva(), HostAbi.WNOHANG) != 0) {
            ended = true;
        }
        if (ended) {
            throw new GuestDiedException(
                    "context process ended from outside: " + WaitStatus.describe(status.getInt(0)));
        }
    }

    /** Kills and reaps the process. */
    @Override
    public void close() {
        if (!ended) {
            HostCalls.pidfdSendSignal(child.pidFd().fd(), HostAbi.SIGKILL);
            HostCalls.waitpid(child.pid(), status.hva(), 0);
            ended = true;
        }
        child.pidFd().close();
        status.close();
    }
}
