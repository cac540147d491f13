// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.host.HostCallException;
import org.linuxonlinux.host.HostCalls;
import org.linuxonlinux.host.HostFile;

/** Real programs, compiled by the host's C compiler, under the tracer. */
@Tag("ptrace")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class ExecIT {
    private static final long STUB_HVA = 0x7bd0_0000_0000L;
    private static final int ENOSYS = 38;

    @TempDir Path directory;

    private final StubProgram stub = StubProgram.create(STUB_HVA, "exec-test");
    private final HostFile output = HostFile.memfd("output", 0);
    private final TracedProcess process = TracedProcess.spawn(stub, Map.of(1, output));
    private final RegisterSet registers = new RegisterSet();

    @AfterEach
    void end() {
        process.close();
        registers.close();
        output.close();
        stub.close();
    }

    private Path compile(String source, String... options) throws Exception {
        Path program = directory.resolve("program");
        Path file = directory.resolve("program.c");
        Files.writeString(file, source);
        List<String> command = new java.util.ArrayList<>(List.of("gcc", "-O1", "-w"));
        command.addAll(List.of(options));
        command.addAll(List.of("-o", program.toString(), file.toString()));
        try {
            Process compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
            String messages =
                    new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertEquals(0, compiler.waitFor(), messages);
        } catch (IOException e) {
            return Assumptions.abort("no C compiler on this host: " + e.getMessage());
        }
        return program;
    }

    private String written() {
        byte[] bytes = new byte[4096];
        HostCalls.lseek(output.fd(), 0, 0);
        int count = HostCalls.read(output.fd(), bytes, 0, bytes.length);
        return new String(bytes, 0, count, StandardCharsets.UTF_8);
    }

    @Test
    void runsAProgramWithItsArgumentsAndEnvironment() throws Exception {
        Path program =
                compile(
                        """
                        #include <stdio.h>
                        #include <stdlib.h>
                        int main(int n, char **a) {
                          printf("%d %s %s %s\\n", n, a[0], a[2], getenv("KEY"));
                          return 5;
                        }
                        """);
        process.exec(program, List.of("name", "", "last"), List.of("A=b", "KEY=value"));
        process.resume(ResumeMode.CONT, 0);
        int status = process.await();
        assertEquals("exited with 5", WaitStatus.describe(status));
        assertEquals("3 name last value\n", written());
    }

    @Test
    void answersTheSystemCallsOfAProgramItself() throws Exception {
        Path program =
                compile(
                        """
                        #include <sys/syscall.h>
                        static long call(long n, long a) {
                          long r;
                          asm volatile("syscall" : "=a"(r) : "0"(n), "D"(a)
                                       : "rcx", "r11", "memory");
                          return r;
                        }
                        void _start(void) {
                          call(SYS_exit, call(1000, 11) + call(SYS_getpid, 0));
                        }
                        """,
                        "-static",
                        "-nostdlib",
                        "-fno-stack-protector");
        process.exec(program, List.of("p"), List.of());
        StringBuilder seen = new StringBuilder();
        long exitCode = -1;
        while (exitCode < 0) {
            process.resume(ResumeMode.SYSEMU, 0);
            int status = process.await();
            assertTrue(WaitStatus.isSyscallStop(status), WaitStatus.describe(status));
            process.getRegisters(registers);
            seen.append(registers.origRax()).append(' ');
            switch ((int) registers.origRax()) {
                case 1000 -> registers.setRax(registers.getRaw(RegisterSet.RDI) * 2);
                case HostAbi.SYS_getpid -> registers.setRax(77);
                case HostAbi.SYS_exit -> exitCode = registers.getRaw(RegisterSet.RDI);
                default -> registers.setRax(-ENOSYS);
            }
            process.setRegisters(registers);
        }
        assertEquals("1000 39 60 ", seen.toString());
        assertEquals(22 + 77, exitCode);
    }

    @Test
    void keepsTheStubWhenTheProgramCannotBeExecuted() {
        HostCallException e =
                assertThrows(
                        HostCallException.class,
                        () -> process.exec(Path.of("/nonexistent"), List.of("x"), List.of()));
        assertEquals("execve: path=/nonexistent, errno=ENOENT (2)", e.getMessage());
        assertEquals(process.pid(), process.remoteSyscall(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0));
    }

    @Test
    void refusesRemoteCallsOnceTheStubIsGone() {
        Path program = Path.of("/bin/true");
        process.exec(program, List.of("true"), List.of());
        assertTrue(
                process.mappings().stream().noneMatch(mapping -> mapping.startHva() == STUB_HVA));
        assertThrows(IllegalStateException.class, process::borrow);
        process.resume(ResumeMode.CONT, 0);
        assertEquals("exited with 0", WaitStatus.describe(process.await()));
    }

    @Test
    void saysWhatToDoWhereTracingIsForbidden() throws Exception {
        // As a container's seccomp profile does, but only for the thread that installs it.
        Throwable[] thrown = new Throwable[1];
        Thread thread =
                new Thread(
                        () -> {
                            SeccompFilter.refuse(HostAbi.SYS_ptrace, HostAbi.EPERM);
                            thrown[0] =
                                    assertThrows(
                                            TracerException.class,
                                            () -> TracedProcess.spawn(stub, Map.of()));
                        });
        thread.start();
        thread.join();
        TracerException e = (TracerException) thrown[0];
        assertTrue(e.isNotPermitted());
        assertFalse(e.isGone());
        assertTrue(
                e.getMessage()
                        .matches(
                                "cannot trace process: pid=\\d+, call=ptrace, errno=EPERM \\(1\\); .*ptrace_scope.*"),
                e.getMessage());
    }
}
