// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.linuxonlinux.ptrace.PtraceAbi.*;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.linuxonlinux.host.ChildProgram;
import org.linuxonlinux.host.Errno;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;

/**
 * A host process that this thread traces, from birth to death.
 *
 * <p>It alternates between stopped, where everything here works, and running, from {@link #resume}
 * to the {@link #await} that returns its next stop. It starts stopped, in its own session, with no
 * signal blocked, no environment and only the descriptors given.
 *
 * <pre>{@code
 * try (StubProgram stub = StubProgram.create(0x10000, "worker");
 *         TracedProcess process = TracedProcess.spawn(stub, Map.of());
 *         RegisterSet registers = new RegisterSet()) {
 *     process.getRegisters(registers);
 *     …
 *     process.setRegisters(registers);
 *     process.resume(ResumeMode.SYSEMU, 0);
 *     int status = process.await();
 * }
 * }</pre>
 *
 * <p>Methods belong to the spawning thread except {@link #kick} and {@link #kill}. Requests on the
 * hot path (registers, resume, await, signal info) allocate nothing.
 */
public final class TracedProcess implements AutoCloseable {
    /**
     * The signal {@link #kick} sends: SIGURG. Its default action is to do nothing, so that a kick
     * that comes too early or too late is harmless, and programs do not send it to themselves.
     */
    public static final int KICK_SIGNAL = 23;

    /** End of the lower half as the kernel lets processes use it (TASK_SIZE_MAX, 4-level). */
    public static final long TASK_END_HVA = 0x7fff_ffff_f000L;

    private enum State {
        STOPPED,
        RUNNING,
        /** Resumed for the caller, but kept stopped: a signal seen earlier is to be reported. */
        HELD,
        ENDED
    }

    private final int pid;
    private final HostFile pidFd;
    private final HvaRange stubRange;
    private final long syscallHva;
    private final Thread owner = Thread.currentThread();
    private final NativeMemory statusWord = NativeMemory.allocate(16);
    private final RegisterSet callRegisters = new RegisterSet();
    private final RemoteCalls remoteCalls = new RemoteCalls(this);

    private boolean hasStub = true;
    private State state = State.RUNNING;
    private int lastStatus;

    /** Bit n: signal n arrived during a remote call and still has to be reported by await. */
    private long heldSignals;

    /** Signal that the last await reported from {@link #heldSignals}, 0 if it was a fresh stop. */
    private int reportedHeldSignal;

    private HostFile memoryFile;

    private TracedProcess(ChildProgram child, StubProgram program) {
        this.pid = child.pid();
        this.pidFd = child.pidFd();
        this.stubRange = program.range();
        this.syscallHva = program.syscallHva();
    }

    /**
     * Starts a process and stops it before it does anything of note.
     *
     * @param program what it runs
     * @param descriptors number in the child to open file here; everything else is closed there
     * @throws TracerException if the host forbids tracing, with advice
     * @throws HostCallException if the process cannot be started
     */
    public static TracedProcess spawn(StubProgram program, Map<Integer, HostFile> descriptors) {
        TracedProcess process =
                new TracedProcess(ChildProgram.start(program.file(), descriptors), program);
        boolean done = false;
        try {
            process.seize(program);
            done = true;
            return process;
        } finally {
            if (!done) {
                process.close();
            }
        }
    }

    private void seize(StubProgram program) {
        long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP;
        check("trace process", HostCalls.rawPtrace(PTRACE_SEIZE, pid, 0, options));
        check("stop process", HostCalls.rawPtrace(PTRACE_INTERRUPT, pid, 0, 0));
        int status = waitForChange(0);
        if (WaitStatus.kind(status) != WaitStatus.Kind.EVENT) {
            throw new TracerException(
                    "traced process did not start: pid="
                            + pid
                            + ", "
                            + WaitStatus.describe(status));
        }
        statusWord.putLong(8, 0);
        check(
                "clear signal mask",
                HostCalls.rawPtrace(PTRACE_SETSIGMASK, pid, 8, statusWord.hva() + 8));
        try (RemoteCalls calls = borrow()) {
            calls.call(HostAbi.SYS_prctl, HostAbi.PR_SET_NAME, program.nameHva(), 0, 0, 0, 0);
        }
    }

    private void check(String what, long result) {
        if (result < 0 && result >= -4095) {
            throw refused(what, result);
        }
    }

    private TracerException refused(String what, long result) {
        return new TracerException(what, pid, new HostCallException("ptrace", (int) -result, ""));
    }

    private void requireStopped() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException(
                    "traced process used by a foreign thread: pid="
                            + pid
                            + ", owner="
                            + owner.getName()
                            + ", caller="
                            + Thread.currentThread().getName());
        }
        if (state != State.STOPPED) {
            throw new IllegalStateException(
                    "traced process is not stopped: pid=" + pid + ", state=" + state);
        }
    }

    // ---- Identity ----------------------------------------------------------------------------

    /** Process number. */
    public int pid() {
        return pid;
    }

    /** Descriptor of the process; readable once it has ended. Owned by this object. */
    public HostFile pidFd() {
        return pidFd;
    }

    /** Where the stub's page lies in the process. */
    public HvaRange stubRange() {
        return stubRange;
    }

    /** Whether the process is stopped and may be inspected. */
    public boolean isStopped() {
        return state == State.STOPPED;
    }

    /** Whether the process has ended. */
    public boolean hasEnded() {
        return state == State.ENDED;
    }

    // ---- Running -----------------------------------------------------------------------------

    /**
     * Lets the process run.
     *
     * @param signal delivered to it first; 0 = none, which drops the signal it was stopped by
     */
    public void resume(ResumeMode mode, int signal) {
        requireStopped();
        if (heldSignals != 0 && signal == 0) {
            state = State.HELD;
            return;
        }
        state = State.RUNNING;
        long result = HostCalls.rawPtrace(mode.request(), pid, 0, signal);
        // A process killed from outside refuses with ESRCH; await tells how it ended.
        if (result < 0 && result != -HostAbi.ESRCH) {
            state = State.STOPPED;
            throw refused("resume process", result);
        }
    }

    /** Waits for the next stop or the end; returns a status for {@link WaitStatus}. */
    public int await() {
        return awaitChange(0);
    }

    /** Like {@link #await}, but returns 0 at once if the process is still running. */
    public int tryAwait() {
        return awaitChange(HostAbi.WNOHANG);
    }

    private int awaitChange(int options) {
        if (state == State.HELD) {
            int signal = Long.numberOfTrailingZeros(heldSignals);
            heldSignals &= heldSignals - 1;
            reportedHeldSignal = signal;
            state = State.STOPPED;
            lastStatus = WaitStatus.ofSignalStop(signal);
            return lastStatus;
        }
        if (state == State.ENDED) {
            return lastStatus;
        }
        if (state != State.RUNNING || Thread.currentThread() != owner) {
            throw new IllegalStateException("nothing to wait for: pid=" + pid + ", state=" + state);
        }
        return waitForChange(options);
    }

    private int waitForChange(int options) {
        if (HostCalls.waitpid(pid, statusWord.hva(), options) == 0) {
            return 0;
        }
        lastStatus = statusWord.getInt(0);
        reportedHeldSignal = 0;
        state = WaitStatus.isStopped(lastStatus) ? State.STOPPED : State.ENDED;
        return lastStatus;
    }

    /** The status the last {@link #await} returned. */
    public int lastStatus() {
        return lastStatus;
    }

    /**
     * Makes a running process stop soon with a {@link #KICK_SIGNAL} stop; if it is stopped, it
     * stops again as soon as it is resumed. Kicks before that stop count once. Any thread.
     *
     * @return false if the process has ended
     */
    public boolean kick() {
        return HostCalls.pidfdSendSignal(pidFd.fd(), KICK_SIGNAL);
    }

    /** Kills the process; {@link #await} then returns its end. Any thread. */
    public void kill() {
        HostCalls.pidfdSendSignal(pidFd.fd(), HostAbi.SIGKILL);
    }

    // ---- Inspecting --------------------------------------------------------------------------

    /** Reads all integer registers. */
    public void getRegisters(RegisterSet into) {
        requireStopped();
        check("read registers", HostCalls.rawPtrace(PTRACE_GETREGS, pid, 0, into.hva()));
    }

    /**
     * Writes all integer registers.
     *
     * @throws TracerException with EIO if a segment base lies at {@link #TASK_END_HVA} or above or
     *     a selector is not one of user mode
     */
    public void setRegisters(RegisterSet from) {
        requireStopped();
        check("write registers", HostCalls.rawPtrace(PTRACE_SETREGS, pid, 0, from.hva()));
    }

    /**
     * Writes the integer registers but the segment bases and the selectors of data, which stay as
     * they are: for processes that have loaded bases which {@link #setRegisters} refuses.
     */
    public void setRegistersButBases(RegisterSet from) {
        requireStopped();
        check(
                "write registers",
                HostCalls.rawPtrace(
                        PTRACE_SETREGSET,
                        pid,
                        NT_PRSTATUS,
                        from.iovecOfWordsBefore(RegisterSet.FS_BASE)));
    }

    /** Reads one word of the register set; {@code index} is a constant of {@link RegisterSet}. */
    public long getRegister(int index) {
        requireStopped();
        long wordHva = statusWord.hva() + 8;
        check("read register", HostCalls.rawPtrace(PTRACE_PEEKUSER, pid, index * 8L, wordHva));
        return statusWord.getLong(8);
    }

    /** Writes one word of the register set. */
    public void setRegister(int index, long value) {
        requireStopped();
        check("write register", HostCalls.rawPtrace(PTRACE_POKEUSER, pid, index * 8L, value));
    }

    /** Reads the vector and floating-point registers. */
    public void getExtendedState(ExtendedState into) {
        requireStopped();
        check(
                "read extended state",
                HostCalls.rawPtrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, into.iovecForFilling()));
        into.filled();
    }

    /** Writes the vector and floating-point registers. */
    public void setExtendedState(ExtendedState from) {
        requireStopped();
        check(
                "write extended state",
                HostCalls.rawPtrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, from.iovecForWriting()));
    }

    /** Reads the details of the signal the process is stopped by. */
    public void getSignalInfo(SignalInfo into) {
        requireStopped();
        if (reportedHeldSignal != 0) {
            into.setBare(reportedHeldSignal);
            return;
        }
        check("read signal info", HostCalls.rawPtrace(PTRACE_GETSIGINFO, pid, 0, into.hva()));
    }

    /** The process's mappings, in ascending order. */
    public List<Mapping> mappings() {
        requireStopped();
        List<Mapping> mappings = new ArrayList<>();
        try {
            for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/maps"))) {
                mappings.add(Mapping.parse(line));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return mappings;
    }

    /** Reads the process's memory, whatever its protection. */
    public void readMemory(long hva, byte[] into) {
        try (NativeMemory buffer = NativeMemory.allocate(into.length)) {
            long done = 0;
            while (done < into.length) {
                done +=
                        HostCalls.pread(
                                memoryFd(), buffer.hva() + done, into.length - done, hva + done);
            }
            buffer.get(0, into, 0, into.length);
        } catch (HostCallException e) {
            throw new TracerException("read memory of process", pid, e.with("hva", hex(hva)));
        }
    }

    /** Writes the process's memory, also where it is mapped read-only and private. */
    public void writeMemory(long hva, byte[] from) {
        try (NativeMemory buffer = NativeMemory.allocate(from.length)) {
            buffer.put(0, from, 0, from.length);
            long done = 0;
            while (done < from.length) {
                done +=
                        HostCalls.pwrite(
                                memoryFd(), buffer.hva() + done, from.length - done, hva + done);
            }
        } catch (HostCallException e) {
            throw new TracerException("write memory of process", pid, e.with("hva", hex(hva)));
        }
    }

    private int memoryFd() {
        requireStopped();
        if (memoryFile == null) {
            memoryFile = HostFile.open(Path.of("/proc/" + pid + "/mem"), HostAbi.O_RDWR, 0);
        }
        return memoryFile.fd();
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    // ---- Remote system calls -----------------------------------------------------------------

    /**
     * Borrows the stopped process for system calls of its own; its registers are saved here and
     * come back when the borrower is closed. One borrower at a time.
     */
    public RemoteCalls borrow() {
        requireStopped();
        if (!hasStub) {
            throw new IllegalStateException("the stub was replaced by exec: pid=" + pid);
        }
        remoteCalls.open();
        return remoteCalls;
    }

    /**
     * Executes one system call in the process; its registers are unchanged afterwards.
     *
     * @return the kernel's result; negative error number on failure
     */
    public long remoteSyscall(int number, long a0, long a1, long a2, long a3, long a4, long a5) {
        try (RemoteCalls calls = borrow()) {
            return calls.call(number, a0, a1, a2, a3, a4, a5);
        }
    }

    /**
     * Unmaps everything below the end of the lower half but the stub's page and the ranges given:
     * initial stack, vDSO, vvar and all else.
     */
    public void unmapAllExcept(List<HvaRange> keep) {
        List<HvaRange> sorted = new ArrayList<>(keep);
        sorted.add(stubRange);
        sorted.sort(Comparator.comparingLong(HvaRange::startHva));
        try (RemoteCalls calls = borrow()) {
            long gapHva = 0;
            for (HvaRange range : sorted) {
                if (range.startHva() > gapHva) {
                    calls.munmap(gapHva, range.startHva() - gapHva);
                }
                gapHva = Math.max(gapHva, range.endHva());
            }
            if (gapHva < TASK_END_HVA) {
                calls.munmap(gapHva, TASK_END_HVA - gapHva);
            }
        }
    }

    /**
     * Replaces the stub by a program, which is left stopped before its first instruction. Remote
     * calls are not possible any more, everything else is.
     *
     * @param path the program's file, as the process sees it
     * @param arguments its argument list, the name first
     * @param environment {@code KEY=value} strings
     * @throws HostCallException if the program cannot be executed; the stub is then still there
     */
    public void exec(Path path, List<String> arguments, List<String> environment) {
        ExecImage image = new ExecImage(path, arguments, environment);
        try (RemoteCalls calls = borrow()) {
            long hva =
                    calls.mmap(
                            0,
                            image.sizeBytes(),
                            HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                            HostAbi.MAP_PRIVATE | HostAbi.MAP_ANONYMOUS,
                            -1,
                            0);
            writeMemory(hva, image.bytesAt(hva));
            getRegisters(callRegisters);
            callRegisters.setRip(syscallHva);
            callRegisters.setOrigRax(-1);
            callRegisters.setRax(HostAbi.SYS_execve);
            callRegisters.setRaw(RegisterSet.RDI, hva + image.pathOffset());
            callRegisters.setRaw(RegisterSet.RSI, hva + image.argumentsOffset());
            callRegisters.setRaw(RegisterSet.RDX, hva + image.environmentOffset());
            setRegisters(callRegisters);
            runToSyscallStop(); // entry
            runToSyscallStop(); // exit, in the new program if there is one
            long result = getRegister(RegisterSet.RAX);
            if (Errno.isError(result)) {
                throw new HostCallException("execve", (int) -result, "path=" + path);
            }
            hasStub = false;
            calls.abandon();
        }
    }

    private void runToSyscallStop() {
        while (true) {
            state = State.RUNNING;
            check("run remote call", HostCalls.rawPtrace(PTRACE_SYSCALL, pid, 0, 0));
            int status = waitForChange(0);
            if (WaitStatus.isSyscallStop(status)) {
                return;
            }
            if (WaitStatus.hasEnded(status)) {
                throw new TracerException(
                        "traced process ended in execve: pid="
                                + pid
                                + ", "
                                + WaitStatus.describe(status));
            }
            if (WaitStatus.kind(status) == WaitStatus.Kind.SIGNAL) {
                heldSignals |= 1L << WaitStatus.stopSignal(status);
            }
        }
    }

    /** Runs {@code syscall; int3} with the registers given; they are overwritten by the outcome. */
    void runSyscall(RegisterSet registers) {
        int stopStatus = lastStatus;
        int stopHeldSignal = reportedHeldSignal;
        registers.setRip(syscallHva);
        registers.setOrigRax(-1);
        setRegisters(registers);
        while (true) {
            state = State.RUNNING;
            check("run remote call", HostCalls.rawPtrace(PTRACE_CONT, pid, 0, 0));
            int status = waitForChange(0);
            if (WaitStatus.hasEnded(status)) {
                throw new TracerException(
                        "traced process ended in a remote call: pid="
                                + pid
                                + ", "
                                + WaitStatus.describe(status));
            }
            if (WaitStatus.kind(status) != WaitStatus.Kind.SIGNAL) {
                continue;
            }
            int signal = WaitStatus.stopSignal(status);
            if (signal == HostAbi.SIGTRAP) {
                getRegisters(registers);
                if (registers.rip() == syscallHva + 3) {
                    lastStatus = stopStatus;
                    reportedHeldSignal = stopHeldSignal;
                    return;
                }
            } else if (signal == HostAbi.SIGSEGV || signal == HostAbi.SIGBUS) {
                throw new TracerException(
                        "remote call faulted, is the stub page unmapped? pid="
                                + pid
                                + ", syscallHva="
                                + hex(syscallHva));
            }
            heldSignals |= 1L << signal;
        }
    }

    RegisterSet callRegisters() {
        return callRegisters;
    }

    // ---- End ---------------------------------------------------------------------------------

    /** Kills the process, waits for its end and frees everything. A second call does nothing. */
    @Override
    public void close() {
        if (pidFd.fd() < 0) {
            return;
        }
        kill();
        while (state != State.ENDED) {
            reap();
        }
        pidFd.close();
        if (memoryFile != null) {
            memoryFile.close();
        }
        statusWord.close();
        callRegisters.close();
        remoteCalls.free();
    }

    private void reap() {
        try {
            waitForChange(0);
        } catch (HostCallException e) {
            if (e.errno() != HostAbi.ECHILD) {
                throw e;
            }
            state = State.ENDED; // somebody else waited for it
        }
    }

    @Override
    public String toString() {
        return "pid="
                + pid
                + ", state="
                + state
                + ", lastStatus=0x"
                + Integer.toHexString(lastStatus);
    }
}
