// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class KernelInspectorTest {
    @Test
    void countsWhatTheDecoderKnows() throws IOException {
        KernelInspector.Sweep sweep = inspect().sweeps().get(0);
        assertEquals(".text", sweep.section());
        assertEquals(1, sweep.unknown());
        // nop, ud2, int3, then nops to the end.
        assertEquals(3 + 0x1000 - 5, sweep.known());
        assertTrue(
                sweep.examples().get(0).startsWith("0xffffffff81000004: 06 90"),
                sweep.examples().toString());
    }

    @Test
    void reportsTheFacts() throws IOException {
        String report = String.join("\n", inspect().report());
        for (String fact :
                new String[] {
                    BzImageFixture.VERSION,
                    "2.15",
                    "zstd",
                    "3 entries",
                    "3, 1 of them functions",
                    "__ex_table"
                }) {
            assertTrue(report.contains(fact), () -> fact + " missing in:\n" + report);
        }
    }

    private static KernelInspector inspect() throws IOException {
        try (FileSystem files = Jimfs.newFileSystem(Configuration.unix())) {
            Path file = files.getPath("/bzImage");
            Files.write(
                    file,
                    new BzImageFixture()
                            .build(
                                    BzImageFixture.payload(
                                            Compression.ZSTD, new ElfFixture().build())));
            return new KernelInspector(KernelImage.load(file, VmlinuxCache.none()));
        }
    }
}
