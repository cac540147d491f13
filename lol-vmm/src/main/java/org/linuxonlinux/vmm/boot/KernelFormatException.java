// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

/**
 * Bytes that are not what a kernel image should be. {@link KernelImage} adds the file's name and
 * tells the user.
 */
final class KernelFormatException extends Exception {
    KernelFormatException(String message) {
        super(message);
    }

    KernelFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
