// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * Images on disk: one file per key, named after it.
 *
 * <pre>
 *   0           8          16          24          32
 *  +-----------+----------+-----------+-----------+-----------------+
 *  | magic,    | kernel   | trans-    | CRC-32C   | image …         |
 *  | version   |          | lator     | as 8 bytes|                 |
 *  +-----------+----------+-----------+-----------+-----------------+
 * </pre>
 *
 * The checksum covers everything else. A file is read as a whole into memory of this process before
 * it is checked, and appears by an atomic rename, so that any number of processes can read and
 * replace it. A store that cannot be read or written only costs time.
 */
public final class TranslationStore {
    /** Files kept; arbitrary: a developer's last few kernels and builds, about 15 MB each. */
    static final int MAX_FILES = 8;

    /** How file names end. */
    public static final String SUFFIX = ".translation";

    private static final String TEMPORARY_PREFIX = "translation-";
    private static final String TEMPORARY_SUFFIX = ".tmp";

    /** A temporary file this old was left by a process that was killed; arbitrary. */
    private static final long STALE_SECONDS = 3600;

    /** "LOLTRNS" and a format version. */
    private static final long MAGIC = 0x01_53_4e_52_54_4c_4f_4cL;

    private static final int KERNEL_OFFSET = 8;
    private static final int TRANSLATOR_OFFSET = 16;
    private static final int CHECKSUM_OFFSET = 24;
    private static final int HEADER_BYTES = 32;

    private final Path directory;
    private final Consumer<String> warn;
    private final Consumer<String> log;

    /**
     * @param directory need not exist
     * @param warn takes a line about a file that is damaged
     * @param log takes a line about a directory that cannot be used
     */
    public TranslationStore(Path directory, Consumer<String> warn, Consumer<String> log) {
        this.directory = directory;
        this.warn = warn;
        this.log = log;
    }

    /** The image for a key; none if there is no sound one. Deletes one that is damaged. */
    public Optional<TranslationImage> load(TranslationKey key) {
        Path file = fileOf(key);
        ByteBuffer bytes;
        try {
            bytes = read(file);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            log.accept("cannot read translations: file=" + file + ": " + e);
            return Optional.empty();
        }
        noteUse(file);
        String damage = damageOf(bytes, key);
        if (damage.isEmpty()) {
            try {
                bytes.position(HEADER_BYTES);
                return Optional.of(TranslationImage.of(bytes));
            } catch (IllegalArgumentException e) {
                damage = e.getMessage();
            }
        }
        discard(key, damage);
        return Optional.empty();
    }

    /** So that it is kept among the last used; a directory that cannot be written keeps all. */
    private void noteUse(Path file) {
        try {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        } catch (IOException e) {
            log.accept("cannot note the use of translations: file=" + file + ": " + e);
        }
    }

    /** Deletes the image for a key, because it turned out not to be usable. */
    public void discard(TranslationKey key, String why) {
        Path file = fileOf(key);
        warn.accept("corrupt translation cache discarded: file=" + file + ": " + why);
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            log.accept("cannot delete: file=" + file + ": " + e);
        }
    }

    private static ByteBuffer read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long sizeBytes = channel.size();
            if (sizeBytes > Integer.MAX_VALUE) {
                throw new IOException("larger than 2 GB");
            }
            ByteBuffer bytes = ByteBuffer.allocateDirect((int) sizeBytes);
            while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
                continue;
            }
            return bytes.flip().order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    /** What is wrong with a file; empty = nothing. */
    private static String damageOf(ByteBuffer bytes, TranslationKey key) {
        if (bytes.remaining() < HEADER_BYTES) {
            return "truncated";
        }
        if (bytes.getLong(0) != MAGIC
                || bytes.getLong(KERNEL_OFFSET) != key.kernel()
                || bytes.getLong(TRANSLATOR_OFFSET) != key.translator()) {
            return "not of this kernel and translator";
        }
        ByteBuffer image = bytes.slice(HEADER_BYTES, bytes.limit() - HEADER_BYTES);
        return bytes.getLong(CHECKSUM_OFFSET) == checksum(bytes, image) ? "" : "checksum";
    }

    private static long checksum(ByteBuffer header, ByteBuffer image) {
        CRC32C crc = new CRC32C();
        crc.update(header.duplicate().position(0).limit(CHECKSUM_OFFSET));
        crc.update(image.duplicate());
        return crc.getValue();
    }

    /** Writes an image in place of the one there is. */
    public void save(TranslationKey key, TranslationImage image) {
        try {
            write(key, image);
        } catch (IOException e) {
            log.accept("cannot keep translations: directory=" + directory + ": " + e);
        }
    }

    private void write(TranslationKey key, TranslationImage image) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(0, MAGIC);
        header.putLong(KERNEL_OFFSET, key.kernel());
        header.putLong(TRANSLATOR_OFFSET, key.translator());
        header.putLong(CHECKSUM_OFFSET, checksum(header, image.bytes()));
        Files.createDirectories(directory);
        Path temporary = Files.createTempFile(directory, TEMPORARY_PREFIX, TEMPORARY_SUFFIX);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                writeFully(channel, header);
                writeFully(channel, image.bytes());
            }
            Files.move(
                    temporary,
                    fileOf(key),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
        prune();
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Deletes the files used longest ago, and what killed processes have left. */
    private void prune() throws IOException {
        record Entry(Path path, FileTime used) {}
        List<Entry> entries = new ArrayList<>();
        FileTime stale = FileTime.from(Instant.now().minusSeconds(STALE_SECONDS));
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            for (Path path : stream) {
                String name = path.getFileName().toString();
                if (name.endsWith(SUFFIX)) {
                    entries.add(new Entry(path, Files.getLastModifiedTime(path)));
                } else if (name.startsWith(TEMPORARY_PREFIX)
                        && name.endsWith(TEMPORARY_SUFFIX)
                        && Files.getLastModifiedTime(path).compareTo(stale) < 0) {
                    Files.deleteIfExists(path);
                }
            }
        }
        entries.sort(Comparator.comparing(Entry::used).reversed());
        for (int i = MAX_FILES; i < entries.size(); i++) {
            Files.deleteIfExists(entries.get(i).path());
        }
    }

    private Path fileOf(TranslationKey key) {
        return directory.resolve(key + SUFFIX);
    }
}
