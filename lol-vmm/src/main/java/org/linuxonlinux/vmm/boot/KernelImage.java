// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.linuxonlinux.vmm.UserException;

/**
 * A Linux kernel for x86-64, ready to be loaded: from a bzImage (setup header plus compressed ELF)
 * or from the bare ELF file {@code vmlinux}. All that a user can get wrong with a kernel file is
 * reported by {@link #load} as one line.
 *
 * <p>The decompressor inside the bzImage never runs, so the kernel is not relocated (no KASLR):
 * guest-virtual addresses of the ELF file are the ones at run time.
 */
public final class KernelImage {
    /**
     * Bytes of one {@code struct exception_table_entry}: offsets of instruction and fixup, and
     * data; each 4 bytes.
     */
    private static final int EXCEPTION_ENTRY_SIZE = 12;

    private static final String BANNER_START = "Linux version ";

    private static final Pattern BUILD_NUMBER = Pattern.compile(" #\\d");

    private final Path file;
    private final Optional<SetupHeader> setupHeader;
    private final Compression compression;
    private final ElfFile elf;
    private final ByteBuffer identity;

    private KernelImage(
            Path file,
            Optional<SetupHeader> setupHeader,
            Compression compression,
            ElfFile elf,
            ByteBuffer identity) {
        this.identity = identity;
        this.file = file;
        this.setupHeader = setupHeader;
        this.compression = compression;
        this.elf = elf;
    }

    /**
     * Reads a kernel.
     *
     * @param file bzImage or vmlinux
     * @param cache keeps decompressed kernels between runs
     * @throws UserException if the file is missing, damaged, or not a 64-bit x86 kernel
     */
    public static KernelImage load(Path file, VmlinuxCache cache) {
        ByteBuffer bytes;
        try {
            if (!Files.exists(file)) {
                throw unusable(file, "no such file", null);
            }
            if (!Files.isRegularFile(file)) {
                throw unusable(file, "not a regular file", null);
            }
            bytes = MappedFile.read(file);
        } catch (IOException e) {
            throw unusable(file, "cannot read: " + e.getMessage(), e);
        }
        try {
            return parse(file, bytes, cache);
        } catch (KernelFormatException e) {
            throw unusable(file, e.getMessage(), e);
        }
    }

    private static UserException unusable(Path file, String why, Throwable cause) {
        return new UserException(
                UserException.BAD_INPUT, "cannot use kernel: file=" + file + ": " + why, cause);
    }

    private static KernelImage parse(Path file, ByteBuffer bytes, VmlinuxCache cache)
            throws KernelFormatException {
        if (!bytes.hasRemaining()) {
            throw new KernelFormatException("empty file");
        }
        if (ElfFile.isElf(bytes)) {
            return new KernelImage(
                    file,
                    Optional.empty(),
                    Compression.NONE,
                    checkKernel(ElfFile.parse(bytes)),
                    bytes);
        }
        SetupHeader header = SetupHeader.parse(bytes);
        ByteBuffer payload = header.payload(bytes);
        Compression compression = Compression.detect(payload);
        if (compression == Compression.NONE && !ElfFile.isElf(payload)) {
            throw new KernelFormatException("corrupt payload: unknown compression");
        }
        ByteBuffer vmlinux =
                compression == Compression.NONE
                        ? payload
                        : cache.get(
                                file,
                                payload,
                                () -> PayloadDecoder.decode(compression, array(payload)));
        return new KernelImage(
                file,
                Optional.of(header),
                compression,
                checkKernel(ElfFile.parse(vmlinux)),
                payload);
    }

    private static byte[] array(ByteBuffer bytes) {
        byte[] array = new byte[bytes.remaining()];
        bytes.get(bytes.position(), array);
        return array;
    }

    private static ElfFile checkKernel(ElfFile elf) throws KernelFormatException {
        if (elf.type() != ElfFile.ET_EXEC) {
            throw new KernelFormatException(
                    "not a kernel: ELF type "
                            + elf.type()
                            + ", expected a fixed-address executable");
        }
        boolean entryLoaded = false;
        for (ElfFile.Segment s : elf.segments()) {
            if (s.type() == ElfFile.PT_LOAD) {
                entryLoaded |= elf.entry() >= s.gpa() && elf.entry() - s.gpa() < s.fileSizeBytes();
            }
        }
        if (!entryLoaded) {
            throw new KernelFormatException(
                    "not a kernel: entry point 0x"
                            + Long.toHexString(elf.entry())
                            + " lies in no loaded segment by its physical address");
        }
        return elf;
    }

    /** The file it was read from. */
    public Path file() {
        return file;
    }

    /** The setup header; absent for a bare vmlinux. */
    public Optional<SetupHeader> setupHeader() {
        return setupHeader;
    }

    /** How the payload was compressed; NONE for a bare vmlinux. */
    public Compression compression() {
        return compression;
    }

    /** The kernel proper. */
    public ElfFile elf() {
        return elf;
    }

    /**
     * CRC-32C and size of the kernel's bytes as they are in the file, compressed or not: tells
     * kernels apart. About 0.1 ms per megabyte.
     */
    public long[] checksum() {
        CRC32C crc = new CRC32C();
        crc.update(identity.duplicate());
        return new long[] {crc.getValue(), identity.remaining()};
    }

    /** Guest-physical address of {@code startup_64}. */
    public long entryGpa() {
        return elf.entry();
    }

    /** First byte of the lowest loaded segment. */
    public long startGpa() {
        long start = Long.MAX_VALUE;
        for (ElfFile.Segment s : elf.segments()) {
            if (s.type() == ElfFile.PT_LOAD) {
                start = Math.min(start, s.gpa());
            }
        }
        return start;
    }

    /**
     * One past the last byte the kernel occupies before it has read the memory map, bss and early
     * heap included.
     */
    public long endGpa() {
        long end = setupHeader.isPresent() ? startGpa() + setupHeader.get().initSizeBytes() : 0;
        for (ElfFile.Segment s : elf.segments()) {
            if (s.type() == ElfFile.PT_LOAD) {
                end = Math.max(end, s.gpa() + s.memorySizeBytes());
            }
        }
        return end;
    }

    /**
     * Guest-virtual addresses of the instructions that may touch user memory, ascending: the {@code
     * __ex_table} section. Empty if the kernel has none.
     */
    public long[] exceptionTable() {
        Optional<ElfFile.Section> section = elf.section("__ex_table");
        if (section.isEmpty()) {
            return new long[0];
        }
        ByteBuffer entries = elf.bytes(section.get());
        long[] result = new long[entries.limit() / EXCEPTION_ENTRY_SIZE];
        for (int i = 0; i < result.length; i++) {
            int at = i * EXCEPTION_ENTRY_SIZE;
            result[i] = section.get().gva() + at + entries.getInt(at);
        }
        Arrays.sort(result);
        return result;
    }

    /**
     * The release and build, e.g. {@code 6.1.0-56-cloud-amd64 (…) #1 SMP …}; empty if it cannot be
     * found. Slow for a vmlinux.
     */
    public String version() {
        String fromHeader = setupHeader.isPresent() ? setupHeader.get().version() : "";
        if (!fromHeader.isEmpty()) {
            return fromHeader;
        }
        String banner = banner();
        return banner.startsWith(BANNER_START) ? banner.substring(BANNER_START.length()) : banner;
    }

    /**
     * The kernel's banner, {@code Linux version …} without the line end; empty if there is none.
     * Scans read-only data.
     */
    public String banner() {
        Optional<ElfFile.Section> section = elf.section(".rodata");
        if (section.isEmpty()) {
            return "";
        }
        byte[] bytes = array(elf.bytes(section.get()));
        byte[] start = BANNER_START.getBytes(StandardCharsets.ISO_8859_1);
        String banner = "";
        for (int i = 0; i + start.length < bytes.length; i++) {
            // A digit follows in the banner itself; the format string of /proc/version has a %.
            if (bytes[i] == start[0]
                    && Arrays.equals(bytes, i, i + start.length, start, 0, start.length)
                    && Character.isDigit(bytes[i + start.length])) {
                int end = i;
                while (end < bytes.length && bytes[end] != 0 && bytes[end] != '\n') {
                    end++;
                }
                String found = new String(bytes, i, end - i, StandardCharsets.ISO_8859_1);
                // Linux 6.1 keeps a weak copy whose build number is blank beside the real one.
                if (banner.isEmpty() || BUILD_NUMBER.matcher(found).find()) {
                    banner = found;
                }
            }
        }
        return banner;
    }
}
