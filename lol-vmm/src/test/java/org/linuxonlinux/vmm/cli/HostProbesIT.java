// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class HostProbesIT {
    @Test
    void explainsEveryFindingAndOffersAMendForEveryFault() {
        List<Finding> findings = new HostProbes().run();
        Set<String> names = new HashSet<>();
        for (Finding f : findings) {
            assertTrue(names.add(f.name()), "twice: " + f);
            assertFalse(f.found().isBlank(), f.toString());
            assertFalse(f.meaning().isBlank(), f.toString());
            boolean fault = f.state() == Finding.State.WARN || f.state() == Finding.State.MISSING;
            assertEquals(fault, !f.mend().isEmpty(), f.toString());
        }
        assertTrue(
                names.containsAll(
                        Set.of(
                                "ptrace",
                                "seccomp",
                                "syscall user dispatch",
                                "FSGSBASE",
                                "vm.max_map_count")));
    }

    @Test
    void quotesJson() {
        Finding finding = Finding.info("a", "say \"x\\y\"\n", "m");
        assertTrue(
                DoctorCommand.json(finding).contains("\"found\": \"say \\\"x\\\\y\\\"\\u000a\""),
                DoctorCommand.json(finding));
    }
}
