// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.memory.MemorySize;
import org.linuxonlinux.redirect.RedirectMode;
import org.linuxonlinux.vmm.GuestLayout;
import org.linuxonlinux.vmm.Isolation;
import org.linuxonlinux.vmm.UserException;
import picocli.CommandLine.ParseResult;

/** Turns the options of {@code lol run} into a {@link RunConfig}. */
final class RunOptions {
    /**
     * A kernel of Debian's size needs about this much to reach user space, in bytes; the loader
     * checks what the kernel says.
     */
    private static final long MIN_MEMORY = 32L << 20;

    /**
     * Upper end of what the folded direct map can hold beside the rest, in bytes; far above any
     * host this runs on.
     */
    private static final String DEFAULT_ISOLATION = "shared";

    private static final long MAX_MEMORY = 1L << 40;

    /** The mechanism of a plain {@code lol run}. */
    static final RedirectMode DEFAULT_REDIRECT = RedirectMode.GATE;

    private RunOptions() {}

    /**
     * Checks the options.
     *
     * @throws UserException for the first that cannot be meant
     */
    static RunConfig check(ParseResult options) {
        String initrd = options.matchedOptionValue("-i", null);
        boolean noInitrd = "none".equals(initrd);
        boolean[] verbose = options.matchedOptionValue("-v", new boolean[0]);
        List<String> append = options.matchedOptionValue("-a", List.of());
        return new RunConfig(
                Optional.ofNullable(options.matchedOptionValue("-k", (String) null)),
                noInitrd
                        ? Optional.empty()
                        : Optional.ofNullable(initrd).map(i -> path("--initrd", i)),
                noInitrd,
                List.copyOf(append),
                memory(options.matchedOptionValue("-m", "1G")),
                Optional.ofNullable(options.matchedOptionValue("--memory-file", (String) null))
                        .map(f -> path("--memory-file", f)),
                redirect(options.matchedOptionValue("--redirect", name(DEFAULT_REDIRECT))),
                isolation(options.matchedOptionValue("--isolation", DEFAULT_ISOLATION)),
                contexts(
                        options.matchedOptionValue(
                                "--contexts", Integer.toString(AddressMap.MAX_CONTEXTS))),
                isOn(
                        "--translation-cache",
                        options.matchedOptionValue("--translation-cache", "on")),
                Optional.ofNullable(options.matchedOptionValue("--timeout", (String) null))
                        .map(RunOptions::timeout),
                verbose.length,
                options.hasMatchedOption("--stats"));
    }

    private static Path path(String option, String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw unusable(option, text, e.getReason());
        }
    }

    private static long memory(String text) {
        long sizeBytes;
        try {
            sizeBytes = MemorySize.parse(text) & -GuestLayout.PAGE_SIZE;
        } catch (IllegalArgumentException e) {
            throw unusable("--memory", text, e.getMessage());
        }
        if (sizeBytes < MIN_MEMORY) {
            throw unusable(
                    "--memory",
                    text,
                    "too small, expected at least " + MemorySize.format(MIN_MEMORY));
        }
        if (sizeBytes > MAX_MEMORY) {
            throw unusable(
                    "--memory",
                    text,
                    "too large, expected at most " + MemorySize.format(MAX_MEMORY));
        }
        return sizeBytes;
    }

    private static RedirectMode redirect(String text) {
        for (RedirectMode mode : RedirectMode.values()) {
            if (name(mode).equals(text)) {
                return mode;
            }
        }
        String known =
                Stream.of(RedirectMode.values())
                        .map(RunOptions::name)
                        .collect(Collectors.joining(", "));
        throw unusable("--redirect", text, "expected one of: " + known);
    }

    /** A mechanism as it is written on the command line. */
    static String name(RedirectMode mode) {
        return mode.name().toLowerCase(Locale.ROOT);
    }

    private static Isolation isolation(String text) {
        for (Isolation isolation : Isolation.values()) {
            if (isolation.name().toLowerCase(Locale.ROOT).equals(text)) {
                return isolation;
            }
        }
        throw unusable("--isolation", text, "expected one of: shared");
    }

    private static int contexts(String text) {
        int count;
        try {
            count = Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw unusable("--contexts", text, "not a number");
        }
        if (count < 1 || count > AddressMap.MAX_CONTEXTS) {
            throw unusable("--contexts", text, "expected 1 to " + AddressMap.MAX_CONTEXTS);
        }
        return count;
    }

    private static boolean isOn(String option, String text) {
        return switch (text) {
            case "on" -> true;
            case "off" -> false;
            default -> throw unusable(option, text, "expected one of: on, off");
        };
    }

    private static Duration timeout(String text) {
        double seconds;
        try {
            seconds = Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw unusable("--timeout", text, "not a number of seconds");
        }
        if (!(seconds > 0 && seconds < 1e9)) {
            throw unusable("--timeout", text, "expected more than 0 and less than 1e9 seconds");
        }
        return Duration.ofNanos((long) (seconds * 1e9));
    }

    private static UserException unusable(String option, String text, String why) {
        return new UserException(
                UserException.BAD_INPUT, "cannot use option: " + option + "=" + text + ": " + why);
    }
}
