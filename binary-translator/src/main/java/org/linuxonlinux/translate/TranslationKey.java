// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * What an image is for.
 *
 * @param kernel digest of the kernel image and its exception table
 * @param translator see {@link TranslatorVersion}
 */
public record TranslationKey(long kernel, long translator) {
    /** Both numbers, for a file name. */
    @Override
    public String toString() {
        return String.join("-", Long.toHexString(kernel), Long.toHexString(translator));
    }
}
