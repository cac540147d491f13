// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Answers apt's commands from packages in memory. */
final class FakeApt implements CommandRunner {
    private record Offer(String version, String depends, byte[] deb, String sha256) {}

    private final Map<String, Offer> packages = new LinkedHashMap<>();
    final List<List<String>> commands = new ArrayList<>();

    /** The host's own package lists are empty. */
    boolean hostListsEmpty;

    /** The host's own package lists name files that are gone. */
    boolean hostListsStale;

    /** There is no apt. */
    boolean absent;

    /** apt-get update does not work. */
    boolean offline;

    void add(String name, String version, String depends, byte[] deb) {
        packages.put(name, new Offer(version, depends, deb, sha256(deb)));
    }

    /** The archive's index and its file differ. */
    void tamper(String name) {
        Offer p = packages.get(name);
        byte[] deb = p.deb().clone();
        deb[deb.length - 1] ^= 1;
        packages.put(name, new Offer(p.version(), p.depends(), deb, p.sha256()));
    }

    @Override
    public Result run(List<String> command, Path directory, Runnable tick) throws IOException {
        if (absent) {
            throw new IOException("No such file or directory");
        }
        commands.add(command);
        tick.run();
        boolean privateLists =
                command.stream().anyMatch(word -> word.startsWith("Dir::State::lists="));
        List<String> words = new ArrayList<>();
        for (int i = 1; i < command.size(); i++) {
            if (command.get(i).equals("-o")) {
                i++;
            } else if (!command.get(i).startsWith("-")) {
                words.add(command.get(i));
            }
        }
        List<String> names = words.subList(1, words.size());
        return switch (words.get(0)) {
            case "show" -> show(names.subList(0, names.size()), privateLists);
            case "update" ->
                    offline ? failure("E: Failed to fetch: no route") : new Result(0, "", "");
            case "install" -> install(names);
            case "download" -> download(names, directory, privateLists);
            default -> throw new AssertionError(command);
        };
    }

    private Result show(List<String> names, boolean privateLists) {
        StringBuilder text = new StringBuilder();
        for (String name : names) {
            Offer p = packages.get(name);
            if (p != null && (!hostListsEmpty || privateLists) && !(offline && privateLists)) {
                text.append("Package: " + name + "\nVersion: " + p.version() + "\n");
                text.append("Depends: " + p.depends() + "\nSize: " + p.deb().length + "\n");
                text.append(
                        "Description: words\n SHA256: not this\nSHA256: " + p.sha256() + "\n\n");
            }
        }
        return text.length() == 0 ? failure("E: No packages found") : new Result(0, text + "", "");
    }

    private Result install(List<String> names) {
        StringBuilder text = new StringBuilder();
        for (String name : packages.keySet()) {
            if (names.contains(name) || name.startsWith("lib")) {
                text.append("'http://x/" + name + ".deb' " + name + "_1_amd64.deb 5 SHA256:0\n");
            }
        }
        return new Result(0, text.toString(), "");
    }

    private Result download(List<String> names, Path directory, boolean privateLists)
            throws IOException {
        if (hostListsStale && !privateLists) {
            return failure("E: Failed to fetch http://x/pool: 404  Not Found");
        }
        for (String name : names) {
            String[] parts = name.split("=", 2);
            Offer p = packages.get(parts[0]);
            if (!p.version().equals(parts[1])) {
                return failure("E: Version not found");
            }
            Files.write(directory.resolve(parts[0] + "_" + parts[1] + "_amd64.deb"), p.deb());
        }
        return new Result(0, "", "");
    }

    private static Result failure(String error) {
        return new Result(100, "", "W: a warning\n" + error + "\n");
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
