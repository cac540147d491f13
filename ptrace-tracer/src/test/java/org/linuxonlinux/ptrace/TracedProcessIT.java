// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.linuxonlinux.host.ChildProgram;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;
import org.linuxonlinux.host.NativeMemory;

/** A traced process and small generated programs in it. */
@Tag("ptrace")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class TracedProcessIT {
    private static final long STUB_HVA = 0x7bd0_0000_0000L;
    private static final long CODE_HVA = 0x4000_0000L;
    private static final long DATA_HVA = 0x4001_0000L;

    /** Number of the shared file in the process. */
    private static final int CHILD_FD = 5;

    private final HostFile file = HostFile.memfd("shared", 0x20000);
    private final NativeMemory shared = NativeMemory.mapShared(file, 0, 0x20000);
    private final RegisterSet registers = new RegisterSet();
    private final SignalInfo signalInfo = new SignalInfo();
    private StubProgram stub;
    private TracedProcess process;

    @BeforeEach
    void spawn() {
        stub = StubProgram.create(STUB_HVA, "lol-test");
        process = TracedProcess.spawn(stub, Map.of(CHILD_FD, file));
    }

    @AfterEach
    void end() {
        process.close();
        stub.close();
        registers.close();
        signalInfo.close();
        shared.close();
        file.close();
    }

    /** Maps code and data of the shared file and points RIP at the code. */
    private void load(int... code) {
        for (int i = 0; i < code.length; i++) {
            shared.putByte(i, (byte) code[i]);
        }
        try (RemoteCalls calls = process.borrow()) {
            int fixed = HostAbi.MAP_SHARED | HostAbi.MAP_FIXED;
            calls.mmap(
                    CODE_HVA, 0x10000, HostAbi.PROT_READ | HostAbi.PROT_EXEC, fixed, CHILD_FD, 0);
            calls.mmap(
                    DATA_HVA,
                    0x10000,
                    HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                    fixed,
                    CHILD_FD,
                    0x10000);
        }
        process.getRegisters(registers);
        registers.setRip(CODE_HVA);
        registers.setOrigRax(-1);
        registers.setRflags(2);
        for (int encoding = 0; encoding < 16; encoding++) {
            registers.setGpr(encoding, 0);
        }
        process.setRegisters(registers);
    }

    private int run(ResumeMode mode) {
        process.resume(mode, 0);
        int status = process.await();
        if (WaitStatus.isStopped(status)) {
            process.getRegisters(registers);
        }
        return status;
    }

    @Test
    void startsAloneInItsOwnSessionWithOnlyTheGivenDescriptors() throws IOException {
        Map<String, String> fds = new TreeMap<>();
        try (Stream<Path> list = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
            for (Path fd : list.toList()) {
                fds.put(fd.getFileName().toString(), Files.readSymbolicLink(fd).toString());
            }
        }
        assertEquals(Map.of("5", "/memfd:shared (deleted)"), fds);
        assertEquals(0, Files.readAllBytes(Path.of("/proc/" + process.pid() + "/environ")).length);
        assertEquals("lol-test\n", Files.readString(Path.of("/proc/" + process.pid() + "/comm")));
        String[] stat =
                Files.readString(Path.of("/proc/" + process.pid() + "/stat")).split(" ", -1);
        assertEquals(process.pid(), Integer.parseInt(stat[5]), "session");
        String status = Files.readString(Path.of("/proc/" + process.pid() + "/status"));
        assertTrue(status.contains("SigBlk:\t0000000000000000"), status);
    }

    @Test
    void remoteCallRunsInTheProcessAndKeepsItsRegisters() {
        process.getRegisters(registers);
        String before = registers.toString();
        assertEquals(process.pid(), process.remoteSyscall(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0));
        assertEquals(-9, process.remoteSyscall(HostAbi.SYS_close, 77, 0, 0, 0, 0, 0));
        process.getRegisters(registers);
        assertEquals(before, registers.toString());
    }

    @Test
    void sharesMemoryWithTheTracer() {
        // mov eax, [0x40010000]; inc eax; mov [0x40010000], eax; int3
        load(0x8b, 0x04, 0x25, 0, 0, 1, 0x40, 0xff, 0xc0, 0x89, 0x04, 0x25, 0, 0, 1, 0x40, 0xcc);
        shared.putInt(0x10000, 41);
        int status = run(ResumeMode.CONT);
        assertTrue(WaitStatus.isSignalStop(status, HostAbi.SIGTRAP), WaitStatus.describe(status));
        assertEquals(42, shared.getInt(0x10000));
        assertEquals(42, registers.rax());
        assertEquals(CODE_HVA + 17, registers.rip());
    }

    @Test
    void redirectsSystemCallsWithoutExecutingThem() {
        // mov eax, 1234; syscall; inc eax; syscall
        load(0xb8, 0xd2, 4, 0, 0, 0x0f, 0x05, 0xff, 0xc0, 0x0f, 0x05);
        int status = run(ResumeMode.SYSEMU);
        assertEquals(WaitStatus.Kind.SYSCALL, WaitStatus.kind(status));
        assertEquals(1234, registers.origRax());
        assertEquals(CODE_HVA + 7, registers.rip());
        registers.setRax(99);
        registers.setOrigRax(-1);
        process.setRegisters(registers);
        assertTrue(WaitStatus.isSyscallStop(run(ResumeMode.SYSEMU)));
        assertEquals(100, registers.origRax());
    }

    @Test
    void movesAwayFromARedirectedSystemCall() {
        // syscall; int3 | int3 at +0x10
        load(0x0f, 0x05, 0xcc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xcc);
        assertTrue(WaitStatus.isSyscallStop(run(ResumeMode.SYSEMU)));
        registers.setRip(CODE_HVA + 0x10);
        registers.setRax(-512); // looks like ERESTARTSYS: must not rewind RIP
        registers.setOrigRax(-1);
        process.setRegisters(registers);
        run(ResumeMode.SYSEMU);
        assertEquals(CODE_HVA + 0x11, registers.rip());
        assertEquals(-512, registers.rax());
    }

    @Test
    void stepsOneInstruction() {
        load(0x90, 0xb8, 7, 0, 0, 0, 0x0f, 0x05, 0xcc); // nop; mov eax, 7; syscall; int3
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.SINGLESTEP), HostAbi.SIGTRAP));
        assertEquals(CODE_HVA + 1, registers.rip());
        process.getSignalInfo(signalInfo);
        assertEquals(SignalInfo.TRAP_TRACE, signalInfo.code());
        run(ResumeMode.SYSEMU_SINGLESTEP);
        assertEquals(CODE_HVA + 6, registers.rip());
        assertEquals(7, registers.rax());
        int status = run(ResumeMode.SYSEMU_SINGLESTEP);
        assertTrue(WaitStatus.isSyscallStop(status), WaitStatus.describe(status));
        assertEquals(7, registers.origRax());
    }

    @Test
    void tellsTheAddressOfAPageFault() {
        load(0x89, 0x04, 0x25, 0x10, 0, 0, 0x10); // mov [0x10000010], eax
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGSEGV));
        process.getSignalInfo(signalInfo);
        assertEquals(HostAbi.SIGSEGV, signalInfo.signo());
        assertEquals(SignalInfo.SEGV_MAPERR, signalInfo.code());
        assertEquals(0x1000_0010L, signalInfo.faultHva());
        assertEquals(CODE_HVA, registers.rip());
    }

    @Test
    void tellsWriteProtectionFromAbsence() {
        load(0x89, 0x04, 0x25, 0, 0, 0, 0x40); // mov [0x40000000], eax
        run(ResumeMode.CONT);
        process.getSignalInfo(signalInfo);
        assertEquals(SignalInfo.SEGV_ACCERR, signalInfo.code());
        assertEquals(CODE_HVA, signalInfo.faultHva());
    }

    @Test
    void nonCanonicalAccessHasNoAddress() {
        load(
                0x48, 0xc7, 0xc0, 1, 0, 0, 0, 0x48, 0xd1, 0xc8, 0x8b,
                0x00); // mov/ror rax; mov eax, [rax]
        // rax = 1 rotated right by one = 0x8000…
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGSEGV));
        process.getSignalInfo(signalInfo);
        assertEquals(SignalInfo.SI_KERNEL, signalInfo.code());
        assertEquals(0, signalInfo.faultHva());
    }

    @Test
    void resumesAFaultAfterTheCauseIsRemoved() {
        load(0x89, 0x04, 0x25, 0x10, 0, 0, 0x10, 0xcc); // mov [0x10000010], eax; int3
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGSEGV));
        try (RemoteCalls calls = process.borrow()) {
            calls.mmap(
                    0x1000_0000L,
                    4096,
                    HostAbi.PROT_READ | HostAbi.PROT_WRITE,
                    HostAbi.MAP_SHARED | HostAbi.MAP_FIXED,
                    CHILD_FD,
                    0x10000);
        }
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGTRAP));
        assertEquals(CODE_HVA + 8, registers.rip());
    }

    @Test
    void kickStopsASpinningProcess() throws Exception {
        load(0xff, 0x04, 0x25, 0, 0, 1, 0x40, 0xeb, 0xf7); // spin: inc dword [0x40010000]; jmp spin
        Thread kicker =
                new Thread(
                        () -> {
                            while (shared.getIntAcquire(0x10000) == 0) {
                                Thread.onSpinWait();
                            }
                            process.kick();
                        });
        kicker.start();
        int status = run(ResumeMode.SYSEMU);
        kicker.join();
        assertTrue(
                WaitStatus.isSignalStop(status, TracedProcess.KICK_SIGNAL),
                WaitStatus.describe(status));
        assertTrue(registers.rip() == CODE_HVA || registers.rip() == CODE_HVA + 7);
        process.getSignalInfo(signalInfo);
        assertEquals(SignalInfo.SI_USER, signalInfo.code());
        assertEquals(HostCalls.getpid(), signalInfo.senderPid());
    }

    @Test
    void kickWhileStoppedIsSeenBeforeTheFirstInstruction() {
        load(0xff, 0xc0, 0xcc); // inc eax; int3
        process.kick();
        process.kick();
        int status = run(ResumeMode.CONT);
        assertTrue(WaitStatus.isSignalStop(status, TracedProcess.KICK_SIGNAL));
        assertEquals(CODE_HVA, registers.rip());
        status = run(ResumeMode.CONT);
        assertTrue(WaitStatus.isSignalStop(status, HostAbi.SIGTRAP));
        assertEquals(1, registers.rax());
    }

    @Test
    void kickDuringARemoteCallIsReportedAfterwards() {
        load(0xff, 0xc0, 0xcc); // inc eax; int3
        process.kick();
        assertEquals(process.pid(), process.remoteSyscall(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0));
        int status = run(ResumeMode.CONT);
        assertTrue(WaitStatus.isSignalStop(status, TracedProcess.KICK_SIGNAL));
        process.getSignalInfo(signalInfo);
        assertEquals(TracedProcess.KICK_SIGNAL, signalInfo.signo());
        assertEquals(CODE_HVA, registers.rip());
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGTRAP));
        assertEquals(1, registers.rax());
    }

    @Test
    void keepsOnlyTheRangesAskedFor() {
        load(0xcc);
        process.unmapAllExcept(List.of(new HvaRange(CODE_HVA, 0x10000)));
        List<Mapping> mappings =
                process.mappings().stream().filter(m -> !m.name().equals("[vsyscall]")).toList();
        assertEquals(2, mappings.size(), mappings.toString());
        assertEquals(CODE_HVA, mappings.get(0).startHva());
        assertEquals("r-xs", mappings.get(0).permissions());
        assertEquals(STUB_HVA, mappings.get(1).startHva());
        assertEquals(STUB_HVA + 4096, mappings.get(1).endHva());
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGTRAP));
        assertEquals(process.pid(), process.remoteSyscall(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0));
    }

    @Test
    void setsSegmentBasesAndSingleRegisters() {
        load(0x64, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x65, 0x8b, 0x1c, 0x25, 4, 0, 0, 0, 0xcc);
        // mov eax, fs:[0]; mov ebx, gs:[4]; int3
        shared.putInt(0x10000, 11);
        shared.putInt(0x10004, 22);
        process.setRegister(RegisterSet.FS_BASE, DATA_HVA);
        process.setRegister(RegisterSet.GS_BASE, DATA_HVA);
        run(ResumeMode.CONT);
        assertEquals(11, registers.rax());
        assertEquals(22, process.getRegister(RegisterSet.RBX));
        assertEquals(DATA_HVA, registers.gsBase());
    }

    @Test
    void movesVectorRegistersToAnotherProcess() {
        load(0x66, 0x0f, 0x6e, 0xc0, 0xcc); // movd xmm0, eax; int3
        registers.setRax(0x1234_5678);
        process.setRegisters(registers);
        run(ResumeMode.CONT);
        try (ExtendedState state = new ExtendedState();
                TracedProcess second = TracedProcess.spawn(stub, Map.of())) {
            assertThrows(IllegalStateException.class, () -> second.setExtendedState(state));
            process.getExtendedState(state);
            assertTrue(state.sizeBytes() >= 576, state.toString());
            assertEquals(0x1234_5678, state.getLong(160), "xmm0 in the legacy region");
            second.setExtendedState(state);
            state.setLong(160, 0);
            second.getExtendedState(state);
            assertEquals(0x1234_5678, state.getLong(160));
        }
    }

    @Test
    void readsAndWritesMemoryWhateverItsProtection() {
        load(0x90, 0xcc);
        byte[] stubBytes = new byte[4];
        process.readMemory(STUB_HVA, stubBytes);
        assertArrayEquals(new byte[] {0x7f, 'E', 'L', 'F'}, stubBytes);
        process.writeMemory(STUB_HVA + 0x800, new byte[] {1, 2, 3});
        byte[] back = new byte[3];
        process.readMemory(STUB_HVA + 0x800, back);
        assertArrayEquals(new byte[] {1, 2, 3}, back);
        TracerException e =
                assertThrows(TracerException.class, () -> process.readMemory(0x1000, back));
        assertTrue(e.getMessage().contains("hva=0x1000") || e.errno() == HostAbi.EIO, e.toString());
    }

    @Test
    void tellsHowTheProcessEnded() {
        load(0xb8, 0xe7, 0, 0, 0, 0xbf, 3, 0, 0, 0, 0x0f, 0x05); // exit_group(3)
        int status = run(ResumeMode.CONT);
        assertEquals(WaitStatus.Kind.EXITED, WaitStatus.kind(status));
        assertEquals(3, WaitStatus.exitCode(status));
        assertTrue(process.hasEnded());
        assertFalse(process.kick());
        assertEquals(status, process.await());
        assertThrows(IllegalStateException.class, () -> process.getRegisters(registers));
    }

    @Test
    void aKillFromOutsideIsReportedAsTheEnd() {
        load(0xeb, 0xfe); // jmp self
        HostCalls.kill(process.pid(), HostAbi.SIGKILL);
        int status = run(ResumeMode.CONT);
        assertEquals(WaitStatus.Kind.KILLED, WaitStatus.kind(status));
        assertEquals(HostAbi.SIGKILL, WaitStatus.killSignal(status));
    }

    @Test
    void anUnhandledSignalPassedOnEndsTheProcess() {
        load(0x0f, 0x0b); // ud2
        assertTrue(WaitStatus.isSignalStop(run(ResumeMode.CONT), HostAbi.SIGILL));
        process.resume(ResumeMode.CONT, HostAbi.SIGILL);
        int status = process.await();
        assertEquals(WaitStatus.Kind.KILLED, WaitStatus.kind(status));
        assertEquals(HostAbi.SIGILL, WaitStatus.killSignal(status));
    }

    @Test
    void refusesForeignThreads() throws Exception {
        Throwable[] thrown = new Throwable[1];
        Thread thread =
                new Thread(
                        () -> {
                            try {
                                process.getRegisters(registers);
                            } catch (IllegalStateException e) {
                                thrown[0] = e;
                            }
                        });
        thread.start();
        thread.join();
        assertTrue(thrown[0].getMessage().contains("foreign thread"), String.valueOf(thrown[0]));
    }

    @Test
    void diesWithTheThreadThatTracesIt() throws Exception {
        int[] pid = new int[1];
        Thread thread = new Thread(() -> pid[0] = TracedProcess.spawn(stub, Map.of()).pid());
        thread.start();
        thread.join();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (isAlive(pid[0])) {
            assertTrue(System.nanoTime() < deadline, "still alive: pid=" + pid[0]);
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    @Test
    void closeLeavesNothingBehind() {
        int pid = process.pid();
        process.close();
        process.close();
        assertFalse(Files.exists(Path.of("/proc/" + pid)));
    }

    @Test
    void aStubWithAStrangerAsParentLeavesAtOnce() {
        // What a stub sees whose parent died between clone and prctl.
        byte[] image =
                StubProgram.image(
                        STUB_HVA, HostCalls.getpid() + 1, "orphan", new byte[] {0x0f, 0x0b});
        try (HostFile program = HostFile.executableMemfd("orphan");
                NativeMemory status = NativeMemory.allocate(4)) {
            program.writeFully(image);
            ChildProgram child = ChildProgram.start(program, Map.of());
            HostCalls.waitpid(child.pid(), status.hva(), 0);
            child.pidFd().close();
            assertEquals("exited with 1", WaitStatus.describe(status.getInt(0)));
        }
    }

    @Test
    void passesDescriptorsWhoseNumbersCross() throws IOException {
        try (HostFile other = HostFile.memfd("other", 0);
                TracedProcess crossed =
                        TracedProcess.spawn(stub, Map.of(file.fd(), other, other.fd(), file))) {
            Path fds = Path.of("/proc/" + crossed.pid() + "/fd");
            assertEquals(
                    Path.of("/memfd:other (deleted)"),
                    Files.readSymbolicLink(fds.resolve(String.valueOf(file.fd()))));
            assertEquals(
                    Path.of("/memfd:shared (deleted)"),
                    Files.readSymbolicLink(fds.resolve(String.valueOf(other.fd()))));
        }
    }

    @Test
    void stopsDoNotAllocate() {
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean)
                        java.lang.management.ManagementFactory.getThreadMXBean();
        load(0x0f, 0x05, 0xeb, 0xfc); // syscall; jmp -4
        run(ResumeMode.SYSEMU);
        process.getSignalInfo(signalInfo);
        long id = Thread.currentThread().getId();
        long before = threads.getThreadAllocatedBytes(id);
        for (int i = 0; i < 500; i++) {
            process.resume(ResumeMode.SYSEMU, 0);
            WaitStatus.isSyscallStop(process.await());
            process.getRegisters(registers);
            process.getSignalInfo(signalInfo);
            registers.setRax(registers.rax() + 1);
            process.setRegisters(registers);
        }
        long allocated = threads.getThreadAllocatedBytes(id) - before;
        assertTrue(allocated < 500, "allocatedBytes=" + allocated);
    }

    @Test
    void refusesASegmentBaseInTheUpperHalf() {
        process.getRegisters(registers);
        registers.setGsBase(0xffff_8000_0000_0000L);
        TracerException e =
                assertThrows(TracerException.class, () -> process.setRegisters(registers));
        assertEquals(HostAbi.EIO, e.errno());
    }

    @Test
    void refusesASegmentBaseAtTheEndOfTheTask() {
        process.getRegisters(registers);
        registers.setGsBase(TracedProcess.TASK_END_HVA);
        TracerException e =
                assertThrows(TracerException.class, () -> process.setRegisters(registers));
        assertEquals(HostAbi.EIO, e.errno());
        registers.setGsBase(TracedProcess.TASK_END_HVA - 1);
        process.setRegisters(registers);
    }

    @Test
    void leavesSegmentBasesThatItCouldNotSet() {
        long base = 0xffff_ffff_8123_4560L;
        // wrgsbase rax; int3; inc ecx; int3
        load(0xf3, 0x48, 0x0f, 0xae, 0xd8, 0xcc, 0xff, 0xc1, 0xcc);
        registers.setRax(base);
        process.setRegisters(registers);
        int status = run(ResumeMode.CONT);
        assumeTrue(WaitStatus.isSignalStop(status, HostAbi.SIGTRAP), "no FSGSBASE");
        assertEquals(base, registers.gsBase());
        long ds = registers.getRaw(RegisterSet.DS);
        long ss = registers.getRaw(RegisterSet.SS);
        registers.setGpr(1, 41);
        registers.setRsp(DATA_HVA + 8);
        process.setRegistersButBases(registers);
        run(ResumeMode.CONT);
        assertEquals(42, registers.getGpr(1));
        assertEquals(DATA_HVA + 8, registers.rsp());
        assertEquals(base, registers.gsBase());
        assertEquals(ds, registers.getRaw(RegisterSet.DS));
        assertEquals(ss, registers.getRaw(RegisterSet.SS));
    }

    /** Whether a process exists and is not a zombie. */
    static boolean isAlive(int pid) throws IOException {
        Path stat = Path.of("/proc/" + pid + "/stat");
        try {
            String text = Files.readString(stat);
            return text.charAt(text.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException e) {
            if (Files.exists(stat)) {
                throw e;
            }
            return false;
        }
    }
}
