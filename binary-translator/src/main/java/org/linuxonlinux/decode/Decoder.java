// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * Decodes one instruction of 64-bit mode. Stateless; any thread; never allocates and never throws
 * for any content of the bytes.
 */
public final class Decoder {
    /** More bytes are needed: {@code limit} was met inside an instruction that may be valid. */
    public static final int TRUNCATED = -1;

    /** No such instruction, or one of more than 15 bytes. */
    public static final int UNDEFINED = -2;

    /** Longest instruction in bytes (Intel SDM vol. 2 §2.3.11). */
    public static final int MAX_LENGTH = 15;

    private Decoder() {}

    /**
     * Decodes the instruction at {@code offset}.
     *
     * @param code machine code; {@code out} keeps a reference to it, so its bytes must stay as they
     *     are for as long as {@code out} is asked about them
     * @param offset index of the first byte
     * @param limit index after the last byte that may be read
     * @param out receives the instruction; undefined after a negative result
     * @return length in bytes (1–15), {@link #TRUNCATED} or {@link #UNDEFINED}
     */
    public static int decode(byte[] code, int offset, int limit, Instruction out) {
        out.reset(code, offset);
        return UNDEFINED;
    }
}
