// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.linuxonlinux.translate.TranslationStore;
import org.linuxonlinux.vmm.guest.CacheDirectory;

/** Translated code kept between boots, in a cache directory of its own. */
@Tag("boot")
final class TranslationCacheIT {
    /** Covers fetching the kernel, too. */
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(3);

    private static final String DISCARDED = "lol: corrupt translation cache discarded: ";

    @TempDir Path cacheHome;

    private final List<String> arguments =
            List.of(
                    "run",
                    "-k",
                    "cloud-amd64",
                    "--stats",
                    "-a",
                    "lol.exec=\"uname -s; echo done\"");

    /** The user's kernels and initramfs without their translations. */
    @BeforeEach
    void shareKernels() throws Exception {
        Path users = CacheDirectory.ofUser();
        try (LolProcess lol = LolProcess.startWithoutInput("inspect", "cloud-amd64")) {
            assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
        }
        Path own = Files.createDirectory(cacheHome.resolve("lol"));
        try (Stream<Path> files = Files.list(users)) {
            for (Path file : files.toList()) {
                if (!file.getFileName().toString().endsWith(TranslationStore.SUFFIX)) {
                    Files.createSymbolicLink(own.resolve(file.getFileName()), file);
                }
            }
        }
    }

    private LolProcess start(String... more) throws IOException {
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of(more));
        return LolProcess.startWithCache(cacheHome, all.toArray(String[]::new));
    }

    /** Boots, checks that all is well but for what is allowed on standard error. */
    private String boot(String... more) throws Exception {
        try (LolProcess lol = start(more)) {
            return check(lol);
        }
    }

    private static String check(LolProcess lol) throws InterruptedException {
        assertEquals(0, lol.exitStatus(BOOT_LIMIT), lol::transcript);
        assertTrue(lol.output().contains("Linux"), lol::transcript);
        assertTrue(lol.output().contains("done"), lol::transcript);
        for (String complaint : List.of("WARNING:", "BUG:", "Oops", "Call Trace")) {
            assertFalse(lol.output().contains(complaint), lol::transcript);
        }
        return lol.errors();
    }

    private static long counter(String statistics, String name) {
        Matcher line =
                Pattern.compile("(?m)^ +" + Pattern.quote(name) + " +(\\d+)").matcher(statistics);
        assertTrue(line.find(), () -> "no counter " + name + " in: " + statistics);
        return Long.parseLong(line.group(1));
    }

    private static long discarded(String errors) {
        return errors.lines().filter(line -> line.startsWith(DISCARDED)).count();
    }

    private List<Path> translations() throws IOException {
        try (Stream<Path> files = Files.list(cacheHome.resolve("lol"))) {
            return files.filter(f -> f.toString().endsWith(TranslationStore.SUFFIX)).toList();
        }
    }

    private Path translation() throws IOException {
        List<Path> found = translations();
        assertEquals(1, found.size(), found::toString);
        return found.get(0);
    }

    @Test
    void theSecondBootTranslatesNextToNothing() throws Exception {
        String first = boot();
        String second = boot();
        long firstBlocks = counter(first, "blocks");
        assertEquals(0, counter(first, "blocks from the cache"));
        assertTrue(counter(second, "blocks") < firstBlocks / 20, second);
        assertTrue(counter(second, "blocks from the cache") > firstBlocks / 2, second);
        assertTrue(
                counter(second, "branch to untranslated code")
                        < counter(first, "branch to untranslated code") / 2,
                second);
        assertEquals(0, discarded(first + second));
    }

    @Test
    void aDamagedCacheIsDiscardedWithOneLine() throws Exception {
        boot();
        byte[] sound = Files.readAllBytes(translation());
        byte[] damaged = sound.clone();
        damaged[sound.length / 2] ^= 0x10;
        for (byte[] contents :
                List.of(damaged, Arrays.copyOf(sound, sound.length / 3), new byte[0])) {
            Files.write(translation(), contents);
            String errors = boot();
            assertEquals(1, discarded(errors), errors);
            assertEquals(0, counter(errors, "blocks from the cache"));
            assertTrue(counter(boot(), "blocks from the cache") > 0, "written anew");
        }
    }

    @Test
    void canBeSwitchedOff() throws Exception {
        boot("--translation-cache=off");
        assertEquals(List.of(), translations());
        boot();
        byte[] kept = Files.readAllBytes(translation());
        assertEquals(0, counter(boot("--translation-cache=off"), "blocks from the cache"));
        assertArrayEquals(kept, Files.readAllBytes(translation()));
    }

    @Test
    void severalBootsAtOnceShareTheFile() throws Exception {
        for (int round = 0; round < 2; round++) {
            try (LolProcess one = start();
                    LolProcess two = start()) {
                assertEquals(0, discarded(check(one)));
                assertEquals(0, discarded(check(two)));
            }
        }
        assertTrue(counter(boot(), "blocks from the cache") > 0);
    }

    @Test
    void anotherCommandLineAndMemorySizeUseTheSameCache() throws Exception {
        boot();
        String errors = boot("-m", "512M", "-a", "nox2apic mitigations=off");
        assertTrue(counter(errors, "blocks from the cache") > 0, errors);
        assertEquals(0, discarded(errors));
    }

    @Test
    void aBootWhoseCacheCannotBeWrittenIsAsGood() throws Exception {
        Path own = cacheHome.resolve("lol");
        boot();
        Path blocked = translation();
        Files.delete(blocked);
        // Even root cannot replace a directory that is not empty by a file.
        Files.createFile(Files.createDirectory(own.resolve(blocked.getFileName())).resolve("x"));
        String errors = boot("-v");
        assertEquals(0, discarded(errors), errors);
        assertTrue(errors.contains("lol: cannot keep translations: "), errors);
    }
}
