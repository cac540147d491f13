// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Recognition of call sites; the vectors are in call-sites.txt. */
final class CallSiteRecognizerTest {
    private static final int PAGE_BYTES = 4096;
    private static final byte NOP = (byte) 0x90;

    private final CallSiteRecognizer recognizer = new CallSiteRecognizer();

    /**
     * @param line number in the file
     * @param bytes code around the call
     */
    private record Vector(int line, byte[] bytes, long number, String form) {
        @Override
        public String toString() {
            return "call-sites.txt:" + line;
        }

        /** Offset of the last 0f 05. */
        int syscallAt() {
            int at = bytes.length - 2;
            while (bytes[at] != 0x0f || bytes[at + 1] != 0x05) {
                at--;
            }
            return at;
        }
    }

    private static Stream<Vector> vectors() throws IOException {
        try (InputStream in = CallSiteRecognizerTest.class.getResourceAsStream("call-sites.txt")) {
            List<String> lines = new String(in.readAllBytes(), UTF_8).lines().toList();
            List<Vector> vectors = new ArrayList<>();
            for (int i = 0; i < lines.size(); i++) {
                String[] columns = lines.get(i).split(" \\| ", -1);
                if (columns.length == 4 && !columns[0].startsWith("#")) {
                    byte[] bytes = HexFormat.of().parseHex(columns[0].replace(" ", ""));
                    long number = Long.parseUnsignedLong(columns[2], 16);
                    vectors.add(new Vector(i + 1, bytes, number, columns[3]));
                }
            }
            return vectors.stream();
        }
    }

    private CallSiteForm recognize(byte[] bytes, int at, int syscallAt, long number) {
        byte[] page = new byte[PAGE_BYTES];
        Arrays.fill(page, NOP);
        System.arraycopy(bytes, 0, page, at, Math.min(bytes.length, PAGE_BYTES - at));
        return recognizer.recognize(page, at + syscallAt, number);
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void recognizesTheFormOfA(Vector vector) {
        CallSiteForm form = recognize(vector.bytes, 0x200, vector.syscallAt(), vector.number);
        assertEquals(vector.form, form == null ? "-" : form.name());
    }

    @Test
    void takesNoSiteThatLeavesItsPage() {
        byte[] mov = HexFormat.of().parseHex("b86e0000000f05");
        byte[] compare = HexFormat.of().parseHex("0f05483d00f0ffff");
        assertEquals(CallSiteForm.MOV_EAX, recognize(mov, PAGE_BYTES - 7, 5, 0x6e));
        assertEquals(CallSiteForm.COMPARE, recognize(compare, PAGE_BYTES - 8, 0, 1));
        assertEquals(CallSiteForm.COMPARE, recognize(compare, 0, 0, 1));
        for (int missing = 1; missing < 8; missing++) {
            assertNull(recognize(compare, PAGE_BYTES - 8 + missing, 0, 1));
        }
    }

    /** At the start of a page there is too little before a site to know how it is read. */
    @Test
    void takesNoMovWithLittleBeforeIt() {
        byte[] mov = HexFormat.of().parseHex("b86e0000000f05");
        assertNull(recognize(mov, 0, 5, 0x6e));
        assertNull(recognize(mov, 7, 5, 0x6e));
        assertEquals(CallSiteForm.MOV_EAX, recognize(mov, 8, 5, 0x6e));
    }

    /** Instructions whose operands look like a site, behind random code. */
    @Test
    void takesNoOperandForAMov() {
        String[] fakes = {"41b8%s0f05", "c745b8%s0f05", "c74424b8%s0f05"};
        Random random = new Random(1);
        for (int i = 0; i < 10_000; i++) {
            int number = random.nextInt(450);
            String operand = HexFormat.of().toHexDigits(Integer.reverseBytes(number));
            String fake = fakes[random.nextInt(fakes.length)];
            byte[] tail = HexFormat.of().parseHex(String.format(fake, operand));
            byte[] bytes = randomCode(random, 80, tail);
            CallSiteForm form = recognize(bytes, 0x100, bytes.length - 2, number);
            assertNull(form, HexFormat.of().formatHex(bytes));
        }
    }

    /** Instructions as compilers mix them, and the tail. */
    private static byte[] randomCode(Random random, int atLeastBytes, byte[] tail) {
        String[] pieces = {
            "4889f7", "31ff", "4c8b4424%1$02x", "bf%1$02x000000", "e8%1$02x%2$02xffff", "85c0",
            "75%1$02x", "488d3d%1$02x%2$02x0100", "0f1f4000", "55", "4883ec%1$02x", "c5f877",
            "0fb64f%1$02x", "f30f6f06", "48c1e003", "498b442428", "c3"
        };
        StringBuilder hex = new StringBuilder();
        while (hex.length() < 2 * atLeastBytes) {
            String piece = pieces[random.nextInt(pieces.length)];
            hex.append(String.format(piece, random.nextInt(256), random.nextInt(256)));
        }
        byte[] code = HexFormat.of().parseHex(hex);
        byte[] all = Arrays.copyOf(code, code.length + tail.length);
        System.arraycopy(tail, 0, all, code.length, tail.length);
        return all;
    }

    @Test
    void takesAMovBehindRandomCode() {
        Random random = new Random(2);
        int refused = 0;
        for (int i = 0; i < 1000; i++) {
            byte[] tail = HexFormat.of().parseHex("b86e0000000f05");
            byte[] bytes = randomCode(random, 80, tail);
            refused += recognize(bytes, 0x100, bytes.length - 2, 0x6e) == null ? 1 : 0;
        }
        assertEquals(0, refused);
    }
}
