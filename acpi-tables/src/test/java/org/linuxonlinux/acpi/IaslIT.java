// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The reference compiler takes the tables apart and puts them together again, without complaint.
 */
final class IaslIT {
    @TempDir Path directory;

    @BeforeAll
    static void iaslIsInstalled() {
        boolean found =
                Stream.of(System.getenv("PATH").split(":"))
                        .anyMatch(path -> Files.isExecutable(Path.of(path, "iasl")));
        assumeTrue(found, "iasl is not installed: apt-get install acpica-tools");
    }

    private String run(String... command) throws IOException, InterruptedException {
        Path log = directory.resolve("log");
        Process process =
                new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        assertTrue(process.waitFor(30, TimeUnit.SECONDS), "iasl hangs");
        String output = Files.readString(log);
        assertEquals(0, process.exitValue(), output);
        return output;
    }

    private static byte[] table(String name, boolean rtc) {
        AcpiConfig config = rtc ? TestMachine.withRtc() : TestMachine.withoutRtc();
        byte[] image = AcpiTables.build(config).bytes();
        ByteBuffer view = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        List<String> signatures = List.of("DSDT", "FACP", "APIC", "XSDT");
        int offset = 48;
        for (String signature : signatures) {
            int length = view.getInt(offset + 4);
            if (signature.equals(name)) {
                return Arrays.copyOfRange(image, offset, offset + length);
            }
            offset = (offset + length + 15) & -16;
        }
        throw new AssertionError(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"DSDT", "FACP", "APIC", "XSDT"})
    void roundTripsThroughIasl(String name) throws Exception {
        for (boolean rtc : new boolean[] {true, false}) {
            byte[] original = table(name, rtc);
            Files.write(directory.resolve("t.dat"), original);
            String disassembly = run("iasl", "-d", "t.dat");
            assertTrue(!disassembly.contains("Error"), disassembly);
            assertTrue(!disassembly.contains("Warning"), disassembly);
            String compilation = run("iasl", "-we", "-p", "again", "t.dsl");
            assertTrue(compilation.contains(" 0 Errors, 0 Warnings"), compilation);
            byte[] again = Files.readAllBytes(directory.resolve("again.aml"));
            // The compiler signs with its own creator ID and revision, which changes the checksum.
            Arrays.fill(again, 28, 36, (byte) 0);
            Arrays.fill(original, 28, 36, (byte) 0);
            again[9] = 0;
            original[9] = 0;
            assertArrayEquals(original, again, name);
        }
    }
}
