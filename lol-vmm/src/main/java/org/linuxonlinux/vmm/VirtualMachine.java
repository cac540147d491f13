// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.linuxonlinux.host.HostCpu;
import org.linuxonlinux.host.TscFrequency;
import org.linuxonlinux.memory.GuestMemory;
import org.linuxonlinux.memory.GuestMemoryException;
import org.linuxonlinux.vmm.boot.BootState;
import org.linuxonlinux.vmm.boot.Initrd;
import org.linuxonlinux.vmm.boot.KernelImage;
import org.linuxonlinux.vmm.boot.Loader;
import org.linuxonlinux.vmm.boot.VmlinuxCache;
import org.linuxonlinux.vmm.console.ConsoleBackend;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.exit.GateMemory;
import org.linuxonlinux.vmm.exit.GuestHaltedException;

/**
 * One guest: its RAM, its vCPU, its devices. Created, run once, closed.
 *
 * <p>{@link #create}, {@link #run} and {@link #close} belong to one thread, which becomes the vCPU
 * thread and the tracer of the context process.
 */
public final class VirtualMachine implements AutoCloseable {
    private final GuestMemory memory;
    private final GateMemory gateMemory;
    private final HostCpu hostCpu;
    private final Machine machine;
    private final Optional<TranslationCache> translationCache;
    private final Object outcomeLock = new Object();

    /** The first reason wins; guarded by outcomeLock. */
    private ExitOutcome outcome;

    private VirtualMachine(MachineConfig config, Consumer<String> log) {
        hostCpu = new HostCpu();
        HostCpu.ClockSample clockStart = TscFrequency.begin(hostCpu);
        KernelImage kernel =
                KernelImage.load(config.kernel(), VmlinuxCache.in(config.cacheDirectory()));
        gateMemory = new GateMemory(config.redirect());
        Consumer<String> verboseLog = config.verbosity() > 0 ? log : line -> {};
        translationCache =
                config.translationCache()
                        ? Optional.of(
                                new TranslationCache(
                                        config.cacheDirectory(),
                                        kernel,
                                        gateMemory,
                                        log,
                                        verboseLog))
                        : Optional.empty();
        ByteBuffer initrd =
                config.initrd().isPresent()
                        ? Initrd.read(config.initrd().get(), config.memorySizeBytes())
                        : Initrd.NONE;
        memory = openMemory(config);
        BootState bootState = new Loader(memory).load(kernel, initrd, config.commandLine());
        machine =
                new Machine(
                        memory,
                        gateMemory,
                        config.redirect(),
                        config.contexts(),
                        config.host(),
                        hostCpu,
                        TscFrequency.since(clockStart, hostCpu),
                        kernel,
                        bootState,
                        translationCache,
                        this::end,
                        verboseLog);
    }

    /**
     * Makes the machine: allocates RAM, loads kernel and initrd, starts the context process.
     *
     * @param log takes lines about what the guest does that is out of the ordinary
     * @throws UserException if the kernel, the initrd or the memory cannot be used, or the host
     *     lacks something
     */
    public static VirtualMachine create(MachineConfig config, Consumer<String> log) {
        return new VirtualMachine(config, log);
    }

    private static GuestMemory openMemory(MachineConfig config) {
        try {
            return config.memoryFile().isPresent()
                    ? GuestMemory.inFile(config.memoryFile().get(), config.memorySizeBytes())
                    : GuestMemory.anonymous(config.memorySizeBytes());
        } catch (GuestMemoryException e) {
            throw new UserException(UserException.BAD_INPUT, e.getMessage(), e);
        }
    }

    /**
     * Runs the guest on the calling thread until it ends or {@link #requestStop} is called.
     *
     * @param console where COM1 leads
     */
    public ExitOutcome run(ConsoleBackend console) {
        Objects.requireNonNull(console);
        try {
            machine.run(console);
        } catch (GuestDiedException e) {
            end(new ExitOutcome(ExitOutcome.Kind.DIED, e.getMessage()));
        } catch (GuestHaltedException e) {
            end(new ExitOutcome(ExitOutcome.Kind.POWER_OFF, e.getMessage()));
        }
        synchronized (outcomeLock) {
            return outcome;
        }
    }

    /**
     * Keeps what was translated for later boots of this kernel. On the thread that called {@link
     * #run}, after it; takes some tens of milliseconds.
     */
    public void keepTranslations() {
        translationCache.ifPresent(cache -> cache.save(machine.translator()));
    }

    private void end(ExitOutcome reason) {
        synchronized (outcomeLock) {
            if (outcome == null) {
                outcome = reason;
            }
        }
        machine.requestStop();
    }

    /**
     * Makes {@link #run} return soon. Any thread; harmless before, after and when repeated.
     *
     * @param reason for the {@link ExitOutcome}
     */
    public void requestStop(String reason) {
        end(new ExitOutcome(ExitOutcome.Kind.STOPPED, reason));
    }

    /** Counters so far. Any thread. */
    public Statistics statistics() {
        return machine.statistics();
    }

    /**
     * Registers, current block and last exits as text, for the dump file. Any thread; must not
     * throw.
     */
    public String describeState() {
        return machine.describeState();
    }

    /** Kills what is left of the context processes and frees the RAM. */
    @Override
    public void close() {
        machine.close();
        hostCpu.close();
        gateMemory.close();
        memory.close();
    }
}
