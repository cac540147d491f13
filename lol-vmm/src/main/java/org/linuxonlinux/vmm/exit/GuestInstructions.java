// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Decoder;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.mmu.Mmu;

/** Fetches and decodes single guest instructions for the monitor. vCPU thread only. */
final class GuestInstructions {
    private static final int MAX_LENGTH_BYTES = 15;

    private final Mmu mmu;
    private final byte[] bytes = new byte[MAX_LENGTH_BYTES];
    private final Instruction instruction = new Instruction();

    private int available;

    GuestInstructions(Mmu mmu) {
        this.mmu = mmu;
    }

    /**
     * The instruction at a guest RIP of either mode.
     *
     * @return null where it is not mapped or does not decode; valid until the next call
     */
    Instruction at(long guestRip) {
        available = mmu.fetch(guestRip, bytes, MAX_LENGTH_BYTES);
        return available > 0 && Decoder.decode(bytes, 0, available, instruction) > 0
                ? instruction
                : null;
    }

    /** Bytes last fetched, for messages. */
    String hex() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < available; i++) {
            text.append(String.format(i == 0 ? "%02x" : " %02x", bytes[i]));
        }
        return text.isEmpty() ? "not mapped" : text.toString();
    }

    /** Byte {@code index} of what was last fetched, or -1. */
    int byteAt(int index) {
        return index < available ? bytes[index] & 0xff : -1;
    }
}
