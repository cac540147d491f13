// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

/**
 * What a translator did since its start.
 *
 * @param blocks blocks translated
 * @param guestInstructions guest instructions in them
 * @param hostBytes bytes of host code emitted for them
 * @param revivedBlocks blocks that had been killed and were found unchanged
 * @param loadedBlocks blocks of an earlier run that were found unchanged
 * @param links jumps chained after a LINK exit
 * @param invalidatedBlocks blocks killed
 * @param flushes times the whole cache was emptied
 * @param translateNanos time spent translating
 */
public record TranslatorCounters(
        long blocks,
        long guestInstructions,
        long hostBytes,
        long revivedBlocks,
        long loadedBlocks,
        long links,
        long invalidatedBlocks,
        long flushes,
        long translateNanos) {}
