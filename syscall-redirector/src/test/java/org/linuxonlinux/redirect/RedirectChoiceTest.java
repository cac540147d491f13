// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class RedirectChoiceTest {
    private static final HostCapabilities ALL = new HostCapabilities(true, true, true);
    private static final HostCapabilities NO_DISPATCH = new HostCapabilities(true, false, true);
    private static final HostCapabilities NO_FILTERS = new HostCapabilities(false, true, true);
    private static final HostCapabilities NO_TRACING = new HostCapabilities(true, true, false);
    private static final HostCapabilities DISPATCH_ONLY = new HostCapabilities(false, true, false);

    /** One that patches, whatever modes there are; its needs are those of SIGSYS. */
    private static final SyscallRedirector PATCHING =
            new SyscallRedirector() {
                @Override
                public RedirectMode mode() {
                    return RedirectMode.SIGSYS;
                }

                @Override
                public boolean needsTracer() {
                    return false;
                }

                @Override
                public boolean patchesCallSites() {
                    return true;
                }

                @Override
                public Optional<String> lackOf(HostCapabilities host) {
                    return Redirectors.SIGSYS.lackOf(host);
                }
            };

    @ParameterizedTest
    @EnumSource
    void hasARedirectorForEveryMode(RedirectMode mode) {
        assertEquals(mode, Redirectors.of(mode).mode());
    }

    @ParameterizedTest
    @EnumSource
    void usesTheWantedOneWhereTheHostCanDoIt(RedirectMode wanted) {
        for (HostCapabilities host : List.of(ALL, NO_DISPATCH)) {
            RedirectChoice choice = RedirectChoice.of(wanted, host);
            assertEquals(wanted, choice.redirector().mode());
            assertEquals(Optional.empty(), choice.reason());
        }
    }

    @ParameterizedTest
    @EnumSource
    void neverGoesWithoutTheFilterUnlessTraced(RedirectMode wanted) {
        RedirectChoice choice = RedirectChoice.of(wanted, NO_FILTERS);
        assertTrue(choice.redirector().needsTracer());
        assertEquals(!Redirectors.of(wanted).needsTracer(), choice.reason().isPresent());
    }

    @Test
    void saysWantedUsedAndWhyInOneLine() {
        assertEquals(
                "cannot redirect system calls as asked: wanted=sigsys, used=ptrace, reason: the host has no "
                        + "seccomp filters",
                RedirectChoice.of(RedirectMode.SIGSYS, NO_FILTERS).reason().orElseThrow());
    }

    @Test
    void goesWithoutATracerWhereTracingIsForbidden() {
        RedirectChoice choice = RedirectChoice.of(RedirectMode.PTRACE, NO_TRACING);
        assertFalse(choice.redirector().needsTracer());
        String reason = choice.reason().orElseThrow();
        assertTrue(reason.contains("wanted=ptrace"), reason);
        assertTrue(reason.endsWith("the host forbids ptrace"), reason);
    }

    @Test
    void prefersTheOthersWithoutATracerInTheirOrder() {
        List<SyscallRedirector> all = List.of(Redirectors.PTRACE, PATCHING, Redirectors.SIGSYS);
        SyscallRedirector wanted = Redirectors.PTRACE;
        assertSame(PATCHING, RedirectChoice.of(wanted, all, NO_TRACING).redirector());
        assertSame(wanted, RedirectChoice.of(PATCHING, all, NO_FILTERS).redirector());
    }

    @ParameterizedTest
    @EnumSource
    void namesAllLacksWhereNothingIsLeft(RedirectMode wanted) {
        String message =
                assertThrows(
                                RedirectException.class,
                                () -> RedirectChoice.of(wanted, DISPATCH_ONLY))
                        .getMessage();
        assertTrue(message.contains("no seccomp filters"), message);
        assertTrue(message.contains("forbids ptrace"), message);
        assertEquals(1, message.lines().count(), message);
    }
}
