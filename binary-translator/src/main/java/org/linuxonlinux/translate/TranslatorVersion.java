// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPageLayout;

/**
 * What decides which host code a translator emits for given guest bytes: its own classes and those
 * of the gate, the gate as generated on this host, and the ports served inline.
 */
public final class TranslatorVersion {
    private TranslatorVersion() {}

    /**
     * A number that changes whenever emitted code could. Reads the two modules' jar files, 220 KB:
     * 1 ms.
     *
     * @param gateCode the gate's machine code
     * @throws IOException if the classes cannot be read
     */
    public static long of(byte[] gateCode, GateEntries gate, InlinePorts ports) throws IOException {
        Digest digest = new Digest();
        digest.add(VcpuPageLayout.VERSION, gate.exitHva(), gate.sysretHva(), gate.iretHva());
        digest.add(gate.writeCr3Hva());
        digest.add(ports.input(), ports.output());
        digest.add(gateCode);
        for (Class<?> module : List.of(TranslatorVersion.class, AddressMap.class)) {
            for (Path file : classFiles(module)) {
                digest.add(Files.readAllBytes(file));
            }
        }
        return digest.value();
    }

    /** The jar file of a class, or all files of its directory in a build that has none. */
    private static List<Path> classFiles(Class<?> module) throws IOException {
        CodeSource source = module.getProtectionDomain().getCodeSource();
        if (source == null) {
            throw new IOException("no code source: class=" + module.getName());
        }
        Path path;
        try {
            path = Path.of(source.getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IOException("no file: location=" + source.getLocation(), e);
        }
        if (!Files.isDirectory(path)) {
            return List.of(path);
        }
        try (Stream<Path> files = Files.walk(path)) {
            return files.filter(Files::isRegularFile).sorted().collect(Collectors.toList());
        }
    }
}
