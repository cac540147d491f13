// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which redirector a guest gets: the wanted one if the host can do it, else the best of the others.
 *
 * @param redirector the one to use
 * @param reason one line for the user if it is not the wanted one: wanted, used, and why
 */
public record RedirectChoice(SyscallRedirector redirector, Optional<String> reason) {
    /**
     * Chooses: the wanted one, then those without a tracer, then the others.
     *
     * @throws RedirectException if the host can do none of them; says what it lacks
     */
    public static RedirectChoice of(RedirectMode wanted, HostCapabilities host) {
        return of(Redirectors.of(wanted), List.of(Redirectors.values()), host);
    }

    static RedirectChoice of(
            SyscallRedirector wanted,
            List<? extends SyscallRedirector> all,
            HostCapabilities host) {
        Optional<String> lack = wanted.lackOf(host);
        if (lack.isEmpty()) {
            return new RedirectChoice(wanted, Optional.empty());
        }
        List<SyscallRedirector> others = new ArrayList<>();
        all.stream().filter(r -> !r.needsTracer()).forEach(others::add);
        all.stream().filter(SyscallRedirector::needsTracer).forEach(others::add);
        for (SyscallRedirector other : others) {
            if (other.lackOf(host).isEmpty()) {
                String reason =
                        "cannot redirect system calls as asked: wanted=%s, used=%s, reason: %s"
                                .formatted(name(wanted), name(other), lack.get());
                return new RedirectChoice(other, Optional.of(reason));
            }
        }
        String lacks =
                Stream.concat(Stream.of(wanted), others.stream())
                        .flatMap(r -> r.lackOf(host).stream())
                        .distinct()
                        .collect(Collectors.joining(", "));
        throw new RedirectException("cannot redirect system calls of guests: " + lacks);
    }

    private static String name(SyscallRedirector redirector) {
        return redirector.mode().name().toLowerCase(Locale.ROOT);
    }
}
