// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DebPackageTest {
    private final FileSystem files = Jimfs.newFileSystem(Configuration.unix());
    private final Path file = files.getPath("/x.deb");

    @AfterEach
    void close() throws IOException {
        files.close();
    }

    private List<String> visit(int limit) throws IOException {
        List<String> seen = new ArrayList<>();
        new DebPackage(file)
                .visit(
                        (name, entry, content) -> {
                            seen.add(
                                    name
                                            + "="
                                            + new String(
                                                    content.readAllBytes(),
                                                    StandardCharsets.UTF_8));
                            return seen.size() < limit;
                        },
                        "step",
                        Progress.NONE);
        return seen;
    }

    @ParameterizedTest
    @ValueSource(strings = {".xz", ".gz", ".zst", ""})
    void showsTheEntries(String suffix) throws IOException {
        Files.write(
                file,
                new DebFixture()
                        .directory("usr")
                        .file("usr/a", "one")
                        .file("b", "two")
                        .build(suffix));
        assertEquals(List.of("usr=", "usr/a=one", "b=two"), visit(100));
        assertEquals(List.of("usr=", "usr/a=one"), visit(2));
    }

    @Test
    void refusesWhatIsNoPackage() throws IOException {
        Files.writeString(file, "not an archive, however long it may be");
        assertThrows(IOException.class, () -> visit(1));
    }

    @Test
    void refusesATruncatedPackage() throws IOException {
        byte[] deb = new DebFixture().file("a", "x".repeat(100_000)).build("");
        Files.write(file, Arrays.copyOf(deb, deb.length / 2));
        assertThrows(IOException.class, () -> visit(1));
    }
}
