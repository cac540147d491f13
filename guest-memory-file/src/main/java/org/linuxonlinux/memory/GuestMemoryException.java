// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.memory;

/**
 * Guest RAM cannot be set up as asked. The message is one line for the user: what failed, with
 * which values, and what to do about it where that is known.
 */
public final class GuestMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    GuestMemoryException(String message) {
        super(message);
    }

    GuestMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
