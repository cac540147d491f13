// SPDX-License-Identifier: Apache-2.0
/**
 * The command line: options in, exit status out. The only package that prints (with the console) or
 * ends the process, and the only place that maps exceptions to exit statuses ({@link
 * org.linuxonlinux.vmm.cli.Main}).
 *
 * <p>Everything runs on the main thread except the {@code --timeout} timer and the shutdown hook.
 * The option model is built by hand rather than from annotations: it starts faster
 * (docs/decisions/002-start-up.md).
 */
package org.linuxonlinux.vmm.cli;
