// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.linuxonlinux.vmm.UserException;

/**
 * An initramfs with any of Debian's packages and what they depend on, which runs one script and
 * powers off. For tests and benchmarks with real programs:
 *
 * <pre>
 *   java -cp 'lol-vmm/target/lol-vmm.jar:lol-vmm/target/lib/*' org.linuxonlinux.vmm.guest.PackageGuest \
 *       out.cpio script.sh python3 bash perl-base
 *   ./lol run -i out.cpio
 * </pre>
 *
 * Packages are unpacked, not configured: their maintainer scripts do not run. Top-level {@code
 * bin}, {@code sbin}, {@code lib} and {@code lib64} are links into {@code usr}, as in an installed
 * system. When the script has ended the console shows {@code script ended: status=N}.
 */
public final class PackageGuest {
    private static final Pattern TOP_LEVEL = Pattern.compile("(bin|sbin|lib|lib64)(/.*)?");

    private static final Pattern UNNEEDED =
            Pattern.compile("usr/share/(doc|man|locale|info|lintian|bug|common-licenses)(/.*)?");

    private static final String RUNNER =
            "#!/bin/busybox sh\n/script.d/script\necho \"script ended: status=$?\"\n";

    private final Path packageDirectory;
    private final Apt apt;

    /**
     * What the archive holds under one name. {@code content} is a link's target or a file's bytes.
     */
    private record Node(Kind kind, int mode, byte[] content) {}

    private enum Kind {
        DIRECTORY,
        FILE,
        LINK
    }

    /** Keeps downloaded packages under {@code cacheDirectory}, usually {@code ~/.cache/lol}. */
    public PackageGuest(Path cacheDirectory) {
        this(cacheDirectory, new HostCommandRunner());
    }

    PackageGuest(Path cacheDirectory, CommandRunner runner) {
        Path directory = cacheDirectory.toAbsolutePath();
        this.packageDirectory = directory.resolve("packages");
        this.apt = new Apt(directory.resolve("apt"), runner);
    }

    /** Arguments: archive to write, script, package names. */
    public static void main(String[] arguments) throws IOException {
        List<String> all = List.of(arguments);
        new PackageGuest(CacheDirectory.ofUser())
                .build(
                        all.subList(2, all.size()),
                        Files.readAllBytes(Path.of(all.get(1))),
                        Path.of(all.get(0)),
                        Progress.NONE);
    }

    /**
     * Writes the initramfs.
     *
     * @param packages names of binary packages; busybox-static comes by itself
     * @param script an executable text, beginning with {@code #!}
     * @param archive the file to write
     * @throws UserException if packages cannot be had
     */
    public void build(List<String> packages, byte[] script, Path archive, Progress progress)
            throws IOException {
        build(packages, script, Map.of(), archive, progress);
    }

    /**
     * Writes the initramfs, with more programs beside the script.
     *
     * @param programs by name; they come to the directory {@code /script.d}, executable
     */
    public void build(
            List<String> packages,
            byte[] script,
            Map<String, byte[]> programs,
            Path archive,
            Progress progress)
            throws IOException {
        List<String> names = new ArrayList<>(packages);
        names.add("busybox-static");
        SortedMap<String, Node> tree = new TreeMap<>();
        List<AptPackage> closure = apt.closure(names, progress);
        fetch(closure, progress);
        for (AptPackage found : closure) {
            new DebPackage(kept(found))
                    .visit(
                            (name, entry, content) -> {
                                add(tree, name, entry, content);
                                return true;
                            },
                            "unpacking " + found.name(),
                            progress);
        }
        for (String name : List.of("dev", "etc", "proc", "root", "run", "sys", "usr", "script.d")) {
            tree.putIfAbsent(name, new Node(Kind.DIRECTORY, 0755, new byte[0]));
        }
        tree.put("tmp", new Node(Kind.DIRECTORY, 01777, new byte[0]));
        for (String name : List.of("bin", "sbin", "lib", "lib64")) {
            tree.putIfAbsent("usr/" + name, new Node(Kind.DIRECTORY, 0755, new byte[0]));
            tree.put(name, new Node(Kind.LINK, 0777, ascii("usr/" + name)));
        }
        tree.putIfAbsent("etc/passwd", file(0644, ascii("root:x:0:0:root:/root:/bin/sh\n")));
        tree.putIfAbsent("etc/group", file(0644, ascii("root:x:0:\n")));
        tree.put("script.d/run", file(0755, ascii(RUNNER)));
        tree.put("script.d/script", file(0755, script));
        programs.forEach((name, content) -> tree.put("script.d/" + name, file(0755, content)));
        tree.put("init", file(0755, DefaultGuest.initScript()));
        write(tree, archive);
    }

    /** Downloads what is not kept yet. */
    private void fetch(List<AptPackage> wanted, Progress progress) throws IOException {
        List<AptPackage> missing = wanted.stream().filter(w -> !Files.exists(kept(w))).toList();
        if (missing.isEmpty()) {
            return;
        }
        Files.createDirectories(packageDirectory);
        Path work = Files.createTempDirectory(packageDirectory, "fetch-");
        try {
            List<Path> files = apt.download(missing, work, progress);
            for (int i = 0; i < files.size(); i++) {
                Files.move(files.get(i), kept(missing.get(i)), StandardCopyOption.ATOMIC_MOVE);
            }
        } finally {
            try (DirectoryStream<Path> left = Files.newDirectoryStream(work)) {
                for (Path file : left) {
                    Files.delete(file);
                }
            }
            Files.delete(work);
        }
    }

    private Path kept(AptPackage wanted) {
        return packageDirectory.resolve(wanted.sha256() + ".deb");
    }

    private static void add(
            SortedMap<String, Node> tree, String name, TarArchiveEntry entry, InputStream content)
            throws IOException {
        String merged = merged(name);
        if (merged.isEmpty() || UNNEEDED.matcher(merged).matches()) {
            return;
        }
        int mode = entry.getMode() & 07777;
        if (entry.isDirectory()) {
            tree.putIfAbsent(merged, new Node(Kind.DIRECTORY, mode, new byte[0]));
        } else if (entry.isSymbolicLink()) {
            tree.put(merged, new Node(Kind.LINK, 0777, utf8(entry.getLinkName())));
        } else if (entry.isLink()) {
            // Another name for an earlier file of the package.
            Node original = tree.get(merged(entry.getLinkName().replaceFirst("^\\./", "")));
            if (original != null) {
                tree.put(merged, original);
            }
        } else if (entry.isFile()) {
            tree.put(merged, file(mode, content.readAllBytes()));
        }
    }

    private static String merged(String name) {
        return TOP_LEVEL.matcher(name).matches() ? "usr/" + name : name;
    }

    /** Sorted by name, every directory comes before what is in it. */
    private static void write(SortedMap<String, Node> tree, Path archive) throws IOException {
        try (CpioWriter cpio =
                new CpioWriter(new BufferedOutputStream(Files.newOutputStream(archive), 1 << 16))) {
            for (var e : tree.entrySet()) {
                Node node = e.getValue();
                switch (node.kind()) {
                    case DIRECTORY -> cpio.directory(e.getKey(), node.mode());
                    case FILE -> cpio.file(e.getKey(), node.mode(), node.content());
                    case LINK ->
                            cpio.symlink(
                                    e.getKey(), new String(node.content(), StandardCharsets.UTF_8));
                }
            }
            cpio.characterDevice("dev/console", 0600, 5, 1);
        }
    }

    private static Node file(int mode, byte[] content) {
        return new Node(Kind.FILE, mode, content);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
