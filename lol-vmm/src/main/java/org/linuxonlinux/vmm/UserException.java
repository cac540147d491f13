// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

/**
 * Something the user asked for cannot be done: a missing file, an unusable kernel, a host that
 * lacks an ability. The command line prints the message as one line, without a stack, and ends with
 * {@link #exitCode()}.
 */
public final class UserException extends RuntimeException {
    /** Exit status for bad usage and unreadable input. */
    public static final int BAD_INPUT = 2;

    /** Exit status for a host that lacks something. */
    public static final int HOST_LACKS = 3;

    private final int exitCode;

    /**
     * @param exitCode exit status of the process, {@link #BAD_INPUT} or {@link #HOST_LACKS}
     * @param message one line, {@code what failed: key=value, key=value}
     */
    public UserException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /** As {@link #UserException(int, String)}, keeping the cause for {@code -v}. */
    public UserException(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    /** The exit status of the process. */
    public int exitCode() {
        return exitCode;
    }
}
