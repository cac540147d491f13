// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

final class RecentLinesTest {
    private final RecentLines lines = new RecentLines(2);

    private void add(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        lines.add(bytes, bytes.length);
    }

    @Test
    void keepsOnlyTheLastLinesAndTheUnfinishedOne() {
        add("one\r\ntwo\r\nthr");
        add("ee\r\n/ # ");
        assertEquals(List.of("two", "three", "/ # "), lines.list());
    }

    @Test
    void boundsALineThatNeverEnds() {
        for (int i = 0; i < 1000; i++) {
            add("0123456789");
        }
        assertEquals(1024, lines.list().get(0).length());
    }
}
