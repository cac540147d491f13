// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.UserException;

final class DefaultGuestTest {
    private static final String RELEASE = "6.1.0-9-cloud-amd64";

    private final FileSystem files = Jimfs.newFileSystem(Configuration.unix());
    private final Path cache = files.getPath("/home/someone/.cache/lol");
    private final FakeApt apt = new FakeApt();
    private final DefaultGuest guest = new DefaultGuest(cache, apt);

    @BeforeEach
    void fillArchive() throws IOException {
        apt.add(
                "linux-image-cloud-amd64",
                "6.1.9-1",
                "linux-image-" + RELEASE + " (= 6.1.9-1)",
                new byte[9]);
        apt.add(
                "linux-image-" + RELEASE,
                "6.1.9-1",
                "kmod, linux-base (>= 4.3~), initramfs-tools | linux-initramfs-tool",
                new DebFixture()
                        .directory("boot")
                        .file("boot/System.map-" + RELEASE, "map")
                        .file("boot/vmlinuz-" + RELEASE, "a kernel")
                        .build(".xz"));
        apt.add(
                "busybox-static",
                "1:1.35.0-4+b1",
                "",
                new DebFixture().file("bin/busybox", "a busybox").build(".xz"));
    }

    @AfterEach
    void close() throws IOException {
        files.close();
    }

    private String refusal() {
        UserException e = assertThrows(UserException.class, () -> guest.obtain(Progress.NONE));
        assertEquals(UserException.HOST_LACKS, e.exitCode());
        assertFalse(e.getMessage().contains("\n"), "one line");
        assertTrue(e.getMessage().contains("packages.debian.org"), "names the manual way");
        return e.getMessage();
    }

    private List<String> tree() throws IOException {
        try (Stream<Path> all = Files.walk(cache)) {
            return all.filter(Files::isRegularFile)
                    .map(
                            p ->
                                    cache.relativize(p)
                                            .toString()
                                            .replaceFirst("-[0-9a-f]+\\.cpio", ".cpio"))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void obtainsKernelAndInitramfs() throws IOException {
        DefaultGuest.Images images = guest.obtain(Progress.NONE);
        assertEquals("a kernel", Files.readString(images.kernel()));
        assertTrue(
                Files.readString(images.initramfs(), java.nio.charset.StandardCharsets.ISO_8859_1)
                        .contains("a busybox"));
        assertEquals(
                List.of(
                        "busybox",
                        "initramfs.cpio",
                        "kernels/cloud-amd64.release",
                        "kernels/vmlinuz-" + RELEASE),
                tree(),
                "no temporary file is left");
    }

    @Test
    void asksAptOnlyOnce() {
        DefaultGuest.Images first = guest.obtain(Progress.NONE);
        apt.absent = true;
        assertEquals(first, new DefaultGuest(cache, apt).obtain(Progress.NONE));
    }

    @Test
    void replacesTheInitramfsOfAnotherVersion() throws IOException {
        Files.createDirectories(cache);
        Path old = Files.write(cache.resolve("initramfs-0badcafe.cpio"), new byte[0]);
        Path initramfs = guest.initramfs(Progress.NONE);
        assertFalse(Files.exists(old));
        assertTrue(Files.exists(initramfs));
    }

    @Test
    void obtainsAKernelByRelease() throws IOException {
        Path kernel = guest.kernel(RELEASE, Progress.NONE);
        assertEquals("vmlinuz-" + RELEASE, kernel.getFileName().toString());
        assertEquals(List.of("kernels/vmlinuz-" + RELEASE), tree());
    }

    @Test
    void fetchesListsOfItsOwnWhereTheHostHasNone() {
        apt.hostListsEmpty = true;
        assertTrue(Files.exists(guest.obtain(Progress.NONE).kernel()));
        assertEquals(
                1, apt.commands.stream().filter(c -> c.contains("update")).count(), "only once");
    }

    @Test
    void fetchesListsOfItsOwnWhereTheHostsAreStale() {
        apt.hostListsStale = true;
        assertTrue(Files.exists(guest.obtain(Progress.NONE).kernel()));
    }

    @Test
    void reportsProgressInBytes() {
        List<String> steps = new ArrayList<>();
        guest.kernel(
                "cloud-amd64",
                (step, done, total) -> {
                    assertTrue(done >= 0 && (total == 0 || done <= total), step);
                    if (total > 0 && done == total) {
                        steps.add(step);
                    }
                });
        assertTrue(steps.contains("unpacking linux-image-" + RELEASE), steps.toString());
    }

    @Test
    void refusesAPackageWithAnotherDigest() throws IOException {
        apt.tamper("linux-image-" + RELEASE);
        assertTrue(refusal().contains("package digest differs"));
        assertEquals(List.of(), tree());
    }

    @Test
    void saysThatAptIsMissing() {
        apt.absent = true;
        assertTrue(refusal().contains("cannot run apt-cache"));
    }

    @Test
    void saysWhyListsCannotBeFetched() {
        apt.hostListsEmpty = true;
        apt.offline = true;
        assertTrue(refusal().contains("Failed to fetch: no route"));
    }

    @Test
    void saysThatAPackageDoesNotExist() {
        UserException e =
                assertThrows(
                        UserException.class, () -> guest.kernel("5.0.0-1-amd64", Progress.NONE));
        assertTrue(e.getMessage().contains("package=linux-image-5.0.0-1-amd64"), e.getMessage());
    }

    @Test
    void saysThatTheCacheCannotBeWritten() throws IOException {
        Files.createDirectories(cache.getParent());
        Files.write(cache, new byte[0]);
        UserException e = assertThrows(UserException.class, () -> guest.obtain(Progress.NONE));
        assertTrue(e.getMessage().contains("directory=" + cache), e.getMessage());
    }
}
