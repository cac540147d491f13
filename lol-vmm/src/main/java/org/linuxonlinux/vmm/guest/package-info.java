// SPDX-License-Identifier: Apache-2.0
/**
 * What the guest is made of when the user names no files: Debian's cloud kernel and a busybox
 * initramfs, taken from Debian's packages and kept under {@code ~/.cache/lol}; and the search for a
 * kernel from what the user did name.
 *
 * <p>Runs on the start-up thread. Starts apt tools as child processes, prints nothing: progress
 * goes to a {@link org.linuxonlinux.vmm.guest.Progress}.
 */
package org.linuxonlinux.vmm.guest;
