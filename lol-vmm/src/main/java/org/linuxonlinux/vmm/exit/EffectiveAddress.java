// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;

/** Computes the linear address of a memory operand (Intel SDM vol. 1 §3.7.5, §3.7.5.1). */
final class EffectiveAddress {
    private EffectiveAddress() {}

    /**
     * The GVA of the ModRM (or moffs) memory operand, segment base included.
     *
     * @param guestRip address of the instruction
     */
    static long of(Instruction instruction, long guestRip, GuestState state, ControlState control) {
        long offset = instruction.disp();
        if (instruction.ripRelative()) {
            offset += guestRip + instruction.length();
        } else {
            if (instruction.base() >= 0) {
                offset += state.gpr(instruction.base());
            }
            if (instruction.index() >= 0) {
                offset += state.gpr(instruction.index()) * instruction.scale();
            }
        }
        return wrapped(instruction, offset) + segmentBase(instruction, control);
    }

    /** An offset within the instruction's address size: 64 bits, or 32 with a 67 prefix. */
    static long wrapped(Instruction instruction, long offset) {
        return instruction.addressSizeBytes() == 4 ? offset & 0xffff_ffffL : offset;
    }

    /** Base added for an FS or GS override; 0 otherwise. */
    static long segmentBase(Instruction instruction, ControlState control) {
        switch (instruction.segment()) {
            case Instruction.SEGMENT_FS:
                return control.fsBase();
            case Instruction.SEGMENT_GS:
                return control.gsBase();
            default:
                return 0;
        }
    }
}
