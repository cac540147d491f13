// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CodeListingTest {
    @TempDir Path directory;

    @Test
    void takesTheBytesLeftOfTheBar() {
        assertArrayEquals(
                new byte[] {(byte) 0x89, (byte) 0xf8, (byte) 0xc3},
                CodeListing.assemble("89 f8 | mov eax, edi\nc3 | ret\n"));
    }

    @Test
    void refusesWhatIsNotHexadecimal() {
        assertThrows(IllegalArgumentException.class, () -> CodeListing.assemble("8g | ?\n"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                NativeRoutines.SYSCALL_5,
                NativeRoutines.MMAP,
                NativeRoutines.SPAWN,
                HostCpu.CPUID,
                HostCpu.RDTSC,
                HostCpu.XGETBV,
                HostCpu.CLOCK
            })
    void everyRowIsTheInstructionWrittenBesideIt(String listing) throws Exception {
        Disassembly.check(listing, directory);
    }
}
