// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** A short fuzz run; {@link DecoderFuzzIT} is the long one. */
class DecoderFuzzTest {
    private static final int COUNT = 200_000;

    @Test
    void survivesRandomBytes() {
        long seed = Long.getLong("lol.fuzz.seed", System.nanoTime());
        System.out.println("decoder fuzz: -Dlol.fuzz.seed=" + seed + " count=" + COUNT);
        assertTrue(new FuzzRun(seed).run(COUNT) > COUNT / 10);
    }
}
