// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.ptrace.StubProgram;
import org.linuxonlinux.ptrace.TracedProcess;
import org.linuxonlinux.ptrace.TracerException;
import org.linuxonlinux.redirect.HostCapabilities;
import org.linuxonlinux.redirect.RedirectChoice;
import org.linuxonlinux.redirect.RedirectException;
import org.linuxonlinux.redirect.Redirectors;
import org.linuxonlinux.vmm.exit.CapabilityProbes;
import oshi.SystemInfo;
import oshi.hardware.CentralProcessor;
import oshi.hardware.GlobalMemory;

/**
 * Asks the host what it offers. Each probe tries the thing itself where that is possible, and reads
 * settings otherwise.
 */
final class HostProbes {
    // Linux include/uapi/linux/auxvec.h
    private static final int AT_HWCAP2 = 26;
    private static final long HWCAP2_FSGSBASE = 1 << 1;

    /** The host's default; mappings beyond it are evicted, so that a smaller limit costs time. */
    private static final long USUAL_MAP_COUNT = 65_530;

    /** Default guest RAM plus what the monitor takes, in bytes. */
    private static final long COMFORTABLE_MEMORY = (1L << 30) + (350L << 20);

    private final List<Finding> findings = new ArrayList<>();
    private final Set<String> cpuFlags = new HashSet<>();

    /** Runs all probes. */
    List<Finding> run() {
        hardware();
        processorFeatures();
        boolean tracing = tracing();
        systemCallInterception(tracing);
        memoryLimits();
        isolation();
        defaultGuest();
        return List.copyOf(findings);
    }

    private void hardware() {
        SystemInfo system = new SystemInfo();
        CentralProcessor cpu = system.getHardware().getProcessor();
        GlobalMemory memory = system.getHardware().getMemory();
        findings.add(
                Finding.info(
                        "host",
                        system.getOperatingSystem()
                                + ", kernel "
                                + System.getProperty("os.version")
                                + ", Java "
                                + Runtime.version(),
                        "where guests run"));
        String arch = System.getProperty("os.arch");
        findings.add(
                "amd64".equals(arch)
                        ? Finding.ok("architecture", arch, "guest user code runs as it is")
                        : Finding.missing(
                                "architecture",
                                arch,
                                "guests are x86-64 only",
                                "use an x86-64 host"));
        findings.add(
                Finding.info(
                        "processor",
                        cpu.getProcessorIdentifier().getName().strip()
                                + ", "
                                + cpu.getPhysicalProcessorCount()
                                + " cores, "
                                + cpu.getLogicalProcessorCount()
                                + " threads",
                        "one core runs the guest, a second one the monitor's compiler and console"));
        String found =
                megabytes(memory.getAvailable()) + " available of " + megabytes(memory.getTotal());
        findings.add(
                memory.getAvailable() >= COMFORTABLE_MEMORY
                        ? Finding.ok("memory", found, "enough for a guest of the default size")
                        : Finding.warn(
                                "memory",
                                found,
                                "a guest of the default size does not fit beside what runs already",
                                "give the guest less: lol run -m 256M"));
    }

    private void processorFeatures() {
        for (String line : lines("/proc/cpuinfo")) {
            if (line.startsWith("flags")) {
                cpuFlags.addAll(List.of(line.substring(line.indexOf(':') + 1).strip().split(" ")));
                break;
            }
        }
        findings.add(
                cpuFlags.contains("bmi2")
                        ? Finding.ok(
                                "BMI2", "present", "translated code folds user addresses with it")
                        : Finding.missing(
                                "BMI2",
                                "absent",
                                "translated code needs pdep and rorx",
                                "use a processor from 2013 (Intel Haswell) or 2015 (AMD Excavator) on"));
        findings.add(
                (auxiliaryValue(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0
                        ? Finding.ok(
                                "FSGSBASE",
                                "enabled",
                                "a guest switches segment bases without the host kernel")
                        : Finding.missing(
                                "FSGSBASE",
                                "not enabled for user space",
                                "translated code sets segment bases itself",
                                "use a host kernel 5.9 or newer, without 'nofsgsbase' on its command line"));
        findings.add(
                cpuFlags.contains("constant_tsc") && cpuFlags.contains("nonstop_tsc")
                        ? Finding.ok(
                                "TSC", "constant, never stops", "the guest takes its time from it")
                        : Finding.warn(
                                "TSC",
                                "not marked as constant",
                                "the guest's clock may drift when the processor changes its speed",
                                "on a virtual host, expose an invariant TSC to it"));
    }

    private boolean tracing() {
        String scope = setting("/proc/sys/kernel/yama/ptrace_scope");
        String scopeText = scope.isEmpty() ? "no Yama" : "Yama scope " + scope;
        String failure = tryPtrace();
        findings.add(
                failure.isEmpty()
                        ? Finding.ok(
                                "ptrace",
                                "a child can be traced (" + scopeText + ")",
                                "exits and system calls of guests are seen this way")
                        : Finding.warn(
                                "ptrace",
                                failure + " (" + scopeText + ")",
                                "exits and system calls of guests cannot be seen this way",
                                "sysctl kernel.yama.ptrace_scope=1; in a container, add the capability SYS_PTRACE or a "
                                        + "seccomp profile that allows ptrace"));
        findings.add(
                Finding.info(
                        "host patches",
                        "none found",
                        "ptrace stops at full cost; guests run all the same"));
        return failure.isEmpty();
    }

    /**
     * Traces a program as a guest's processes are; empty if that worked, else the reason why not.
     */
    private static String tryPtrace() {
        try (StubProgram program = StubProgram.create(AddressMap.STUB_HVA, "lol-doctor");
                TracedProcess process = TracedProcess.spawn(program, Map.of())) {
            return process.remoteSyscall(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0) == process.pid()
                    ? ""
                    : "a traced process made a wrong system call";
        } catch (TracerException | HostCallException e) {
            return e.getMessage();
        }
    }

    private void systemCallInterception(boolean tracing) {
        boolean seccomp = CapabilityProbes.hasSeccompFilters();
        findings.add(
                seccomp
                        ? Finding.ok(
                                "seccomp",
                                "filters can trap",
                                "guest processes can be confined, and system calls caught without a tracer")
                        : Finding.warn(
                                "seccomp",
                                "absent",
                                "guest processes cannot be confined to the few calls they need",
                                "use a host kernel with CONFIG_SECCOMP_FILTER"));
        boolean dispatch = CapabilityProbes.hasUserDispatch();
        findings.add(
                dispatch
                        ? Finding.ok(
                                "syscall user dispatch",
                                "present",
                                "system calls can be caught without a tracer")
                        : Finding.warn(
                                "syscall user dispatch",
                                "absent",
                                "system calls of guests are caught by ptrace or seccomp only",
                                "use a host kernel 5.11 or newer"));
        redirectors(new HostCapabilities(seccomp, dispatch, tracing));
    }

    /** Which mechanisms of {@code --redirect} can be used, and which one is. */
    private void redirectors(HostCapabilities host) {
        for (Redirectors redirector : Redirectors.values()) {
            Optional<String> lack = redirector.lackOf(host);
            String how = redirector.needsTracer() ? "traced" : "not traced";
            findings.add(
                    Finding.info(
                            "--redirect " + RunOptions.name(redirector.mode()),
                            lack.map(l -> "not usable: " + l).orElse("usable"),
                            "system calls are caught with the guest's processes " + how));
        }
        String name = "redirection";
        try {
            RedirectChoice choice = RedirectChoice.of(RunOptions.DEFAULT_REDIRECT, host);
            String found = RunOptions.name(choice.redirector().mode());
            String meaning = "how a plain 'lol run' catches system calls of guests";
            findings.add(
                    choice.reason().isEmpty()
                            ? Finding.ok(name, found, meaning)
                            : Finding.warn(
                                    name,
                                    found + " instead of " + wanted(),
                                    meaning,
                                    "see what is absent above, or give --redirect " + found));
        } catch (RedirectException e) {
            findings.add(
                    Finding.missing(
                            name,
                            e.getMessage(),
                            "guests cannot run",
                            "allow seccomp or ptrace; either is enough"));
        }
    }

    private static String wanted() {
        return RunOptions.name(RunOptions.DEFAULT_REDIRECT);
    }

    private void memoryLimits() {
        findings.add(memfd());
        String text = setting("/proc/sys/vm/max_map_count");
        long mapCount = text.matches("\\d{1,18}") ? Long.parseLong(text) : 0;
        findings.add(
                mapCount >= USUAL_MAP_COUNT
                        ? Finding.ok(
                                "vm.max_map_count",
                                text,
                                "so many guest pages can be mapped at a time")
                        : Finding.warn(
                                "vm.max_map_count",
                                text,
                                "guest pages are unmapped and mapped again more often",
                                "sysctl vm.max_map_count=" + USUAL_MAP_COUNT));
        String overcommit = setting("/proc/sys/vm/overcommit_memory");
        findings.add(
                !"2".equals(overcommit)
                        ? Finding.ok(
                                "vm.overcommit_memory",
                                overcommit,
                                "guest RAM takes host memory only as the guest uses it")
                        : Finding.warn(
                                "vm.overcommit_memory",
                                overcommit,
                                "guest RAM and the sparse branch table may be refused",
                                "sysctl vm.overcommit_memory=0"));
    }

    private static Finding memfd() {
        String name = "memfd";
        try (HostFile file = HostFile.memfd("lol-doctor", HostAbi.PAGE_SIZE)) {
            String noExec = setting("/proc/sys/vm/memfd_noexec");
            return "2".equals(noExec)
                    ? Finding.missing(
                            name,
                            "executable ones are forbidden",
                            "guest processes start from one: " + file.name(),
                            "sysctl vm.memfd_noexec=0")
                    : Finding.ok(name, "works", "guest RAM and translated code live in such files");
        } catch (HostCallException e) {
            return Finding.missing(
                    name,
                    e.getMessage(),
                    "guest RAM and translated code live in such files",
                    "use a host kernel 3.17 or newer; in a container, allow memfd_create");
        }
    }

    private void isolation() {
        boolean keys = cpuFlags.contains("pku") && cpuFlags.contains("ospke");
        findings.add(
                Finding.info(
                        "protection keys",
                        keys ? "present" : "absent",
                        "isolation=shared is in force: a guest program that knows the layout can read its own guest's "
                                + "kernel, never the host"));
        String namespaces = setting("/proc/sys/user/max_user_namespaces");
        String restricted = setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
        boolean usable =
                !namespaces.isEmpty() && !"0".equals(namespaces) && !"1".equals(restricted);
        findings.add(
                Finding.info(
                        "user namespaces",
                        usable ? "usable" : "not for ordinary users",
                        "not needed; the monitor runs without privilege"));
    }

    private void defaultGuest() {
        boolean apt = Files.isExecutable(Path.of("/usr/bin/apt-get"));
        findings.add(
                apt
                        ? Finding.ok(
                                "apt",
                                "present",
                                "the default guest can be fetched from Debian's packages")
                        : Finding.warn(
                                "apt",
                                "absent",
                                "the default guest cannot be fetched",
                                "give a kernel and an initrd: lol run -k FILE -i FILE"));
    }

    private static long auxiliaryValue(long type) {
        try {
            ByteBuffer vector =
                    ByteBuffer.wrap(Files.readAllBytes(Path.of("/proc/self/auxv")))
                            .order(ByteOrder.LITTLE_ENDIAN);
            while (vector.remaining() >= 2 * Long.BYTES) {
                long entryType = vector.getLong();
                long value = vector.getLong();
                if (entryType == type) {
                    return value;
                }
            }
        } catch (IOException e) {
            // Not readable where /proc is not mounted: then there is no such capability to be seen.
            return 0;
        }
        return 0;
    }

    /** A one-line setting; empty if this host does not have it. */
    private static String setting(String file) {
        List<String> lines = lines(file);
        return lines.isEmpty() ? "" : lines.get(0).strip();
    }

    private static List<String> lines(String file) {
        try {
            return Files.readAllLines(Path.of(file));
        } catch (IOException e) {
            return List.of();
        }
    }

    private static String megabytes(long sizeBytes) {
        return (sizeBytes >> 20) + " MB";
    }
}
