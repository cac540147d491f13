// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.linuxonlinux.vmm.UserException;

/**
 * Finds the kernel a user means by FILE, DIR or VERSION.
 *
 * <p>A directory may be a kernel build tree or an unpacked kernel package. Of {@code
 * arch/x86/boot/bzImage}, {@code vmlinux}, {@code boot/vmlinuz-*} and {@code vmlinuz-*} in it, the
 * one modified last is taken: after {@code make vmlinux} that is the new vmlinux, not the bzImage
 * of the build before.
 */
public final class KernelLocator {
    private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+[-+~.\\w]*");

    private final DefaultGuest packages;
    private final Path workingDirectory;

    /** Takes versions from {@code packages}, and relative paths from the working directory. */
    public KernelLocator(DefaultGuest packages) {
        this(packages, Path.of(""));
    }

    KernelLocator(DefaultGuest packages, Path workingDirectory) {
        this.packages = packages;
        this.workingDirectory = workingDirectory;
    }

    /**
     * The kernel file for the argument of {@code -k}.
     *
     * @param argument a path; or a Debian flavour ({@code cloud}, {@code amd64}) or release
     * @throws UserException if there is no such kernel
     */
    public Path locate(String argument, Progress progress) {
        Path path = workingDirectory.resolve(argument);
        try {
            if (Files.isDirectory(path)) {
                return newest(path);
            }
        } catch (IOException e) {
            throw new UserException(
                    UserException.BAD_INPUT, "cannot search: directory=" + path + ": " + e, e);
        }
        if (Files.exists(path) || argument.contains("/")) {
            return path;
        }
        return switch (argument) {
            case "cloud", "cloud-amd64" -> packages.kernel("cloud-amd64", progress);
            case "amd64" -> packages.kernel("amd64", progress);
            default -> {
                if (VERSION.matcher(argument).matches()) {
                    yield packages.kernel(argument, progress);
                }
                throw new UserException(
                        UserException.BAD_INPUT,
                        "no such kernel: "
                                + argument
                                + " (expected a file, a directory, `cloud`, `amd64`, or a Debian"
                                + " release like 6.1.0-56-cloud-amd64)");
            }
        };
    }

    private static Path newest(Path directory) throws IOException {
        List<Path> candidates = new ArrayList<>();
        candidates.add(directory.resolve("arch/x86/boot/bzImage"));
        candidates.add(directory.resolve("vmlinux"));
        for (Path place : List.of(directory.resolve("boot"), directory)) {
            if (Files.isDirectory(place)) {
                try (DirectoryStream<Path> images = Files.newDirectoryStream(place, "vmlinuz-*")) {
                    images.forEach(candidates::add);
                }
            }
        }
        Path best = null;
        FileTime bestTime = null;
        for (Path candidate : candidates) {
            if (Files.isRegularFile(candidate)) {
                FileTime time = Files.getLastModifiedTime(candidate);
                if (best == null || time.compareTo(bestTime) > 0) {
                    best = candidate;
                    bestTime = time;
                }
            }
        }
        if (best == null) {
            throw new UserException(
                    UserException.BAD_INPUT,
                    "no kernel in directory: "
                            + directory
                            + " (looked for arch/x86/boot/bzImage, vmlinux, boot/vmlinuz-*)");
        }
        return best;
    }
}
