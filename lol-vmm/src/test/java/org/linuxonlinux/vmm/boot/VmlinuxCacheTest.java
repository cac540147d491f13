// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class VmlinuxCacheTest {
    private static final byte[] VMLINUX = {1, 2, 3, 4, 5};

    private final FileSystem files = Jimfs.newFileSystem(Configuration.unix());
    private final Path directory = files.getPath("/cache/vmlinux");
    private final Path kernel = files.getPath("/kernel");
    private final ByteBuffer payload = ByteBuffer.wrap(new byte[] {9, 8, 7});
    private final VmlinuxCache cache = VmlinuxCache.in(directory);
    private int decodes;

    @BeforeEach
    void writeKernel() throws IOException {
        Files.write(kernel, new byte[] {9, 8, 7});
        touch(1);
    }

    @AfterEach
    void close() throws IOException {
        files.close();
    }

    private void touch(long seconds) throws IOException {
        Files.setLastModifiedTime(kernel, FileTime.fromMillis(seconds * 1000));
    }

    private byte[] get() throws KernelFormatException {
        ByteBuffer bytes =
                cache.get(
                        kernel,
                        payload,
                        () -> {
                            decodes++;
                            return VMLINUX.clone();
                        });
        byte[] array = new byte[bytes.remaining()];
        bytes.get(array);
        return array;
    }

    private List<Path> entries() throws IOException {
        try (Stream<Path> list = Files.list(directory)) {
            return list.toList();
        }
    }

    @Test
    void decodesOnce() throws Exception {
        assertArrayEquals(VMLINUX, get());
        assertArrayEquals(VMLINUX, get());
        assertEquals(1, decodes);
        assertEquals(1, entries().size(), "no temporary file is left");
    }

    @Test
    void decodesAnewAfterTheKernelWasModified() throws Exception {
        get();
        touch(2);
        get();
        assertEquals(2, decodes);
    }

    @Test
    void replacesADamagedEntry() throws Exception {
        get();
        for (int position = 0; position < VMLINUX.length + 12; position++) {
            Path entry = entries().get(0);
            byte[] damaged = Files.readAllBytes(entry);
            damaged[position] ^= 1;
            Files.write(entry, damaged);
            decodes = 0;
            assertArrayEquals(VMLINUX, get());
            assertEquals(1, decodes, "damage at " + position);
        }
    }

    @Test
    void replacesATruncatedEntry() throws Exception {
        get();
        for (int size = 0; size < VMLINUX.length + 16; size++) {
            Path entry = entries().get(0);
            Files.write(entry, java.util.Arrays.copyOf(Files.readAllBytes(entry), size));
            decodes = 0;
            assertArrayEquals(VMLINUX, get());
            assertEquals(1, decodes, "cut at " + size);
        }
    }

    @Test
    void keepsTheMostRecentlyUsed() throws Exception {
        for (int i = 0; i < VmlinuxCache.MAX_ENTRIES + 3; i++) {
            touch(100 + i);
            get();
        }
        assertEquals(VmlinuxCache.MAX_ENTRIES, entries().size());
        decodes = 0;
        get();
        assertEquals(0, decodes, "the newest is kept");
    }

    @Test
    void worksWithoutAWritableDirectory() throws Exception {
        Files.createDirectories(directory.getParent());
        Files.write(directory, new byte[0]);
        assertArrayEquals(VMLINUX, get());
        assertArrayEquals(VMLINUX, get());
        assertEquals(2, decodes);
    }

    @Test
    void keepsNothingOfADamagedKernel() throws Exception {
        assertThrows(
                KernelFormatException.class,
                () ->
                        cache.get(
                                kernel,
                                payload,
                                () -> {
                                    throw new KernelFormatException("damaged");
                                }));
        get();
        assertEquals(1, decodes);
    }

    @Test
    void concurrentUsersAllGetTheKernel() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try {
            Callable<ByteBuffer> user = () -> cache.get(kernel, payload, VMLINUX::clone);
            for (Future<ByteBuffer> f : pool.invokeAll(java.util.Collections.nCopies(20, user))) {
                assertEquals(ByteBuffer.wrap(VMLINUX), f.get());
            }
        } finally {
            pool.shutdown();
        }
    }
}
