// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.console;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class EscapeFilterTest {
    private final List<EscapeFilter.Command> commands = new ArrayList<>();
    private final EscapeFilter filter = new EscapeFilter(commands::add);

    private byte[] type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        ByteArrayOutputStream guest = new ByteArrayOutputStream();
        filter.filter(bytes, bytes.length, guest::writeBytes);
        return guest.toByteArray();
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
    void deliversBytesBeforeTheCommandThatFollowsThem() {
        List<String> order = new ArrayList<>();
        EscapeFilter inOrder = new EscapeFilter(c -> order.add(c.name()));
        byte[] typed = bytes("a\u0001hb\u0001x");
        inOrder.filter(
                typed, typed.length, b -> order.add(new String(b, StandardCharsets.ISO_8859_1)));
        assertEquals(List.of("a", "HELP", "b", "END"), order);
    }

    @Test
    void losesNothingAfterUnknownCommand() {
        assertArrayEquals(bytes("\u0001zq"), type("\u0001zq"));
    }
}
