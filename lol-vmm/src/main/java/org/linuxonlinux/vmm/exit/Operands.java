// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * ModRM operands of the instruction at the state's RIP, in a register or in guest memory (Intel SDM
 * vol. 2 §2.1.3). vCPU thread only.
 */
final class Operands {
    private final GuestState state;
    private final ControlState control;
    private final Mmu mmu;

    Operands(VcpuParts parts) {
        this.state = parts.state();
        this.control = parts.control();
        this.mmu = parts.mmu();
    }

    /** Where the memory operand is. */
    long gva(Instruction in) {
        return EffectiveAddress.of(in, state.rip(), state, control);
    }

    /** That many bytes of memory, zero-extended; a register is read whole. */
    long readRm(Instruction in, int sizeBytes) throws GuestPageFaultException {
        return in.hasMemoryOperand() ? mmu.readValue(gva(in), sizeBytes) : state.gpr(in.rm());
    }

    /** Writes as SLDT, STR, SMSW and MOV do: a word of memory, a register in operand size. */
    void writeWord(Instruction in, long value) throws GuestPageFaultException {
        if (in.hasMemoryOperand()) {
            mmu.writeValue(gva(in), 2, value);
        } else {
            state.setGpr(in.rm(), in.operandSizeBytes(), value);
        }
    }
}
