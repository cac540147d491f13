// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.StringOp;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Kernel-mode accesses to lower-half pages that cannot be shown to the context process ({@link
 * Mmu.Outcome#CONFLICT}), performed on guest RAM: moves, MOVS and STOS.
 *
 * <p>Those are what memcpy and memset are made of. text_poke copies through a page at a random
 * address, one in 8,000 of which lies in the branch table (Linux v6.1
 * arch/x86/kernel/alternative.c, poking_init). vCPU thread only.
 */
final class HiddenPageEmulator {
    /** Bytes per exit, so that interrupts are not kept waiting; a page, arbitrary. */
    private static final int MAX_STRING_BYTES = 4096;

    private final GuestState state;
    private final ControlState control;
    private final MoveEmulator moves;
    private final MoveEmulator.Memory<GuestPageFaultException> ram;

    HiddenPageEmulator(GuestState state, ControlState control, Mmu mmu) {
        this.state = state;
        this.control = control;
        this.moves = new MoveEmulator(state);
        this.ram =
                new MoveEmulator.Memory<>() {
                    @Override
                    public long read(long gva, int sizeBytes) throws GuestPageFaultException {
                        return mmu.readValue(gva, sizeBytes);
                    }

                    @Override
                    public void write(long gva, int sizeBytes, long value)
                            throws GuestPageFaultException {
                        mmu.writeValue(gva, sizeBytes, value);
                    }
                };
    }

    /**
     * Performs the instruction at the state's RIP, of a long string operation a part: RIP stays
     * then.
     *
     * @return false = the instruction is not supported, nothing happened
     * @throws GuestPageFaultException with the state as it is at the faulting element
     */
    boolean emulate(Instruction in) throws GuestPageFaultException {
        StringOp string = in.stringOp();
        if (string == StringOp.MOVS || string == StringOp.STOS) {
            return in.addressSizeBytes() == 8 && copy(in, string == StringOp.MOVS);
        }
        long gva = EffectiveAddress.of(in, state.rip(), state, control);
        if (!moves.perform(in, gva, ram)) {
            return false;
        }
        state.setRip(state.rip() + in.length());
        return true;
    }

    private boolean copy(Instruction in, boolean fromMemory) throws GuestPageFaultException {
        int size = in.stringElementSize();
        long step = (state.rflags() & Rflags.DF) != 0 ? -size : size;
        long sourceBase = EffectiveAddress.segmentBase(in, control);
        boolean repeats = in.isRepeated();
        int budget = MAX_STRING_BYTES / size;
        while (!repeats || state.gpr(GuestState.RCX) != 0) {
            if (budget-- == 0) {
                return true;
            }
            long source = state.gpr(GuestState.RSI);
            long value =
                    fromMemory ? ram.read(source + sourceBase, size) : state.gpr(GuestState.RAX);
            ram.write(state.gpr(GuestState.RDI), size, value);
            state.setGpr(GuestState.RDI, state.gpr(GuestState.RDI) + step);
            if (fromMemory) {
                state.setGpr(GuestState.RSI, source + step);
            }
            if (!repeats) {
                break;
            }
            state.setGpr(GuestState.RCX, state.gpr(GuestState.RCX) - 1);
        }
        state.setRip(state.rip() + in.length());
        return true;
    }
}
