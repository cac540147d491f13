// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A binary package as its archive describes it (deb822(5), fields of a Packages index).
 *
 * @param name package name
 * @param version complete version
 * @param depends names of the packages of {@code Depends}, first alternatives only
 * @param sizeBytes size of the .deb file
 * @param sha256 digest of the .deb file, lower-case hexadecimal
 */
record AptPackage(
        String name, String version, List<String> depends, long sizeBytes, String sha256) {

    /** The first record in the output of {@code apt-cache show}; empty if there is none. */
    static Optional<AptPackage> parse(String text) {
        String name = "";
        String version = "";
        String sha256 = "";
        long sizeBytes = 0;
        List<String> depends = List.of();
        for (String line : text.lines().toList()) {
            if (line.isBlank() && !name.isEmpty()) {
                break;
            }
            int colon = line.indexOf(':');
            if (colon <= 0 || line.startsWith(" ")) {
                continue;
            }
            String value = line.substring(colon + 1).strip();
            switch (line.substring(0, colon)) {
                case "Package" -> name = value;
                case "Version" -> version = value;
                case "Size" -> sizeBytes = Long.parseLong(value);
                case "SHA256" -> sha256 = value;
                case "Depends" -> depends = names(value);
                default -> {}
            }
        }
        return name.isEmpty() || version.isEmpty() || sha256.isEmpty()
                ? Optional.empty()
                : Optional.of(new AptPackage(name, version, depends, sizeBytes, sha256));
    }

    private static List<String> names(String dependencies) {
        return Stream.of(dependencies.split(",", -1))
                .map(d -> d.strip().split("[ (|:]", 2)[0])
                .filter(d -> !d.isEmpty())
                .toList();
    }
}
