// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class LongIntMapTest {
    private static final long SEED = Long.getLong("test.seed", 42);

    @Test
    void behavesLikeAMap() {
        Random random = new Random(SEED);
        LongIntMap map = new LongIntMap(8);
        Map<Long, Integer> model = new HashMap<>();
        for (int i = 0; i < 200_000; i++) {
            // Few keys, close together, so that probes collide and removals shift.
            long key = 0xffff_ffff_8100_0000L + random.nextInt(500) * 16L;
            int value = 1 + random.nextInt(1000);
            switch (random.nextInt(3)) {
                case 0 -> assertEquals(former(model.put(key, value)), map.put(key, value));
                case 1 -> assertEquals(former(model.remove(key)), map.remove(key));
                default -> assertEquals(former(model.get(key)), map.get(key));
            }
            assertEquals(model.size(), map.size());
        }
        map.clear();
        assertEquals(0, map.size());
        assertEquals(0, map.get(0xffff_ffff_8100_0000L));
    }

    private static int former(Integer value) {
        return value == null ? 0 : value;
    }
}
