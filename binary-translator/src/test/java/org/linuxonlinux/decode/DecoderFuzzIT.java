// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Ten million random byte strings. Properties: {@code lol.fuzz.seed}, {@code lol.fuzz.count}. */
@Tag("slow")
class DecoderFuzzIT {
    private static final long DEFAULT_COUNT = 10_000_000;

    @Test
    void survivesTenMillionRandomByteStrings() {
        long seed = Long.getLong("lol.fuzz.seed", System.nanoTime());
        long count = Long.getLong("lol.fuzz.count", DEFAULT_COUNT);
        System.out.println("decoder fuzz: -Dlol.fuzz.seed=" + seed + " count=" + count);
        assertTrue(new FuzzRun(seed).run(count) > count / 10);
    }
}
