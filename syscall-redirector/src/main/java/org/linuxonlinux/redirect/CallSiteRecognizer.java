// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;

/**
 * Finds the form of a call site in the bytes of its page.
 *
 * <p>What is behind a SYSCALL instruction is known for certain, since execution comes to it. What
 * is before it is not, since code cannot be read backwards: {@code c7 45 b8 00 00 00 00 0f 05} is
 * {@code movl $0,-0x48(%rbp); syscall}, and a jump in the middle of that store would be the guest's
 * ruin. So a {@code mov} is taken for one only if it loads the number that the call was made with,
 * and if the bytes before it agree that an instruction begins there: decoding is started at each of
 * them, and within a few instructions nearly all such readings fall into step with the true one.
 */
final class CallSiteRecognizer {
    /** Bytes before a site that are read: a dozen instructions. Arbitrary. */
    private static final int WINDOW_BYTES = 64;

    /** Least readings that must agree. Arbitrary. */
    private static final int MIN_AGREEING = 8;

    /**
     * How many must agree for each that does not. Of the 954 true ones in glibc, musl and busybox
     * it refuses three; of the false ones that CallSiteRecognizerTest makes, it takes none.
     */
    private static final int AGREEING_FOR_ONE = 2;

    /**
     * The return from a signal handler is never patched: debuggers and unwinders know it by the
     * bytes at its call site.
     */
    private static final long RT_SIGRETURN = 15;

    private static final byte UNKNOWN = 0;
    private static final byte AGREES = 1;
    private static final byte DISAGREES = 2;

    private final Instruction instruction = new Instruction();
    private final byte[] verdicts = new byte[WINDOW_BYTES];

    /**
     * The form of a site all of whose bytes lie in one page.
     *
     * @param page the page's bytes
     * @param syscallAt where in it the SYSCALL instruction is
     * @param number RAX of a call made there
     * @return null if it has none of the forms
     */
    CallSiteForm recognize(byte[] page, int syscallAt, long number) {
        if (number == RT_SIGRETURN) {
            return null;
        }
        for (CallSiteForm form : CallSiteForm.values()) {
            int start = syscallAt - form.syscallOffset();
            if (form.matches(page, start)
                    && (form.syscallOffset() == 0 || isMov(form, page, start, number))) {
                return form;
            }
        }
        return null;
    }

    private boolean isMov(CallSiteForm form, byte[] page, int start, long number) {
        return form.numberOf(page, start) == number && isBoundary(page, start);
    }

    /** Whether an instruction begins at an offset, as far as the bytes before it can tell. */
    private boolean isBoundary(byte[] page, int offset) {
        int windowStart = Math.max(0, offset - WINDOW_BYTES);
        int agreeing = 0;
        int disagreeing = 0;
        for (int at = offset - 1; at >= windowStart; at--) {
            int length = Decoder.decode(page, at, page.length, instruction);
            int next = at + length;
            byte verdict;
            if (length <= 0) {
                verdict = UNKNOWN;
            } else if (next >= offset) {
                verdict = next == offset ? AGREES : DISAGREES;
            } else {
                verdict = verdicts[next - windowStart];
            }
            verdicts[at - windowStart] = verdict;
            agreeing += verdict == AGREES ? 1 : 0;
            disagreeing += verdict == DISAGREES ? 1 : 0;
        }
        return agreeing >= MIN_AGREEING && agreeing >= AGREEING_FOR_ONE * disagreeing;
    }
}
