// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveInputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CpioWriterTest {
    private static byte[] archive() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (CpioWriter cpio = new CpioWriter(bytes)) {
            cpio.directory("bin", 0755);
            for (int size = 0; size < 6; size++) {
                cpio.file("bin/" + "n".repeat(size + 1), 0640, new byte[size]);
            }
            cpio.symlink("bin/sh", "busybox");
            cpio.characterDevice("console", 0600, 5, 1);
        }
        return bytes.toByteArray();
    }

    @Test
    void isReadBackByAnotherImplementation() throws IOException {
        List<String> seen = new ArrayList<>();
        try (CpioArchiveInputStream in =
                new CpioArchiveInputStream(new ByteArrayInputStream(archive()))) {
            for (CpioArchiveEntry e = in.getNextEntry(); e != null; e = in.getNextEntry()) {
                seen.add(
                        String.format(
                                "%s %o %d %d,%d",
                                e.getName(),
                                e.getMode(),
                                in.readAllBytes().length,
                                e.isCharacterDevice() ? e.getRemoteDeviceMaj() : 0,
                                e.isCharacterDevice() ? e.getRemoteDeviceMin() : 0));
            }
        }
        assertEquals(
                List.of(
                        "bin 40755 0 0,0",
                        "bin/n 100640 0 0,0",
                        "bin/nn 100640 1 0,0",
                        "bin/nnn 100640 2 0,0",
                        "bin/nnnn 100640 3 0,0",
                        "bin/nnnnn 100640 4 0,0",
                        "bin/nnnnnn 100640 5 0,0",
                        "bin/sh 120777 7 0,0",
                        "console 20600 0 5,1"),
                seen);
    }

    @Test
    void laysOutAnEntryAsDocumented() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (CpioWriter cpio = new CpioWriter(bytes)) {
            cpio.file("init", 0755, new byte[] {'h', 'i'});
        }
        String text = bytes.toString(StandardCharsets.ISO_8859_1);
        assertEquals(
                "070701" // magic
                        + "00000001" // inode
                        + "000081ED" // mode
                        + "00000000" // uid
                        + "00000000" // gid
                        + "00000001" // links
                        + "00000000" // mtime
                        + "00000002" // size
                        + "00000000".repeat(4) // devices
                        + "00000005" // name size
                        + "00000000" // checksum
                        + "init\0\0" // to a multiple of four from the start
                        + "hi\0\0",
                text.substring(0, 120));
        assertEquals("070701", text.substring(120, 126));
        assertEquals(0, text.length() % 4);
    }

    @Test
    void dependsOnTheEntriesOnly() throws IOException {
        assertArrayEquals(archive(), archive());
    }

    @Test
    void refusesAbsoluteNames() {
        CpioWriter cpio = new CpioWriter(new ByteArrayOutputStream());
        assertThrows(IllegalArgumentException.class, () -> cpio.directory("/bin", 0755));
    }

    @Test
    void isAcceptedByCpio(@TempDir Path directory) throws IOException {
        Path tool = Path.of("/usr/bin/cpio");
        Assumptions.assumeTrue(Files.exists(tool), "cpio is not installed");
        Path archive = Files.write(directory.resolve("a.cpio"), archive());
        CommandRunner.Result result =
                new HostCommandRunner()
                        .run(
                                List.of(tool.toString(), "-t", "--file=" + archive),
                                directory,
                                () -> {});
        assertEquals(0, result.exitCode(), result.errors());
        assertEquals(9, result.output().lines().count());
    }
}
