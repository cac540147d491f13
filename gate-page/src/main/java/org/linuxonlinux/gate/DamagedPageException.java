// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/** The vCPU page holds what neither stubs nor translated code write: guest user code did. */
public final class DamagedPageException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    public DamagedPageException(String message) {
        super(message);
    }
}
