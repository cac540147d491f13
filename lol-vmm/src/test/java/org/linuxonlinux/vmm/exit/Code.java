// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.HexFormat;
import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;

/** Machine code in tests: hexadecimal bytes, blanks as one likes. */
final class Code {
    private Code() {}

    static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex.replace(" ", ""));
    }

    /** Decodes one instruction, which must fill all the bytes. */
    static Instruction decode(String hex) {
        byte[] bytes = bytes(hex);
        Instruction instruction = new Instruction();
        int length = Decoder.decode(bytes, 0, bytes.length, instruction);
        if (length != bytes.length) {
            throw new AssertionError("decoded length " + length + ": " + hex);
        }
        return instruction;
    }
}
