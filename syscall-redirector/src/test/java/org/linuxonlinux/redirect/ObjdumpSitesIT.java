// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Call sites of the host's own programs, as objdump reads them. */
final class ObjdumpSitesIT {
    private static final int PAGE_BYTES = 4096;
    private static final long RT_SIGRETURN = 15;

    /** Code of a section as far as it was read, so that a site has its page before it. */
    private final byte[] page = new byte[PAGE_BYTES];

    private final CallSiteRecognizer recognizer = new CallSiteRecognizer();
    private int sites;
    private int forms;
    private int refusedMovs;
    private final StringBuilder wrong = new StringBuilder();

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2",
                "/usr/lib/ld-musl-x86_64.so.1",
                "/usr/bin/busybox"
            })
    void agreesWithObjdumpOnTheInstructionBeforeACall(String file) throws IOException {
        assumeTrue(Files.isReadable(Path.of(file)), file + " is not there");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/objdump")), "objdump is not there");
        readSites(file);
        String shares =
                String.format(
                        "%s: sites=%d, with a form=%d, movs refused=%d",
                        file, sites, forms, refusedMovs);
        assertEquals("", wrong.toString());
        assertTrue(refusedMovs * 20 <= sites, shares);
        System.getLogger(getClass().getName()).log(System.Logger.Level.INFO, shares);
    }

    private void readSites(String file) throws IOException {
        Process objdump = new ProcessBuilder("objdump", "-d", "-w", file).start();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(objdump.getInputStream(), UTF_8))) {
            String before = "";
            long pendingAt = -1;
            String pendingBefore = "";
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] columns = line.split("\t", -1);
                if (columns.length < 3) {
                    continue;
                }
                String hex = columns[1].replace(" ", "");
                long gva = Long.parseLong(columns[0].strip().replace(":", ""), 16);
                put(gva, HexFormat.of().parseHex(hex));
                if (pendingAt >= 0) {
                    check(pendingAt, pendingBefore);
                }
                pendingAt = hex.equals("0f05") ? gva : -1;
                pendingBefore = before;
                before = hex;
            }
        } finally {
            objdump.destroy();
        }
    }

    /** Precondition: addresses ascend. */
    private void put(long gva, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            int at = (int) (gva + i) & (PAGE_BYTES - 1);
            if (at == 0) {
                Arrays.fill(page, (byte) 0);
            }
            page[at] = bytes[i];
        }
    }

    /** The call's page holds what is before it, and one instruction behind. */
    private void check(long gva, String before) {
        int at = (int) gva & (PAGE_BYTES - 1);
        sites++;
        boolean movEax = before.startsWith("b8") && before.length() == 10;
        boolean movRax = before.startsWith("48c7c0");
        long number = at < 4 ? -1 : CallSiteForm.MOV_EAX.numberOf(page, at - 5);
        if (movRax) {
            number = CallSiteForm.MOV_RAX.numberOf(page, at - 7);
        }
        CallSiteForm form = recognizer.recognize(page, at, number);
        forms += form == null ? 0 : 1;
        boolean isMov = form == CallSiteForm.MOV_EAX || form == CallSiteForm.MOV_RAX;
        if (isMov && !movEax && !movRax) {
            wrong.append(String.format("%x: %s before the call%n", gva, before));
        }
        if ((movEax || movRax) && !isMov && number != RT_SIGRETURN) {
            refusedMovs++;
        }
    }
}
