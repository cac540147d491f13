// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TranslationStoreTest {
    private static final TranslationKey KEY = new TranslationKey(0x1234, 0x5678);

    @TempDir Path directory;

    private final List<String> warnings = new ArrayList<>();
    private final List<String> log = new ArrayList<>();

    private TranslationStore store() {
        return new TranslationStore(directory, warnings::add, log::add);
    }

    private Path file() {
        return directory.resolve(KEY + TranslationStore.SUFFIX);
    }

    /** An image of as many bytes of code; its contents are of no matter here. */
    private static TranslationImage image(int codeBytes) {
        TranslationImage image = TranslationImage.allocate(64, codeBytes, 0, 0, 0, 0, 0, 0, 0);
        for (int i = 0; i < codeBytes; i++) {
            image.cursor().rest().put(i, (byte) i);
        }
        return image;
    }

    private void assertDiscarded(String what) {
        assertTrue(store().load(KEY).isEmpty(), what);
        assertEquals(1, warnings.size(), () -> what + ": " + warnings);
        assertTrue(warnings.get(0).startsWith("corrupt translation cache discarded: "), what);
        assertFalse(warnings.get(0).contains("\n"), what);
        assertFalse(Files.exists(file()), what);
        warnings.clear();
        assertTrue(store().load(KEY).isEmpty());
        assertEquals(List.of(), warnings, "said once");
    }

    @Test
    void keepsAnImage() {
        store().save(KEY, image(1000));
        TranslationImage loaded = store().load(KEY).orElseThrow();
        assertEquals(image(1000).bytes(), loaded.bytes());
        assertTrue(store().load(new TranslationKey(0x1234, 0x5679)).isEmpty());
        assertTrue(store().load(new TranslationKey(0x1235, 0x5678)).isEmpty());
        assertEquals(List.of(), warnings);
        assertEquals(List.of(), log);
    }

    @Test
    void discardsAFileWithAnyBitFlipped() throws Exception {
        store().save(KEY, image(100));
        byte[] sound = Files.readAllBytes(file());
        for (int i = 0; i < sound.length; i++) {
            byte[] damaged = sound.clone();
            damaged[i] ^= (byte) (1 << i % 8);
            Files.write(file(), damaged);
            assertDiscarded("byte " + i);
        }
    }

    @Test
    void discardsATruncatedFile() throws Exception {
        store().save(KEY, image(100));
        byte[] sound = Files.readAllBytes(file());
        for (int length = 0; length < sound.length; length++) {
            Files.write(file(), Arrays.copyOf(sound, length));
            assertDiscarded("length " + length);
        }
    }

    @Test
    void discardsAForeignFile() throws Exception {
        Files.writeString(file(), "#!/bin/sh\n".repeat(100));
        assertDiscarded("a script");
    }

    @Test
    void discardsTheFileOfAnotherKey() throws Exception {
        TranslationKey other = new TranslationKey(1, 2);
        store().save(other, image(100));
        Files.move(directory.resolve(other + TranslationStore.SUFFIX), file());
        assertDiscarded("renamed");
    }

    @Test
    void discardsAnImageThatDoesNotFitItsCounts() {
        TranslationImage image = image(100);
        image.bytes().order(ByteOrder.LITTLE_ENDIAN).putInt(4, 99);
        store().save(KEY, image);
        assertDiscarded("counts");
    }

    @Test
    void readersSeeOneImageOrTheOtherWhileItIsReplaced() throws Exception {
        store().save(KEY, image(1000));
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try {
            List<Future<?>> writers = new ArrayList<>();
            for (int size : new int[] {2000, 300_000}) {
                writers.add(
                        threads.submit(
                                () -> {
                                    for (int i = 0; i < 100; i++) {
                                        new TranslationStore(directory, line -> {}, line -> {})
                                                .save(KEY, image(size));
                                    }
                                }));
            }
            for (int i = 0; i < 300; i++) {
                int sizeBytes = store().load(KEY).orElseThrow().bytes().remaining();
                assertTrue(
                        sizeBytes == image(1000).bytes().remaining()
                                || sizeBytes == image(2000).bytes().remaining()
                                || sizeBytes == image(300_000).bytes().remaining());
            }
            for (Future<?> writer : writers) {
                writer.get();
            }
        } finally {
            threads.shutdownNow();
        }
        assertEquals(List.of(), warnings);
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(1, files.count(), "no temporary file is left");
        }
    }

    @Test
    void anUnusableDirectoryCostsOnlyTheCache() throws Exception {
        Path blocked = Files.writeString(directory.resolve("file"), "");
        TranslationStore store =
                new TranslationStore(blocked.resolve("lol"), warnings::add, log::add);
        assertTrue(store.load(KEY).isEmpty());
        store.save(KEY, image(10));
        assertEquals(List.of(), warnings);
        assertFalse(log.isEmpty());
    }

    @Test
    void keepsTheFilesUsedLast() throws Exception {
        for (int i = 0; i < TranslationStore.MAX_FILES + 2; i++) {
            TranslationKey key = new TranslationKey(i, i);
            store().save(key, image(10));
            age(directory.resolve(key + TranslationStore.SUFFIX), 1000 - i);
        }
        assertTrue(store().load(new TranslationKey(2, 2)).isPresent(), "used again");
        store().save(new TranslationKey(99, 99), image(10));
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(TranslationStore.MAX_FILES, files.count());
        }
        assertTrue(store().load(new TranslationKey(2, 2)).isPresent());
        assertTrue(store().load(new TranslationKey(3, 3)).isEmpty());
        assertTrue(store().load(new TranslationKey(99, 99)).isPresent());
    }

    @Test
    void deletesWhatAKilledProcessLeft() throws Exception {
        Path old = Files.createTempFile(directory, "translation-", ".tmp");
        age(old, 10_000);
        Path young = Files.createTempFile(directory, "translation-", ".tmp");
        Path other = Files.createTempFile(directory, "new-", ".tmp");
        age(other, 10_000);
        store().save(KEY, image(10));
        assertFalse(Files.exists(old));
        assertTrue(Files.exists(young));
        assertTrue(Files.exists(other));
    }

    private static void age(Path file, int seconds) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(seconds)));
    }
}
