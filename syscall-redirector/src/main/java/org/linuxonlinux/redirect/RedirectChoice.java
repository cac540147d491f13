// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which mechanism is used on a host.
 *
 * @param redirector the mechanism; empty if the host offers nothing that would do
 * @param note why it is not the one that was wanted; empty if it is
 */
public record RedirectChoice(Optional<SyscallRedirector> redirector, String note) {
    /** The mechanisms, the best first. */
    public static final List<SyscallRedirector> BEST_FIRST =
            Stream.of(RedirectMode.GATE, RedirectMode.SIGSYS, RedirectMode.PTRACE)
                    .map(SyscallRedirector::of)
                    .toList();

    /** The mechanism wanted if it can be used on the host, else the best of the others. */
    public static RedirectChoice choose(RedirectMode wanted, HostCapabilities host) {
        SyscallRedirector first = SyscallRedirector.of(wanted);
        Optional<HostFeature> lacking = first.lackingOn(host);
        if (lacking.isEmpty()) {
            return new RedirectChoice(Optional.of(first), "");
        }
        Optional<SyscallRedirector> other =
                BEST_FIRST.stream().filter(r -> r.lackingOn(host).isEmpty()).findFirst();
        String note =
                other.map(
                                r ->
                                        String.format(
                                                "system calls are caught by %s instead of %s: the"
                                                        + " host refuses %s",
                                                r.mode().text(),
                                                wanted.text(),
                                                host.describeRefusal(lacking.get())))
                        .orElseGet(() -> nothingUsable(host));
        return new RedirectChoice(other, note);
    }

    private static String nothingUsable(HostCapabilities host) {
        return BEST_FIRST.stream()
                .map(r -> r.lackingOn(host).orElseThrow())
                .distinct()
                .map(host::describeRefusal)
                .collect(
                        Collectors.joining(
                                "; ", "no way to catch system calls: the host refuses ", ""));
    }
}
