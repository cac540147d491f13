// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RDI;
import static org.linuxonlinux.vmm.cpu.GuestState.RDX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSI;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.Mnemonic;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.DescriptorTables;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.legacy.PortBus;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Port I/O: IN, OUT, INS and OUTS, and which of them a program may execute.
 *
 * <p>RIP is moved by the caller. vCPU thread only. Source: Intel SDM vol. 2 and vol. 1 §19.
 */
final class PortInstructions {
    /** Bytes per exit, so that interrupts are not kept waiting; a page, arbitrary. */
    private static final int MAX_STRING_IO_BYTES = 4096;

    private final GuestState state;
    private final ControlState control;
    private final Mmu mmu;
    private final DescriptorTables tables;
    private final PortBus ports;

    PortInstructions(VcpuParts parts) {
        this.state = parts.state();
        this.control = parts.control();
        this.mmu = parts.mmu();
        this.tables = parts.tables();
        this.ports = parts.ports();
    }

    /**
     * Whether it is an IN or OUT that the guest's I/O permission bitmap allows a program. IOPL is
     * not looked at: it is 0, see {@link Rflags#RETURNABLE}.
     */
    boolean isPermittedToPrograms(Instruction in) throws GuestPageFaultException {
        return (in.mnemonic() == Mnemonic.IN || in.mnemonic() == Mnemonic.OUT)
                && tables.permitsPort(port(in), sizeBytes(in));
    }

    /** IN. */
    void input(Instruction in) {
        int size = sizeBytes(in);
        state.setGpr(RAX, size, ports.in(port(in), size));
    }

    /** OUT. */
    void output(Instruction in) {
        ports.out(port(in), sizeBytes(in), state.gpr32(RAX));
    }

    /**
     * INS and OUTS, at most a page per exit.
     *
     * @return false = a REP that is not finished: run it again
     */
    boolean transferString(Instruction in) throws GuestPageFaultException {
        int size = sizeBytes(in);
        boolean repeats = in.isRepeated();
        boolean isOut = (in.opcode() & 2) != 0;
        int pointer = isOut ? RSI : RDI;
        long step = (state.rflags() & Rflags.DF) != 0 ? -size : size;
        int port = state.gpr32(RDX) & 0xffff;
        int budget = MAX_STRING_IO_BYTES / size;
        while (!repeats || state.gpr(RCX) != 0) {
            if (budget-- == 0) {
                return false;
            }
            long gva = state.gpr(pointer);
            if (isOut) {
                gva += EffectiveAddress.segmentBase(in, control);
                ports.out(port, size, (int) mmu.readValue(gva, size));
            } else {
                // A device must not lose what cannot be stored.
                mmu.translate(gva, Access.WRITE);
                mmu.translate(gva + size - 1, Access.WRITE);
                mmu.writeValue(gva, size, ports.in(port, size));
            }
            state.setGpr(pointer, state.gpr(pointer) + step);
            if (!repeats) {
                break;
            }
            state.setGpr(RCX, state.gpr(RCX) - 1);
        }
        return true;
    }

    /** DX or the immediate byte, as bit 3 of the opcode says. */
    private int port(Instruction in) {
        return (in.opcode() & 8) != 0 ? state.gpr32(RDX) & 0xffff : (int) in.imm() & 0xff;
    }

    private static int sizeBytes(Instruction in) {
        if ((in.opcode() & 1) == 0) {
            return 1;
        }
        return in.hasPrefix(Instruction.PREFIX_OPSIZE) ? 2 : 4;
    }
}
