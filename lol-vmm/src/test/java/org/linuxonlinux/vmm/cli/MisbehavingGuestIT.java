// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Kernels that cannot go on: the monitor says why and where, and ends with status 255. */
final class MisbehavingGuestIT {
    private static final Pattern DUMP = Pattern.compile("state dump: file=(\\S+)");

    private static final Duration LIMIT = Duration.ofMinutes(1);

    @TempDir Path directory;

    /** Runs the body to its end and returns the messages. */
    private String run(ExitStatus expected, String body) throws Exception {
        try (LolProcess lol = TinyGuest.start(directory, body)) {
            assertEquals(expected.code(), lol.exitStatus(LIMIT), lol::transcript);
            return lol.errors();
        }
    }

    private static String dump(String messages) throws Exception {
        Matcher matcher = DUMP.matcher(messages);
        assertTrue(matcher.find(), messages);
        Path file = Path.of(matcher.group(1));
        try {
            return Files.readString(file);
        } finally {
            Files.delete(file);
        }
    }

    /**
     * Bodies, from the second instruction of which something goes wrong.
     *
     * @param ripOffset where the guest is at its end, from the body's start
     * @param blockOffset where the block begins that holds this
     */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        // nop; ud2: no IDT
        "undefined instruction, triple fault, 90 0f 0b, 1, 0",
        // nop; an opcode that is none in 64-bit mode
        "no instruction, unknown instruction in kernel mode, 90 06, 1, 0",
        // nop; int3
        "breakpoint, triple fault, 90 cc, 1, 0",
        // nop; mov 0xffffffffc0000000,%rax: not mapped
        "wild load, triple fault, 90 48 8b 04 25 00 00 00 c0, 1, 0",
        // lidt (%rip) to zeros; int $0x80
        "empty IDT, triple fault, 0f 01 1d 10 00 00 00 cd 80, 7, 7",
    })
    void diesWhereItIs(String name, String reason, String body, int ripOffset, int blockOffset)
            throws Exception {
        String messages = run(ExitStatus.GUEST_DIED, body);
        String lastLine = messages.lines().reduce((first, second) -> second).orElseThrow();
        assertTrue(lastLine.startsWith("lol: guest died: " + reason), messages);
        String rip = String.format("guestRip=0x%x", TinyGuest.BODY_RIP + ripOffset);
        assertTrue(lastLine.contains(rip), messages);
        String dump = dump(messages);
        assertTrue(dump.contains(rip), dump);
        String block = String.format("block: guestRip=0x%x", TinyGuest.BODY_RIP + blockOffset);
        assertTrue(dump.contains(block), dump);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        // mov $...,%rax; jmp *%rax
        "not mapped, 48 c7 c0 00 00 00 c0 ff e0, ffffffffc0000000",
        "not RAM, 48 c7 c0 00 00 00 9f ff e0, ffffffff9f000000",
        "lower half, 48 c7 c0 00 00 40 7f ff e0, 7f400000",
        // movabs $0x1234567812345678,%rax; jmp *%rax
        "not canonical, 48 b8 78 56 34 12 78 56 34 12 ff e0, 1234567812345678",
    })
    void diesAfterAJumpToNowhere(String name, String body, String target) throws Exception {
        String dump = dump(run(ExitStatus.GUEST_DIED, body));
        assertTrue(dump.contains("guestRip=0x" + target), dump);
        assertTrue(dump.contains(String.format("block: guestRip=0x%x", TinyGuest.BODY_RIP)), dump);
    }

    /** cli; hlt: nothing can wake it, which is how a guest without ACPI switches itself off. */
    @Test
    void endsWhenHaltedForGood() throws Exception {
        assertEquals("", run(ExitStatus.OK, "fa f4"));
    }
}
