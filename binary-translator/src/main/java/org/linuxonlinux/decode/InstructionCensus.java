// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * Counts of instructions in a byte range, found by linear sweep: decode, step over, and step over
 * one byte where nothing can be decoded. Data between functions is counted as if it were code.
 *
 * @param known instructions decoded
 * @param unknown places where decoding failed, runs of adjacent bytes counted once
 * @param unknownBytes bytes skipped at those places
 * @param sensitive instructions among the known that a translator must replace
 * @param firstUnknown offset of the first place where decoding failed, −1 when there is none
 */
public record InstructionCensus(
        long known, long unknown, long unknownBytes, long sensitive, int firstUnknown) {

    /** Sweeps {@code code} from offset {@code from} to offset {@code to} (exclusive). */
    public static InstructionCensus sweep(byte[] code, int from, int to) {
        Instruction in = new Instruction();
        long known = 0;
        long unknown = 0;
        long unknownBytes = 0;
        long sensitive = 0;
        int firstUnknown = -1;
        boolean inGap = false;
        int offset = from;
        while (offset < to) {
            int length = Decoder.decode(code, offset, to, in);
            if (length > 0) {
                known++;
                sensitive += in.isSensitive() ? 1 : 0;
                inGap = false;
                offset += length;
                continue;
            }
            if (!inGap) {
                unknown++;
                firstUnknown = firstUnknown < 0 ? offset : firstUnknown;
            }
            inGap = true;
            unknownBytes++;
            offset++;
        }
        return new InstructionCensus(known, unknown, unknownBytes, sensitive, firstUnknown);
    }
}
