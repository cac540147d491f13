// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.UserException;

final class KernelLocatorTest {
    private final FileSystem files = Jimfs.newFileSystem(Configuration.unix());
    private final Path work = files.getPath("/work");
    private final Path cache = files.getPath("/cache");
    private final FakeApt apt = new FakeApt();
    private final KernelLocator locator = new KernelLocator(new DefaultGuest(cache, apt), work);

    @BeforeEach
    void makeDirectory() throws IOException {
        Files.createDirectories(work.resolve("tree"));
        apt.absent = true;
    }

    @AfterEach
    void close() throws IOException {
        files.close();
    }

    private void write(String name, int seconds) throws IOException {
        Path file = work.resolve("tree").resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, new byte[] {1});
        Files.setLastModifiedTime(file, FileTime.fromMillis(seconds * 1000L));
    }

    private String locate(String argument) {
        return locator.locate(argument, Progress.NONE).toString();
    }

    private String refusal(String argument) {
        UserException e = assertThrows(UserException.class, () -> locate(argument));
        assertEquals(UserException.BAD_INPUT, e.exitCode());
        return e.getMessage();
    }

    @Test
    void takesAFileAsItIs() throws IOException {
        write("bzImage", 1);
        assertEquals("/work/tree/bzImage", locate("tree/bzImage"));
        assertEquals("/work/tree/bzImage", locate("/work/tree/bzImage"));
    }

    @Test
    void leavesAMissingPathToTheReader() {
        assertEquals("/nowhere/vmlinux", locate("/nowhere/vmlinux"));
    }

    @Test
    void takesTheNewestOfABuildTree() throws IOException {
        write("vmlinux", 10);
        write("arch/x86/boot/bzImage", 11);
        assertEquals("/work/tree/arch/x86/boot/bzImage", locate("tree"));
        write("vmlinux", 12);
        assertEquals("/work/tree/vmlinux", locate("tree"));
    }

    @Test
    void prefersTheBzImageOfTheSameTime() throws IOException {
        write("vmlinux", 10);
        write("arch/x86/boot/bzImage", 10);
        assertEquals("/work/tree/arch/x86/boot/bzImage", locate("tree"));
    }

    @Test
    void takesTheNewestOfAnUnpackedPackage() throws IOException {
        write("boot/vmlinuz-6.1.0-2-amd64", 20);
        write("boot/vmlinuz-6.1.0-1-amd64", 21);
        write("boot/System.map-6.1.0-1-amd64", 30);
        assertEquals("/work/tree/boot/vmlinuz-6.1.0-1-amd64", locate("tree"));
    }

    @Test
    void refusesADirectoryWithoutAKernel() {
        assertTrue(refusal("tree").startsWith("no kernel in directory: /work/tree"));
    }

    @Test
    void takesKeptKernelsByReleaseAndFlavour() throws IOException {
        Path kernels = Files.createDirectories(cache.resolve("kernels"));
        Files.write(kernels.resolve("vmlinuz-6.1.0-9-amd64"), new byte[] {1});
        Files.writeString(kernels.resolve("amd64.release"), "6.1.0-9-amd64\n");
        Files.writeString(kernels.resolve("cloud-amd64.release"), "6.1.0-9-amd64\n");
        for (String version : new String[] {"6.1.0-9-amd64", "amd64", "cloud", "cloud-amd64"}) {
            assertEquals("/cache/kernels/vmlinuz-6.1.0-9-amd64", locate(version));
        }
    }

    @Test
    void refusesAWordThatIsNoKernel() {
        assertTrue(refusal("bzimage").startsWith("no such kernel: bzimage"));
    }
}
