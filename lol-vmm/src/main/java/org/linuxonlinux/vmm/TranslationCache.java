// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import org.linuxonlinux.translate.Digest;
import org.linuxonlinux.translate.DormantBlocks;
import org.linuxonlinux.translate.GateEntries;
import org.linuxonlinux.translate.TranslationImage;
import org.linuxonlinux.translate.TranslationKey;
import org.linuxonlinux.translate.TranslationStore;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.translate.TranslatorVersion;
import org.linuxonlinux.vmm.boot.KernelImage;
import org.linuxonlinux.vmm.exit.GateMemory;

/**
 * Keeps what a {@link Translator} has made of a kernel for later boots of it
 * (docs/decisions/006-translation-cache.md). Loads on a thread of its own while the kernel is
 * copied into guest RAM; saves when the guest has ended.
 */
final class TranslationCache {
    /** Most host code kept of one kernel, in bytes: about three boots' worth. */
    private static final int MAX_CODE_BYTES = 12 << 20;

    /**
     * A larger image is not kept: twice what that much code goes with. A guest could inflate it.
     */
    private static final int MAX_IMAGE_BYTES = 8 * MAX_CODE_BYTES;

    /**
     * An image is written when at least one in that many blocks it would hold is not in the file:
     * writing costs about 20 ms, a block that need not be translated saves 3 µs.
     */
    private static final int MIN_NEW_SHARE = 16;

    private final TranslationStore store;
    private final Thread loader;
    private final Consumer<String> log;

    // Written by the loader before it ends, read after it was joined.
    private TranslationKey key;
    private Optional<DormantBlocks> blocks = Optional.empty();

    private int loadedBlocks;

    /**
     * Starts loading.
     *
     * @param gate decides the code that is emitted, and gets what is loaded; not to be closed
     *     before {@link #loadInto}
     * @param warn takes a line about a damaged file
     * @param log takes what only the curious want to know
     */
    TranslationCache(
            Path directory,
            KernelImage kernel,
            GateMemory gate,
            Consumer<String> warn,
            Consumer<String> log) {
        this.log = log;
        store = new TranslationStore(directory, warn, log);
        loader = new Thread(() -> load(kernel, gate), "translation-cache");
        loader.setDaemon(true);
        loader.start();
    }

    private void load(KernelImage kernel, GateMemory gate) {
        long digest = new Digest().add(kernel.checksum()).add(kernel.exceptionTable()).value();
        try {
            long version =
                    TranslatorVersion.of(
                            gate.gate().bytes(), GateEntries.of(gate.gate()), Machine.INLINE_PORTS);
            key = new TranslationKey(digest, version);
            Optional<TranslationImage> image = store.load(key);
            if (image.isPresent()) {
                unpack(image.get(), gate);
            }
        } catch (IOException e) {
            log.accept("no translation cache: " + e.getMessage());
        }
    }

    /** What the checksum vouches for and is not consistent all the same costs the image only. */
    private void unpack(TranslationImage image, GateMemory gate) {
        try {
            blocks = Optional.of(new DormantBlocks(image, gate.codeCache(), gate.branchTable()));
        } catch (RuntimeException e) {
            store.discard(key, "inconsistent: " + e);
        }
    }

    /** Gives the translator the blocks of earlier boots. Before its first block. */
    void loadInto(Translator translator) {
        boolean interrupted = false;
        while (true) {
            try {
                loader.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (blocks.isPresent()) {
            if (translator.load(blocks.get())) {
                loadedBlocks = blocks.get().blockCount();
            } else {
                store.discard(key, "of another translator");
            }
            blocks = Optional.empty();
        }
    }

    /** Keeps the translator's blocks if that makes the next boot faster. */
    void save(Translator translator) {
        long newBlocks = translator.counters().blocks();
        boolean gains = newBlocks > 0 && newBlocks >= loadedBlocks / MIN_NEW_SHARE;
        // A flush has dropped the blocks of the boot, which are the ones that matter.
        if (key == null || !gains || translator.counters().flushes() != 0) {
            return;
        }
        long startNanos = System.nanoTime();
        TranslationImage newImage = translator.image(MAX_CODE_BYTES);
        int sizeBytes = newImage.bytes().remaining();
        if (newImage.blockCount() > loadedBlocks && sizeBytes <= MAX_IMAGE_BYTES) {
            store.save(key, newImage);
            log.accept(
                    String.format(
                            "translations kept: blocks=%d, new=%d, sizeBytes=%d, millis=%d",
                            newImage.blockCount(),
                            newBlocks,
                            sizeBytes,
                            (System.nanoTime() - startNanos) / 1_000_000));
        }
    }
}
