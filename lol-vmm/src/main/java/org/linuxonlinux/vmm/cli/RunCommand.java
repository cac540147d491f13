// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.memory.MemorySize;
import org.linuxonlinux.ptrace.TracerException;
import org.linuxonlinux.redirect.HostCapabilities;
import org.linuxonlinux.redirect.RedirectChoice;
import org.linuxonlinux.redirect.RedirectException;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.ExitOutcome;
import org.linuxonlinux.vmm.MachineConfig;
import org.linuxonlinux.vmm.UserException;
import org.linuxonlinux.vmm.VirtualMachine;
import org.linuxonlinux.vmm.boot.Loader;
import org.linuxonlinux.vmm.console.TerminalConsole;
import org.linuxonlinux.vmm.exit.CapabilityProbes;
import org.linuxonlinux.vmm.guest.CacheDirectory;
import org.linuxonlinux.vmm.guest.DefaultGuest;
import org.linuxonlinux.vmm.guest.KernelLocator;

/** {@code lol run}: boots a guest and waits for its end. */
final class RunCommand {
    /** How many of the last console lines a dead guest's report repeats. */
    private static final int LINES_IN_REPORT = 20;

    /** The mark of a panic in the guest's log (Linux kernel/panic.c). */
    private static final String PANIC = "Kernel panic - not syncing";

    private final RunConfig config;

    RunCommand(RunConfig config) {
        this.config = config;
    }

    /** Runs the guest; returns the exit status. */
    int run() {
        LauncherBond.tie();
        checkHostMemory();
        try (VirtualMachine machine = create(machineConfig())) {
            return run(machine);
        }
    }

    /**
     * Anonymous guest RAM comes from the host's memory and swap; a file can be larger than both.
     */
    private void checkHostMemory() {
        long hostBytes = HostMemory.totalBytes();
        if (config.memoryFile().isEmpty() && config.memorySizeBytes() > hostBytes) {
            throw new UserException(
                    UserException.HOST_LACKS,
                    "not enough memory on this host: --memory="
                            + MemorySize.format(config.memorySizeBytes())
                            + ", memory and swap of the host="
                            + (hostBytes >> 20)
                            + "M");
        }
    }

    /**
     * Whatever the host refuses before the guest's first instruction is something the host lacks.
     */
    private static VirtualMachine create(MachineConfig config) {
        try {
            return VirtualMachine.create(config, RunCommand::log);
        } catch (TracerException | HostCallException e) {
            throw new UserException(
                    UserException.HOST_LACKS, e.getMessage() + " (lol doctor tells more)", e);
        }
    }

    /** The terminal may be raw, hence the carriage return. */
    private static void log(String line) {
        System.err.print("lol: " + line + "\r\n");
    }

    /** The mechanism asked for, or the best that is left; then one line says so. */
    private RedirectMode redirect(HostCapabilities host) {
        try {
            RedirectChoice choice = RedirectChoice.of(config.redirect(), host);
            choice.reason().ifPresent(RunCommand::log);
            return choice.redirector().mode();
        } catch (RedirectException e) {
            throw new UserException(
                    UserException.HOST_LACKS, e.getMessage() + " (lol doctor tells more)", e);
        }
    }

    private MachineConfig machineConfig() {
        HostCapabilities host = CapabilityProbes.probe();
        RedirectMode redirect = redirect(host);
        Path cache = CacheDirectory.ofUser();
        DefaultGuest debian = new DefaultGuest(cache);
        ProgressPrinter progress = new ProgressPrinter(System.err);
        try {
            Path kernel =
                    config.kernel().isPresent()
                            ? new KernelLocator(debian).locate(config.kernel().get(), progress)
                            : debian.kernel(DefaultGuest.DEFAULT_FLAVOUR, progress);
            Optional<Path> initrd =
                    config.initrd().isPresent() || config.noInitrd()
                            ? config.initrd()
                            : Optional.of(debian.initramfs(progress));
            return new MachineConfig(
                    kernel,
                    initrd,
                    commandLine(),
                    config.memorySizeBytes(),
                    config.memoryFile(),
                    redirect,
                    host,
                    config.contexts(),
                    cache,
                    config.translationCache(),
                    config.verbosity());
        } finally {
            progress.finish();
        }
    }

    private String commandLine() {
        List<String> parts = new ArrayList<>();
        parts.add(Loader.DEFAULT_COMMAND_LINE);
        if (config.initrd().isEmpty() && !config.noInitrd()) {
            parts.add(TerminalConsole.kernelParameters());
        }
        parts.addAll(config.append());
        parts.removeIf(String::isBlank);
        return String.join(" ", parts);
    }

    private int run(VirtualMachine machine) {
        AtomicReference<ExitStatus> stopStatus = new AtomicReference<>(ExitStatus.OK);
        TerminalConsole console = new TerminalConsole(machine::requestStop);
        Thread restore =
                new Thread(
                        () -> {
                            console.restoreTerminal();
                            console.close();
                        },
                        "restore-terminal");
        Runtime.getRuntime().addShutdownHook(restore);
        ExitOutcome outcome;
        try {
            config.timeout()
                    .ifPresent(
                            timeout ->
                                    Watchdog.start(
                                            timeout,
                                            () -> {
                                                stopStatus.set(ExitStatus.TIMEOUT);
                                                console.stopWaiting();
                                                machine.requestStop("--timeout");
                                            }));
            outcome = machine.run(console);
        } catch (RuntimeException | Error e) {
            console.close();
            return StateDump.reportBug(e, machine.describeState());
        } finally {
            console.close();
        }
        if (outcome.kind() != ExitOutcome.Kind.DIED) {
            machine.keepTranslations();
        }
        if (config.stats()) {
            StatisticsPrinter.print(machine.statistics(), System.err);
        }
        return switch (outcome.kind()) {
            case POWER_OFF -> ExitStatus.OK.code();
            case STOPPED -> stopped(stopStatus.get());
            case RESET -> reset(console.recentLines());
            case DIED -> died(outcome.reason(), console.recentLines(), machine.describeState());
        };
    }

    private int stopped(ExitStatus status) {
        if (status == ExitStatus.TIMEOUT) {
            System.err.println(
                    "lol: guest stopped: timeoutSeconds="
                            + config.timeout().orElseThrow().toMillis() / 1e3);
        }
        return status.code();
    }

    private static int reset(List<String> recentLines) {
        Optional<String> panic = recentLines.stream().filter(l -> l.contains(PANIC)).findFirst();
        return panic.isPresent()
                ? died(panic.get().strip(), recentLines, "")
                : ExitStatus.OK.code();
    }

    private static int died(String reason, List<String> recentLines, String state) {
        int from = Math.max(0, recentLines.size() - LINES_IN_REPORT);
        System.err.println("lol: last console lines:");
        recentLines.subList(from, recentLines.size()).forEach(l -> System.err.println("  | " + l));
        if (!state.isEmpty()) {
            try {
                System.err.println("lol: state dump: file=" + StateDump.write(state));
            } catch (IOException e) {
                System.err.println(state);
            }
        }
        System.err.println("lol: guest died: " + reason);
        return ExitStatus.GUEST_DIED.code();
    }
}
