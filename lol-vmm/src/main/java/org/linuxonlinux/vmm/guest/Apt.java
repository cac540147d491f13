// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.linuxonlinux.vmm.UserException;

/**
 * Debian packages by name, through the host's apt tools and without root.
 *
 * <p>First with the host's own package lists. Where those are empty (a fresh container) or too old
 * to download with, lists of our own are fetched to a private directory, from the host's configured
 * sources.
 */
final class Apt {
    private final Path directory;
    private final CommandRunner runner;
    private boolean privateLists;

    /**
     * @param directory for private package lists; need not exist
     */
    Apt(Path directory, CommandRunner runner) {
        this.directory = directory;
        this.runner = runner;
    }

    /**
     * The version of a package that apt would install.
     *
     * @throws UserException if there is none
     */
    AptPackage candidate(String name, Progress progress) {
        Optional<AptPackage> found = find(name);
        if (found.isEmpty() && !privateLists) {
            refresh(progress);
            found = find(name);
        }
        return found.orElseThrow(
                () ->
                        unobtainable(
                                "package not found in apt's sources: package="
                                        + name
                                        + " (try `sudo apt-get update`)",
                                null));
    }

    /**
     * The candidates of all packages that {@code names} need to run, themselves included, as on an
     * empty system.
     */
    List<AptPackage> closure(List<String> names, Progress progress) {
        for (String name : names) {
            candidate(name, progress);
        }
        try {
            Files.createDirectories(directory);
            Path nothingInstalled = directory.resolve("status");
            if (!Files.exists(nothingInstalled)) {
                Files.createFile(nothingInstalled);
            }
            List<String> command = command("apt-get");
            command.addAll(
                    List.of(
                            "-o",
                            "Dir::State::status=" + nothingInstalled,
                            "-o",
                            "Dir::Cache::archives=" + directory.resolve("archives"),
                            "-o",
                            "Debug::NoLocking=1",
                            "--no-install-recommends",
                            "--print-uris",
                            "-qq",
                            "-y",
                            "install"));
            command.addAll(names);
            CommandRunner.Result result = run(command, directory, Apt::silence);
            if (result.exitCode() != 0) {
                throw unobtainable("cannot resolve dependencies: " + reason(result), null);
            }
            List<String> needed = new ArrayList<>();
            for (String line : result.output().lines().toList()) {
                // 'URI' name_version_arch.deb size digest
                String[] words = line.split(" ", -1);
                if (words.length >= 3 && words[1].endsWith(".deb")) {
                    needed.add(words[1].split("_", 2)[0]);
                }
            }
            return find(needed);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Downloads a package and checks its digest.
     *
     * @param into directory for the file
     * @return the .deb file
     */
    Path download(AptPackage wanted, Path into, Progress progress) {
        return download(List.of(wanted), into, progress).get(0);
    }

    /**
     * Downloads packages in one go and checks their digests; the files are in the order of {@code
     * wanted}.
     */
    List<Path> download(List<AptPackage> wanted, Path into, Progress progress) {
        try {
            CommandRunner.Result result = tryDownload(wanted, into, progress);
            List<AptPackage> downloaded = wanted;
            if (result.exitCode() != 0 && !privateLists) {
                // The lists are older than the archive: the file they name is gone.
                refresh(progress);
                downloaded = find(names(wanted));
                result = tryDownload(downloaded, into, progress);
            }
            if (result.exitCode() != 0) {
                throw unobtainable("cannot download: " + reason(result), null);
            }
            if (downloaded.size() != wanted.size()) {
                throw unobtainable(
                        "a package is gone from apt's sources: one of " + names(wanted), null);
            }
            List<Path> files = new ArrayList<>();
            for (AptPackage each : downloaded) {
                files.add(checked(each, into));
            }
            return files;
        } catch (IOException e) {
            throw unobtainable("cannot download: " + e, e);
        }
    }

    private static List<String> names(List<AptPackage> packages) {
        return packages.stream().map(AptPackage::name).toList();
    }

    private static Path checked(AptPackage wanted, Path directory) throws IOException {
        Path file = file(directory, wanted);
        String sha256 = sha256(file);
        if (!sha256.equals(wanted.sha256())) {
            throw unobtainable(
                    "package digest differs: package="
                            + wanted.name()
                            + ", sha256="
                            + sha256
                            + ", expected="
                            + wanted.sha256(),
                    null);
        }
        return file;
    }

    private CommandRunner.Result tryDownload(
            List<AptPackage> wanted, Path into, Progress progress) {
        String step =
                "downloading "
                        + (wanted.size() == 1 ? wanted.get(0).name() : wanted.size() + " packages");
        long totalBytes = wanted.stream().mapToLong(AptPackage::sizeBytes).sum();
        progress.update(step, 0, totalBytes);
        List<String> command = command("apt-get");
        command.addAll(List.of("-q", "download"));
        wanted.forEach(w -> command.add(w.name() + "=" + w.version()));
        CommandRunner.Result result =
                run(
                        command,
                        into,
                        () ->
                                progress.update(
                                        step, Math.min(sizeBytes(into), totalBytes), totalBytes));
        if (result.exitCode() == 0) {
            progress.update(step, totalBytes, totalBytes);
        }
        return result;
    }

    private static long sizeBytes(Path directory) {
        long sum = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                sum += Files.size(file);
            }
        } catch (IOException e) {
            return 0; // apt renames the file when it is complete
        }
        return sum;
    }

    private static Path file(Path directory, AptPackage wanted) throws IOException {
        try (DirectoryStream<Path> files =
                Files.newDirectoryStream(directory, wanted.name() + "_*.deb")) {
            for (Path file : files) {
                return file;
            }
        }
        throw new IOException("apt-get left no file: package=" + wanted.name());
    }

    private Optional<AptPackage> find(String name) {
        return find(List.of(name)).stream().findFirst();
    }

    /** The candidates among {@code names}; one that does not exist is left out. */
    private List<AptPackage> find(List<String> names) {
        List<String> command = command("apt-cache");
        command.addAll(List.of("show", "--no-all-versions"));
        command.addAll(names);
        return AptPackage.parse(run(command, Path.of("/"), Apt::silence).output());
    }

    /**
     * Fetches package lists of our own. A source that fails is no matter as long as the package is
     * found in another.
     */
    private void refresh(Progress progress) {
        privateLists = true;
        progress.update("fetching package lists", 0, 0);
        try {
            Files.createDirectories(directory.resolve("lists").resolve("partial"));
            Files.createDirectories(directory.resolve("cache"));
        } catch (IOException e) {
            throw unobtainable("cannot create: directory=" + directory + ": " + e, e);
        }
        List<String> command = command("apt-get");
        command.addAll(List.of("-q", "update"));
        CommandRunner.Result result =
                run(command, directory, () -> progress.update("fetching package lists", 0, 0));
        if (result.exitCode() != 0 && find("base-files").isEmpty()) {
            throw unobtainable("cannot fetch package lists: " + reason(result), null);
        }
    }

    private List<String> command(String tool) {
        List<String> command = new ArrayList<>();
        command.add(tool);
        // apt started by root would drop to user _apt, who may not enter the cache directory.
        command.addAll(List.of("-o", "APT::Sandbox::User=root"));
        if (privateLists) {
            command.addAll(
                    List.of(
                            "-o",
                            "Dir::State::lists=" + directory.resolve("lists"),
                            "-o",
                            "Dir::Cache=" + directory.resolve("cache")));
        }
        return command;
    }

    private CommandRunner.Result run(List<String> command, Path workingDirectory, Runnable tick) {
        try {
            return runner.run(command, workingDirectory, tick);
        } catch (IOException e) {
            throw unobtainable("cannot run " + command.get(0) + ": " + e.getMessage(), e);
        }
    }

    private static void silence() {}

    /** The last complaint of a tool, for a one-line message. */
    private static String reason(CommandRunner.Result result) {
        String last = "exitCode=" + result.exitCode();
        for (String line : result.errors().lines().toList()) {
            if (line.startsWith("E:")) {
                last = line.substring(2).strip();
            }
        }
        return last;
    }

    private static String sha256(Path file) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static UserException unobtainable(String why, Throwable cause) {
        return new UserException(
                UserException.HOST_LACKS,
                why
                        + "; without apt, take linux-image-cloud-amd64 and busybox-static from"
                        + " https://packages.debian.org, unpack them, and name kernel and initrd"
                        + " with -k and -i",
                cause);
    }
}
