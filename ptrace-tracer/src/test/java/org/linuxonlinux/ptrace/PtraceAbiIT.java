// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our struct layouts and numbers against the host's own C headers. */
final class PtraceAbiIT {
    private static final Map<String, String> FIELD_OF_STRUCT = Map.of("EFLAGS", "eflags");

    @TempDir Path directory;

    @Test
    void registerIndicesAreThoseOfTheStruct() throws Exception {
        StringBuilder program = new StringBuilder();
        List<String> expected = new ArrayList<>();
        for (Field field : RegisterSet.class.getDeclaredFields()) {
            if (Modifier.isPublic(field.getModifiers()) && !field.getName().equals("WORD_COUNT")) {
                String name = field.getName().toLowerCase(Locale.ROOT);
                program.append(
                        String.format(
                                "printf(\"%s %%zu\\n\", offsetof(struct user_regs_struct, %s) /"
                                        + " 8);\n",
                                name, FIELD_OF_STRUCT.getOrDefault(field.getName(), name)));
                expected.add(name + " " + field.getInt(null));
            }
        }
        program.append("printf(\"words %zu\\n\", sizeof(struct user_regs_struct) / 8);\n");
        expected.add("words " + RegisterSet.WORD_COUNT);
        assertEquals(RegisterSet.WORD_COUNT + 1, expected.size());
        assertEquals(expected, compileAndRun(program.toString()));
    }

    @Test
    void requestNumbersAreThoseOfTheHeaders() throws Exception {
        StringBuilder program = new StringBuilder();
        List<String> expected = new ArrayList<>();
        for (Field field : PtraceAbi.class.getDeclaredFields()) {
            String name = field.getName();
            if (name.equals("SYSCALL_STOP_BIT")) {
                continue; // not a name of the headers
            }
            program.append(String.format("printf(\"%s %%d\\n\", (int) %s);\n", name, name));
            expected.add(name + " " + field.getInt(null));
        }
        assertEquals(expected, compileAndRun(program.toString()));
    }

    @Test
    void signalInfoOffsetsAreThoseOfTheStruct() throws Exception {
        assertEquals(
                List.of(
                        "si_signo 0",
                        "si_code 8",
                        "si_addr 16",
                        "si_pid 16",
                        "size 128",
                        "SI_KERNEL " + SignalInfo.SI_KERNEL,
                        "SEGV_MAPERR " + SignalInfo.SEGV_MAPERR,
                        "SEGV_ACCERR " + SignalInfo.SEGV_ACCERR,
                        "TRAP_TRACE " + SignalInfo.TRAP_TRACE,
                        "SIGURG " + TracedProcess.KICK_SIGNAL),
                compileAndRun(
                        """
                        printf("si_signo %zu\\n", offsetof(siginfo_t, si_signo));
                        printf("si_code %zu\\n", offsetof(siginfo_t, si_code));
                        printf("si_addr %zu\\n", offsetof(siginfo_t, si_addr));
                        printf("si_pid %zu\\n", offsetof(siginfo_t, si_pid));
                        printf("size %zu\\n", sizeof(siginfo_t));
                        printf("SI_KERNEL %d\\n", SI_KERNEL);
                        printf("SEGV_MAPERR %d\\n", SEGV_MAPERR);
                        printf("SEGV_ACCERR %d\\n", SEGV_ACCERR);
                        printf("TRAP_TRACE %d\\n", TRAP_TRACE);
                        printf("SIGURG %d\\n", SIGURG);
                        """));
    }

    private List<String> compileAndRun(String statements) throws Exception {
        Path source = directory.resolve("probe.c");
        Path binary = directory.resolve("probe");
        Files.writeString(
                source,
                """
                #define _GNU_SOURCE
                #include <signal.h>
                #include <stddef.h>
                #include <stdio.h>
                #include <elf.h>
                #include <sys/ptrace.h>
                #include <sys/user.h>
                int main() {
                """
                        + statements
                        + "return 0; }\n");
        Process compiler;
        try {
            compiler =
                    new ProcessBuilder("gcc", "-w", "-o", binary.toString(), source.toString())
                            .redirectErrorStream(true)
                            .start();
        } catch (IOException e) {
            return Assumptions.abort("no C compiler on this host: " + e.getMessage());
        }
        String messages = text(compiler);
        assertEquals(0, compiler.waitFor(), messages);
        return text(new ProcessBuilder(binary.toString()).start()).lines().toList();
    }

    private static String text(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
