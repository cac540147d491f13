// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

/** A host on which system calls of guests cannot be caught. */
public final class RedirectException extends RuntimeException {
    private static final long serialVersionUID = 1;

    RedirectException(String message) {
        super(message);
    }
}
