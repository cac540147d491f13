// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.linuxonlinux.vmm.UserException;

/**
 * The guest that runs when the user names none: Debian's cloud kernel and a busybox initramfs,
 * obtained from Debian's packages and kept. What is kept is used without asking apt again; deleting
 * the directory fetches anew.
 *
 * <pre>
 *   kernels/cloud-amd64.release           "6.1.0-56-cloud-amd64": what the flavour stood for when it was fetched
 *   kernels/vmlinuz-6.1.0-56-cloud-amd64
 *   busybox                               the program, from busybox-static
 *   initramfs-1a2b3c4d.cpio               built from it, named after the checksum of /init
 *   apt/                                  package lists, where the host has none
 * </pre>
 *
 * Every file appears by an atomic rename, so any number of processes can share the directory.
 */
public final class DefaultGuest {
    /** The flavour of kernel booted by default. */
    public static final String DEFAULT_FLAVOUR = "cloud-amd64";

    private static final String KERNEL_FILE_PREFIX = "vmlinuz-";

    private final Path cacheDirectory;
    private final Apt apt;

    /**
     * Kernel and initramfs of a guest.
     *
     * @param kernel bzImage
     * @param initramfs cpio archive
     */
    public record Images(Path kernel, Path initramfs) {}

    /**
     * The default guest kept in {@code cacheDirectory}, usually {@code ~/.cache/lol}; it need not
     * exist.
     */
    public DefaultGuest(Path cacheDirectory) {
        this(cacheDirectory, new HostCommandRunner());
    }

    DefaultGuest(Path cacheDirectory, CommandRunner runner) {
        this.cacheDirectory = cacheDirectory.toAbsolutePath();
        this.apt = new Apt(this.cacheDirectory.resolve("apt"), runner);
    }

    /**
     * Kernel and initramfs, from the cache or else from Debian's packages.
     *
     * @throws UserException if they cannot be had
     */
    public Images obtain(Progress progress) {
        return new Images(kernel(DEFAULT_FLAVOUR, progress), initramfs(progress));
    }

    /**
     * A Debian kernel.
     *
     * @param version a flavour ({@code cloud-amd64}, {@code amd64}) or a release ({@code
     *     6.1.0-56-cloud-amd64})
     * @throws UserException if it cannot be had
     */
    public Path kernel(String version, Progress progress) {
        Path kernels = cacheDirectory.resolve("kernels");
        Path note = kernels.resolve(version + ".release");
        try {
            String release = Files.exists(note) ? Files.readString(note).strip() : version;
            Path kept = kernels.resolve(KERNEL_FILE_PREFIX + release);
            if (Files.exists(kept)) {
                return kept;
            }
            AptPackage found = imagePackage(version, progress);
            release = found.name().replaceFirst("^linux-image-", "");
            Path kernel = kernels.resolve(KERNEL_FILE_PREFIX + release);
            if (!Files.exists(kernel)) {
                extract(found, n -> n.startsWith("boot/" + KERNEL_FILE_PREFIX), kernel, progress);
            }
            if (!release.equals(version)) {
                replace(note, (release + "\n").getBytes(StandardCharsets.UTF_8));
            }
            return kernel;
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    /** The package with the kernel itself: that of a flavour only depends on it. */
    private AptPackage imagePackage(String version, Progress progress) {
        AptPackage named = apt.candidate("linux-image-" + version, progress);
        for (String dependency : named.depends()) {
            if (dependency.startsWith("linux-image-")) {
                return apt.candidate(dependency, progress);
            }
        }
        return named;
    }

    /**
     * The busybox initramfs.
     *
     * @throws UserException if it cannot be had
     */
    public Path initramfs(Progress progress) {
        try {
            byte[] init = initScript();
            CRC32 crc = new CRC32();
            crc.update(init);
            Path initramfs =
                    cacheDirectory.resolve(
                            "initramfs-" + Long.toHexString(crc.getValue()) + ".cpio");
            if (!Files.exists(initramfs)) {
                replace(initramfs, archive(init, Files.readAllBytes(busybox(progress))));
                deleteOthers(initramfs);
            }
            return initramfs;
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    /** Deletes what earlier versions of /init were packed into. */
    private static void deleteOthers(Path initramfs) throws IOException {
        try (DirectoryStream<Path> all =
                Files.newDirectoryStream(initramfs.getParent(), "initramfs-*.cpio")) {
            for (Path each : all) {
                if (!each.getFileName().equals(initramfs.getFileName())) {
                    Files.deleteIfExists(each);
                }
            }
        }
    }

    /** The first program of every guest of ours. */
    static byte[] initScript() throws IOException {
        try (InputStream in = DefaultGuest.class.getResourceAsStream("init")) {
            return in.readAllBytes();
        }
    }

    /** The statically linked busybox, kept in the cache. */
    Path busybox(Progress progress) throws IOException {
        Path busybox = cacheDirectory.resolve("busybox");
        if (!Files.exists(busybox)) {
            AptPackage found = apt.candidate("busybox-static", progress);
            extract(
                    found,
                    n -> n.equals("bin/busybox") || n.equals("usr/bin/busybox"),
                    busybox,
                    progress);
        }
        return busybox;
    }

    private static byte[] archive(byte[] init, byte[] busybox) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(busybox.length + (1 << 16));
        try (CpioWriter cpio = new CpioWriter(bytes)) {
            for (String directory :
                    List.of(
                            "bin",
                            "dev",
                            "etc",
                            "proc",
                            "run",
                            "sbin",
                            "sys",
                            "usr",
                            "usr/bin",
                            "usr/sbin",
                            "var")) {
                cpio.directory(directory, 0755);
            }
            cpio.directory("root", 0700);
            cpio.directory("tmp", 01777);
            // The kernel opens it for the first process, before that has mounted devtmpfs.
            cpio.characterDevice("dev/console", 0600, 5, 1);
            cpio.file("bin/busybox", 0755, busybox);
            cpio.symlink("bin/sh", "busybox");
            cpio.file("etc/passwd", 0644, ascii("root:x:0:0:root:/root:/bin/sh\n"));
            cpio.file("etc/group", 0644, ascii("root:x:0:\n"));
            cpio.file("etc/profile", 0644, ascii("PS1='\\u@\\h:\\w\\$ '\n"));
            cpio.file("init", 0755, init);
        }
        return bytes.toByteArray();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Downloads a package and writes the first file that is wanted from it. */
    private void extract(AptPackage from, Predicate<String> wanted, Path to, Progress progress)
            throws IOException {
        Files.createDirectories(cacheDirectory);
        Path work = Files.createTempDirectory(cacheDirectory, "fetch-");
        try {
            Path deb = apt.download(from, work, progress);
            Path unpacked = work.resolve("unpacked");
            new DebPackage(deb)
                    .visit(
                            (name, entry, content) -> {
                                if (entry.isFile() && wanted.test(name)) {
                                    Files.copy(content, unpacked);
                                    return false;
                                }
                                return true;
                            },
                            "unpacking " + from.name(),
                            progress);
            if (!Files.exists(unpacked)) {
                throw new IOException(
                        "package lacks " + to.getFileName() + ": package=" + from.name());
            }
            Files.createDirectories(to.getParent());
            Files.move(unpacked, to, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            delete(work);
        }
    }

    private static void replace(Path file, byte[] content) throws IOException {
        Files.createDirectories(file.getParent());
        Path temporary = Files.createTempFile(file.getParent(), "new-", ".tmp");
        try {
            Files.write(temporary, content);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> tree = Files.walk(directory)) {
            for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }

    private UserException unwritable(IOException e) {
        return new UserException(
                UserException.HOST_LACKS,
                "cannot prepare the default guest: directory="
                        + cacheDirectory
                        + ": "
                        + e.getMessage(),
                e);
    }
}
