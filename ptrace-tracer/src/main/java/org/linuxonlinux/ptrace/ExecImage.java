// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.ptrace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory {@code execve} reads: pointer arrays first, then the strings they point to.
 *
 * <pre>
 *   arguments[…] 0   environment[…] 0   path \\0   strings \\0 …
 * </pre>
 */
final class ExecImage {
    private final List<byte[]> strings = new ArrayList<>();
    private final int argumentCount;
    private final int pointerBytes;
    private final int sizeBytes;

    ExecImage(Path path, List<String> arguments, List<String> environment) {
        argumentCount = arguments.size();
        addString(path.toString());
        arguments.forEach(this::addString);
        environment.forEach(this::addString);
        pointerBytes = (arguments.size() + environment.size() + 2) * Long.BYTES;
        sizeBytes = pointerBytes + strings.stream().mapToInt(string -> string.length + 1).sum();
    }

    private void addString(String text) {
        strings.add(text.getBytes(StandardCharsets.UTF_8));
    }

    int sizeBytes() {
        return sizeBytes;
    }

    int pathOffset() {
        return pointerBytes;
    }

    int argumentsOffset() {
        return 0;
    }

    int environmentOffset() {
        return (argumentCount + 1) * Long.BYTES;
    }

    /** The bytes for an image that starts at {@code hva}. */
    byte[] bytesAt(long hva) {
        ByteBuffer image = ByteBuffer.allocate(sizeBytes).order(ByteOrder.LITTLE_ENDIAN);
        int stringOffset = pointerBytes;
        int pointerOffset = 0;
        for (int i = 0; i < strings.size(); i++) {
            byte[] string = strings.get(i);
            image.put(stringOffset, string);
            if (i > 0) { // the path has no pointer
                image.putLong(pointerOffset, hva + stringOffset);
                pointerOffset += Long.BYTES;
            }
            if (i == argumentCount) {
                pointerOffset += Long.BYTES; // the zero after the arguments
            }
            stringOffset += string.length + 1;
        }
        return image.array();
    }
}
