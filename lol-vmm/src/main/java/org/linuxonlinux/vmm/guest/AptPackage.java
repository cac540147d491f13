// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.guest;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

    /** The complete records in the output of {@code apt-cache show}, in its order. */
    static List<AptPackage> parse(String text) {
        List<AptPackage> packages = new ArrayList<>();
        Map<String, String> fields = new HashMap<>();
        for (String line : text.lines().toList()) {
            int colon = line.indexOf(':');
            if (line.isBlank()) {
                addComplete(packages, fields);
                fields.clear();
            } else if (colon > 0 && !line.startsWith(" ")) {
                fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
            }
        }
        addComplete(packages, fields);
        return packages;
    }

    private static void addComplete(List<AptPackage> packages, Map<String, String> fields) {
        if (fields.keySet().containsAll(List.of("Package", "Version", "Size", "SHA256"))) {
            packages.add(
                    new AptPackage(
                            fields.get("Package"),
                            fields.get("Version"),
                            names(fields.getOrDefault("Depends", "")),
                            Long.parseLong(fields.get("Size")),
                            fields.get("SHA256")));
        }
    }

    private static List<String> names(String dependencies) {
        return Stream.of(dependencies.split(",", -1))
                .map(d -> d.strip().split("[ (|:]", 2)[0])
                .filter(d -> !d.isEmpty())
                .toList();
    }
}
