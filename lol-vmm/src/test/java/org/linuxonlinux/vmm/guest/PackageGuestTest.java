// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveInputStream;
import org.junit.jupiter.api.Test;

final class PackageGuestTest {
    @Test
    void unpacksPackagesAndWhatTheyNeedIntoAMergedTree() throws IOException {
        FakeApt apt = new FakeApt();
        apt.add(
                "tool",
                "1",
                "libtool",
                new DebFixture()
                        .directory("bin")
                        .file("bin/tool", "TOOL")
                        .hardLink("bin/alias", "bin/tool")
                        .symlink("usr/bin/tool2", "/bin/tool")
                        .file("usr/share/doc/tool/README", "words")
                        .build(".xz"));
        apt.add("libtool", "2", "", new DebFixture().file("lib/libtool.so", "LIB").build(".gz"));
        apt.add("busybox-static", "3", "", new DebFixture().file("bin/busybox", "B").build(".xz"));
        apt.add("other", "4", "", new DebFixture().file("bin/other", "O").build(".xz"));
        try (FileSystem files = Jimfs.newFileSystem(Configuration.unix())) {
            Path archive = files.getPath("/out.cpio");
            PackageGuest guest = new PackageGuest(files.getPath("/cache"), apt);
            byte[] script = "#!/bin/sh\n".getBytes(StandardCharsets.US_ASCII);
            guest.build(List.of("tool"), script, archive, Progress.NONE);
            Map<String, String> tree = read(archive);
            assertEquals("TOOL", tree.get("usr/bin/tool"));
            assertEquals("TOOL", tree.get("usr/bin/alias"));
            assertEquals("/bin/tool", tree.get("usr/bin/tool2"));
            assertEquals("LIB", tree.get("usr/lib/libtool.so"));
            assertEquals("usr/bin", tree.get("bin"));
            assertEquals("#!/bin/sh\n", tree.get("script.d/script"));
            assertTrue(tree.get("init").startsWith("#!/bin/busybox sh\n"));
            assertFalse(tree.containsKey("usr/bin/other"));
            assertFalse(tree.keySet().stream().anyMatch(n -> n.contains("doc")));
            List<String> names = List.copyOf(tree.keySet());
            assertTrue(names.indexOf("usr/bin") < names.indexOf("usr/bin/tool"));

            int downloads = downloads(apt);
            guest.build(List.of("tool"), script, archive, Progress.NONE);
            assertEquals(downloads, downloads(apt), "packages are kept");
        }
    }

    private static int downloads(FakeApt apt) {
        return (int) apt.commands.stream().filter(c -> c.contains("download")).count();
    }

    private static Map<String, String> read(Path archive) throws IOException {
        Map<String, String> tree = new LinkedHashMap<>();
        try (CpioArchiveInputStream in =
                new CpioArchiveInputStream(Files.newInputStream(archive))) {
            for (CpioArchiveEntry e = in.getNextEntry(); e != null; e = in.getNextEntry()) {
                tree.put(e.getName(), new String(in.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        return tree;
    }
}
