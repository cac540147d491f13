// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our copies of the host's numbers against the host's own C headers. */
final class HostAbiIT {
    private static final String HEADERS =
            """
            #define _GNU_SOURCE
            #include <errno.h>
            #include <fcntl.h>
            #include <linux/audit.h>
            #include <linux/falloc.h>
            #include <linux/futex.h>
            #include <linux/close_range.h>
            #include <linux/memfd.h>
            #include <linux/seccomp.h>
            #include <poll.h>
            #include <sched.h>
            #include <signal.h>
            #include <stdio.h>
            #include <sys/eventfd.h>
            #include <sys/file.h>
            #include <sys/ioctl.h>
            #include <stddef.h>
            #include <sys/mman.h>
            #include <sys/prctl.h>
            #include <sys/resource.h>
            #include <asm/prctl.h>
            #include <sys/syscall.h>
            #include <sys/timerfd.h>
            #include <sys/wait.h>
            #include <time.h>
            #include <ucontext.h>
            #include <unistd.h>
            #ifndef SA_RESTORER
            #define SA_RESTORER 0x04000000
            #endif
            #ifndef MFD_EXEC
            #define MFD_EXEC 0x10U
            #endif
            #define PAGE_SIZE 4096
            #define PAGE_SHIFT 12
            """;

    @TempDir Path directory;

    @Test
    void agreesWithTheCHeaders() throws Exception {
        StringBuilder program = new StringBuilder(HEADERS).append("int main() {\n");
        List<String> expected = new ArrayList<>();
        for (Field field : HostAbi.class.getDeclaredFields()) {
            program.append("printf(\"%s %d\\n\", \"" + field.getName() + "\", (int) ")
                    .append(field.getName())
                    .append(");\n");
            expected.add(field.getName() + " " + field.getInt(null));
        }
        assertTrue(expected.size() > 100);
        program.append("return 0; }\n");
        assertEquals(expected, compileAndRun(program.toString()));
    }

    @Test
    void signalFrameAgreesWithTheCHeaders() throws Exception {
        List<String> registers =
                List.of(
                        "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10",
                        "R11", "R12", "R13", "R14", "R15");
        StringBuilder program = new StringBuilder(HEADERS).append("int main() {\n");
        List<String> expected = new ArrayList<>();
        int number = 0;
        for (String name : registers) {
            expected.add("" + SignalFrame.gpr(number++));
            appendOffset(program, "ucontext_t, uc_mcontext.gregs[REG_" + name + "]");
        }
        expected.add("" + SignalFrame.RIP);
        appendOffset(program, "ucontext_t, uc_mcontext.gregs[REG_RIP]");
        expected.add("" + SignalFrame.RFLAGS);
        appendOffset(program, "ucontext_t, uc_mcontext.gregs[REG_EFL]");
        expected.add("" + SignalFrame.CS);
        appendOffset(program, "ucontext_t, uc_mcontext.gregs[REG_CSGSFS]");
        expected.add("" + SignalFrame.ERROR_CODE);
        appendOffset(program, "ucontext_t, uc_mcontext.gregs[REG_ERR]");
        expected.add("" + SignalFrame.FPU_STATE);
        appendOffset(program, "ucontext_t, uc_mcontext.fpregs");
        expected.add("" + SignalFrame.SI_CODE);
        appendOffset(program, "siginfo_t, si_code");
        expected.add("" + SignalFrame.SI_ADDRESS);
        appendOffset(program, "siginfo_t, si_addr");
        expected.add("" + SignalFrame.SI_ADDRESS);
        appendOffset(program, "siginfo_t, si_call_addr");
        expected.add("" + SignalFrame.SI_ARCH);
        appendOffset(program, "siginfo_t, si_arch");
        program.append("return 0; }\n");
        assertEquals(expected, compileAndRun(program.toString()));
    }

    private static void appendOffset(StringBuilder program, String field) {
        program.append("printf(\"%d\\n\", (int) offsetof(" + field + "));\n");
    }

    @Test
    void errorNamesAgreeWithTheCLibrary() throws Exception {
        StringBuilder program =
                new StringBuilder(HEADERS)
                        .append("#include <string.h>\nint main() {\n")
                        .append("for (int e = 1; e < 140; e++) {")
                        .append("const char *n = strerrorname_np(e);")
                        .append("if (n) printf(\"%d %s\\n\", e, n); }\n")
                        .append("return 0; }\n");
        List<String> lines = compileAndRun(program.toString());
        assertTrue(lines.size() > 120, lines.toString());
        for (String line : lines) {
            int errno = Integer.parseInt(line.substring(0, line.indexOf(' ')));
            String name = line.substring(line.indexOf(' ') + 1);
            if (name.equals("ENOTSUP")) {
                name = "EOPNOTSUPP"; // two names of one number on Linux
            }
            assertEquals(name, Errno.name(errno));
            assertEquals(errno, Errno.number(name));
        }
    }

    private List<String> compileAndRun(String program) throws IOException, InterruptedException {
        Path source = directory.resolve("probe.c");
        Path binary = directory.resolve("probe");
        Files.writeString(source, program);
        try {
            Process compiler =
                    new ProcessBuilder("gcc", "-w", "-o", binary.toString(), source.toString())
                            .redirectErrorStream(true)
                            .start();
            String output =
                    new String(
                            compiler.getInputStream().readAllBytes(),
                            java.nio.charset.StandardCharsets.UTF_8);
            assertEquals(0, compiler.waitFor(), output);
        } catch (IOException e) {
            return Assumptions.abort("no C compiler on this host: " + e.getMessage());
        }
        Process process = new ProcessBuilder(binary.toString()).start();
        return new String(
                        process.getInputStream().readAllBytes(),
                        java.nio.charset.StandardCharsets.UTF_8)
                .lines()
                .toList();
    }
}
