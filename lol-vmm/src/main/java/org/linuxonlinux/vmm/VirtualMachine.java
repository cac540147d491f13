// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.util.Objects;
import org.linuxonlinux.vmm.console.ConsoleBackend;

/** One guest: its RAM, its vCPU, its devices. Created, run once, closed. */
public final class VirtualMachine implements AutoCloseable {
    private final MachineConfig config;

    private VirtualMachine(MachineConfig config) {
        this.config = config;
    }

    /**
     * Makes the machine: allocates RAM, loads kernel and initrd, starts the context processes.
     *
     * @throws UserException if the kernel, the initrd or the memory cannot be used, or the host
     *     lacks something
     */
    public static VirtualMachine create(MachineConfig config) {
        return new VirtualMachine(config);
    }

    /**
     * Runs the guest on the calling thread until it ends or {@link #requestStop} is called.
     *
     * @param console where COM1 leads
     */
    public ExitOutcome run(ConsoleBackend console) {
        Objects.requireNonNull(console);
        return new ExitOutcome(
                ExitOutcome.Kind.DIED, "there is no vCPU yet: kernel=" + config.kernel());
    }

    /**
     * Makes {@link #run} return soon. Any thread; harmless before, after and when repeated.
     *
     * @param reason for the {@link ExitOutcome}
     */
    public void requestStop(String reason) {}

    /** Counters so far. Any thread. */
    public Statistics statistics() {
        return Statistics.NONE;
    }

    /**
     * Registers, current block and last exits as text, for the dump file. Any thread; must not
     * throw.
     */
    public String describeState() {
        return "";
    }

    /** Kills what is left of the context processes and frees the RAM. */
    @Override
    public void close() {}
}
