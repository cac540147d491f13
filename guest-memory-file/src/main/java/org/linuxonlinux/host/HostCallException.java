// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * A host call that the kernel refused.
 *
 * <p>The message has the form {@code mmap: hva=0x1000, sizeBytes=0x2000, errno=ENOMEM (12)}. Catch
 * it where more facts are known and pass on {@link #with}, or decide by {@link #errno()}.
 */
public final class HostCallException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;
    private final String facts;

    /**
     * Creates the exception for one refused call.
     *
     * @param call the system call's name
     * @param errno the positive error number
     * @param facts {@code key=value} pairs separated by {@code ", "}; may be empty
     */
    public HostCallException(String call, int errno, String facts) {
        super(text(call, errno, facts));
        this.call = call;
        this.errno = errno;
        this.facts = facts;
    }

    private static String text(String call, int errno, String facts) {
        String separator = facts.isEmpty() ? "" : ", ";
        return call + ": " + facts + separator + errnoFact(errno);
    }

    /** The system call's name. */
    public String call() {
        return call;
    }

    /** The positive error number. */
    public int errno() {
        return errno;
    }

    /** {@link #errno()} with its symbolic name, for a message: {@code errno=ENOMEM (12)}. */
    public String errnoFact() {
        return errnoFact(errno);
    }

    private static String errnoFact(int errno) {
        return "errno=" + Errno.name(errno) + " (" + errno + ")";
    }

    /** The {@code key=value} pairs, without the error number. */
    public String facts() {
        return facts;
    }

    /** The same failure with one more fact in front; this exception becomes its cause. */
    public HostCallException with(String key, Object value) {
        String fact = key + "=" + value;
        HostCallException more =
                new HostCallException(call, errno, facts.isEmpty() ? fact : fact + ", " + facts);
        more.initCause(this);
        return more;
    }
}
