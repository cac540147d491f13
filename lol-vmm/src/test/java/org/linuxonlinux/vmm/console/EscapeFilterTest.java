// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class EscapeFilterTest {
    private final List<EscapeFilter.Command> commands = new ArrayList<>();
    private final EscapeFilter filter = new EscapeFilter(commands::add);

    private byte[] type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        return filter.filter(bytes, bytes.length);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Test
    void passesOrdinaryBytesAndControlCharacters() {
        assertArrayEquals(bytes("ls\r\u0003\u0004\u00ff"), type("ls\r\u0003\u0004\u00ff"));
        assertEquals(List.of(), commands);
    }

    @Test
    void endsOnCtrlAXAndKeepsWhatStandsAround() {
        assertArrayEquals(bytes("ab"), type("a\u0001xb"));
        assertEquals(List.of(EscapeFilter.Command.END), commands);
    }

    @Test
    void recognisesCommandTypedInTwoReads() {
        assertArrayEquals(bytes(""), type("\u0001"));
        assertArrayEquals(bytes(""), type("h"));
        assertEquals(List.of(EscapeFilter.Command.HELP), commands);
    }

    @Test
    void sendsOneCtrlAForTwo() {
        assertArrayEquals(bytes("\u0001x"), type("\u0001\u0001x"));
        assertEquals(List.of(), commands);
    }

    @Test
    void losesNothingAfterUnknownCommand() {
        assertArrayEquals(bytes("\u0001zq"), type("\u0001zq"));
    }
}
