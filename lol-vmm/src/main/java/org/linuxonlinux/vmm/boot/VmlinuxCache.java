// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Decompressed kernels kept on disk between runs. Decompression is on the critical path of boot:
 * with a cold JVM the lz4 payload of Debian's cloud kernel (53 MB) takes 100 ms, an xz payload more
 * than two seconds; mapping a kept copy and checking it takes 15 ms.
 *
 * <p>An entry is named after the checksum and size of the payload and the modification time of the
 * kernel file, and is the decompressed bytes followed by a trailer:
 *
 * <pre>
 *   ┌──────────────┬────────────┬──────────────┬──────────────┐
 *   │ vmlinux …    │ magic (8)  │ CRC-32C (4)  │ zero (4)     │
 *   └──────────────┴────────────┴──────────────┴──────────────┘
 * </pre>
 *
 * The checksum covers the bytes before the trailer. Entries appear by an atomic rename and are only
 * ever replaced as a whole, so any number of processes can share the directory. A cache that cannot
 * be read or written only costs time.
 */
public final class VmlinuxCache {
    /** Kernels kept; arbitrary: a developer's last few builds, about 50 MB each. */
    static final int MAX_ENTRIES = 8;

    private static final String SUFFIX = ".vmlinux";

    /** "LOLVMLX" and a format version. */
    private static final long MAGIC = 0x01_58_4c_4d_56_4c_4f_4cL;

    private static final int TRAILER_SIZE = 16;

    /** Bytes per write; arbitrary. */
    private static final int WRITE_SIZE = 1 << 20;

    private final Optional<Path> directory;

    private VmlinuxCache(Optional<Path> directory) {
        this.directory = directory;
    }

    /** A cache in that directory, which need not exist. */
    public static VmlinuxCache in(Path directory) {
        return new VmlinuxCache(Optional.of(directory));
    }

    /** A cache that keeps nothing. */
    public static VmlinuxCache none() {
        return new VmlinuxCache(Optional.empty());
    }

    /** Decompresses a payload when the cache does not have the result. */
    interface Decoder {
        byte[] decode() throws KernelFormatException;
    }

    /**
     * The decompressed kernel, kept from an earlier run or else decoded now and kept.
     *
     * @param source the kernel file
     * @param payload its compressed part
     */
    ByteBuffer get(Path source, ByteBuffer payload, Decoder decoder) throws KernelFormatException {
        if (directory.isEmpty()) {
            return ByteBuffer.wrap(decoder.decode());
        }
        Path entry;
        try {
            entry = directory.get().resolve(name(source, payload));
            ByteBuffer kept = read(entry);
            if (kept.hasRemaining()) {
                return kept;
            }
        } catch (IOException e) {
            return ByteBuffer.wrap(decoder.decode());
        }
        byte[] vmlinux = decoder.decode();
        try {
            write(entry, vmlinux);
        } catch (IOException e) {
            // A read-only or full disk: the kernel boots all the same.
            return ByteBuffer.wrap(vmlinux);
        }
        return ByteBuffer.wrap(vmlinux);
    }

    private static String name(Path source, ByteBuffer payload) throws IOException {
        return String.join(
                        "-",
                        Integer.toHexString(checksum(payload)),
                        Integer.toHexString(payload.remaining()),
                        Long.toHexString(Files.getLastModifiedTime(source).toMillis()))
                + SUFFIX;
    }

    private static int checksum(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return (int) crc.getValue();
    }

    /** The bytes of a sound entry; nothing if there is none. Marks the entry as used. */
    private static ByteBuffer read(Path entry) throws IOException {
        if (!Files.exists(entry)) {
            return ByteBuffer.allocate(0);
        }
        ByteBuffer all = MappedFile.read(entry);
        int size = all.limit() - TRAILER_SIZE;
        if (size <= 0) {
            return ByteBuffer.allocate(0);
        }
        ByteBuffer bytes = all.slice(0, size);
        ByteBuffer trailer = all.slice(size, TRAILER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        if (trailer.getLong(0) != MAGIC || trailer.getInt(8) != checksum(bytes)) {
            return ByteBuffer.allocate(0);
        }
        Files.setLastModifiedTime(entry, FileTime.from(Instant.now()));
        return bytes;
    }

    private void write(Path entry, byte[] vmlinux) throws IOException {
        Path parent = directory.orElseThrow();
        Files.createDirectories(parent);
        ByteBuffer trailer = ByteBuffer.allocate(TRAILER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        trailer.putLong(0, MAGIC).putInt(8, checksum(ByteBuffer.wrap(vmlinux)));
        Path temporary = Files.createTempFile(parent, "new-", ".tmp");
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                writeFully(channel, ByteBuffer.wrap(vmlinux));
                writeFully(channel, trailer);
            }
            Files.move(
                    temporary,
                    entry,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temporary);
        }
        prune(parent);
    }

    /**
     * Writes in pieces: the channel copies a heap buffer to native memory of the same size, and
     * keeps that.
     */
    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        int end = bytes.limit();
        while (bytes.position() < end) {
            bytes.limit(Math.min(end, bytes.position() + WRITE_SIZE));
            channel.write(bytes);
        }
    }

    /** Deletes the entries used longest ago. */
    private static void prune(Path directory) throws IOException {
        record Entry(Path path, FileTime used) {}
        List<Entry> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, "*" + SUFFIX)) {
            for (Path path : stream) {
                entries.add(new Entry(path, Files.getLastModifiedTime(path)));
            }
        }
        entries.sort(Comparator.comparing(Entry::used).reversed());
        for (int i = MAX_ENTRIES; i < entries.size(); i++) {
            Files.deleteIfExists(entries.get(i).path());
        }
    }
}
