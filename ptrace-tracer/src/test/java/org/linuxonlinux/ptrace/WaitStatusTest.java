// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class WaitStatusTest {
    @ParameterizedTest
    @CsvSource({
        "0x857f, SYSCALL, stopped at a system call",
        "0x0b7f, SIGNAL, stopped by signal 11",
        "0x057f, SIGNAL, stopped by signal 5",
        "0x80057f, EVENT, stopped by event 128",
        "0x80137f, EVENT, stopped by event 128",
        "0x0300, EXITED, exited with 3",
        "0xff00, EXITED, exited with 255",
        "0x0000, EXITED, exited with 0",
        "0x0009, KILLED, killed by signal 9",
        "0x008b, KILLED, killed by signal 11"
    })
    void tellsStopsFromEnds(String word, WaitStatus.Kind kind, String text) {
        int status = Integer.decode(word);
        assertEquals(kind, WaitStatus.kind(status));
        assertEquals(text, WaitStatus.describe(status));
        boolean ended = kind == WaitStatus.Kind.EXITED || kind == WaitStatus.Kind.KILLED;
        assertEquals(ended, WaitStatus.hasEnded(status));
        assertEquals(!ended, WaitStatus.isStopped(status));
        assertEquals(kind == WaitStatus.Kind.SYSCALL, WaitStatus.isSyscallStop(status));
    }

    @Test
    void aFilterThatTracesASystemCallStopsAtIt() {
        assertEquals(WaitStatus.Kind.SYSCALL, WaitStatus.kind(0x07_057f));
        assertTrue(WaitStatus.isStopped(0x07_057f));
        assertFalse(WaitStatus.isSignalStop(0x07_057f, 5));
    }

    @ParameterizedTest
    @CsvSource({"0x0b7f, 11", "0x057f, 5"})
    void recognisesOneSignal(String word, int signal) {
        assertTrue(WaitStatus.isSignalStop(Integer.decode(word), signal));
        assertFalse(WaitStatus.isSignalStop(Integer.decode(word), signal + 1));
        assertFalse(WaitStatus.isSignalStop(0x80_0000 | Integer.decode(word), signal));
        assertEquals(Integer.decode(word), WaitStatus.ofSignalStop(signal));
    }
}
