// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RBX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RDX;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.GeneralProtectionException;
import org.linuxonlinux.vmm.cpu.CpuidModel;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Performs the kernel-mode instructions that translated code leaves to the monitor (DESIGN §3, last
 * row of the table), and the port accesses of programs.
 *
 * <p>Each instruction either completes (RIP moves on), is replaced by the exception the
 * architecture prescribes, or puts the vCPU to sleep. Here are the opcodes and what takes a few
 * lines: MSRs, CPUID, HLT, INVLPG, hypercalls. The rest is in {@link SegmentInstructions}, {@link
 * FarTransfers}, {@link ControlRegisters} and {@link PortInstructions}. Used on the vCPU thread
 * only. Source: Intel SDM vol. 2.
 */
final class InstructionEmulator {
    /** What the vCPU does next. */
    enum Outcome {
        /** Go on at the state's RIP. */
        RESUME,
        /** HLT: sleep until an interrupt; RIP is behind the instruction. */
        HALT
    }

    /** KVM_ENOSYS, the answer to a hypercall that does not exist (Linux v6.1 kvm_para.h). */
    private static final long KVM_ENOSYS = -1000;

    private static final int IA32_TSC_AUX = 0xc000_0103;

    private static final int MAP_ONE_BYTE = 0;
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;

    private final GuestState state;
    private final Mmu mmu;
    private final Translator translator;
    private final EventDelivery events;
    private final CpuidModel cpuid;
    private final MsrModel msrs;
    private final Operands operands;
    private final SegmentInstructions segments;
    private final FarTransfers transfers;
    private final ControlRegisters controls;
    private final PortInstructions ports;

    private final int[] cpuidResult = new int[4];
    private long nextRip;

    InstructionEmulator(VcpuParts parts) {
        this.state = parts.state();
        this.mmu = parts.mmu();
        this.translator = parts.translator();
        this.events = parts.events();
        this.cpuid = parts.cpuid();
        this.msrs = parts.msrs();
        this.operands = new Operands(parts);
        this.segments = new SegmentInstructions(parts, operands);
        this.transfers = new FarTransfers(parts, operands);
        this.controls = new ControlRegisters(parts, operands);
        this.ports = new PortInstructions(parts);
    }

    /** Sets bits of DR6, where single-step traps are reported. */
    void setDebugStatus(long bits) {
        controls.setDebugStatus(bits);
    }

    /** Performs the decoded instruction at the state's RIP. */
    Outcome emulate(Instruction instruction) {
        nextRip = state.rip() + instruction.length();
        try {
            return switch (instruction.map()) {
                case MAP_ONE_BYTE -> oneByte(instruction);
                case MAP_0F -> twoByte(instruction);
                case MAP_0F38 -> threeByte(instruction);
                default -> undefined();
            };
        } catch (GuestPageFaultException e) {
            events.pageFault(state, e.gva(), e.errorCode());
            return Outcome.RESUME;
        } catch (ProtectionFaultException e) {
            events.exception(state, e.vector(), e.errorCode());
            return Outcome.RESUME;
        } catch (GeneralProtectionException e) {
            events.exception(state, Vector.GP);
            return Outcome.RESUME;
        }
    }

    /**
     * IN or OUT of a program, where the guest permits it.
     *
     * @return false = not such an instruction, or not allowed; nothing happened
     */
    boolean emulateUserPortAccess(Instruction in) {
        try {
            if (!ports.isPermittedToPrograms(in)) {
                return false;
            }
        } catch (GuestPageFaultException e) {
            events.pageFault(state, e.gva(), e.errorCode());
            return true;
        }
        emulate(in);
        return true;
    }

    private Outcome undefined() {
        events.exception(state, Vector.UD);
        return Outcome.RESUME;
    }

    private Outcome done() {
        state.setRip(nextRip);
        return Outcome.RESUME;
    }

    // --- Opcodes
    // -------------------------------------------------------------------------------

    private Outcome oneByte(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        switch (in.opcode()) {
            case 0x6c:
            case 0x6d:
            case 0x6e:
            case 0x6f:
                return ports.transferString(in) ? done() : Outcome.RESUME;
            case 0x8c:
                segments.store(in);
                return done();
            case 0x8e:
                segments.load(in);
                return done();
            case 0xca:
            case 0xcb:
                transfers.farReturn(in);
                return Outcome.RESUME;
            case 0xcc:
                transfers.softwareInterrupt(in, Vector.BP);
                return Outcome.RESUME;
            case 0xcd:
                transfers.softwareInterrupt(in, (int) in.imm() & 0xff);
                return Outcome.RESUME;
            case 0xcf:
                transfers.interruptReturn(in);
                return Outcome.RESUME;
            case 0xe4:
            case 0xe5:
            case 0xec:
            case 0xed:
                ports.input(in);
                return done();
            case 0xe6:
            case 0xe7:
            case 0xee:
            case 0xef:
                ports.output(in);
                return done();
            case 0xf1:
                transfers.softwareInterrupt(in, Vector.DB);
                return Outcome.RESUME;
            case 0xf4:
                state.setRip(nextRip);
                return Outcome.HALT;
            case 0xff:
                transfers.farBranch(in);
                return Outcome.RESUME;
            default:
                return undefined();
        }
    }

    private Outcome twoByte(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        switch (in.opcode()) {
            case 0x00:
                segments.group6(in);
                return done();
            case 0x01:
                return group7(in);
            case 0x02:
            case 0x03:
                segments.loadFact(in);
                return done();
            case 0x06:
                controls.clearTaskSwitched();
                return done();
            case 0x07:
                transfers.systemReturn(in);
                return Outcome.RESUME;
            case 0x08:
            case 0x09:
                return done();
            case 0x20:
                state.setGpr(in.rm(), controls.read(in.reg()));
                return done();
            case 0x21:
                state.setGpr(in.rm(), controls.readDebug(in.reg()));
                return done();
            case 0x22:
                controls.write(in.reg(), state.gpr(in.rm()));
                return done();
            case 0x23:
                controls.writeDebug(in.reg(), state.gpr(in.rm()));
                return done();
            case 0x30:
                msrs.write(state.gpr32(RCX), readEdxEax());
                return done();
            case 0x32:
                long value = msrs.read(state.gpr32(RCX));
                state.setGpr32(RAX, (int) value);
                state.setGpr32(RDX, (int) (value >>> 32));
                return done();
            case 0x33:
                throw new ProtectionFaultException(0);
            case 0xc7:
                return readProcessorId(in);
            case 0xa1:
            case 0xa9:
                segments.pop(in);
                return done();
            case 0xa2:
                return cpuid();
            default:
                return undefined();
        }
    }

    private Outcome threeByte(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        boolean isInvpcid = in.opcode() == 0x82 && in.hasPrefix(Instruction.PREFIX_OPSIZE);
        if (!isInvpcid || !in.hasMemoryOperand()) {
            return undefined();
        }
        controls.invalidatePcid(in, state.gpr(in.reg()));
        return done();
    }

    private Outcome group7(Instruction in) throws GuestPageFaultException {
        switch (in.reg() & 7) {
            case 4:
                controls.storeMachineStatus(in);
                return done();
            case 6:
                controls.loadMachineStatus(in);
                return done();
            default:
                return in.hasMemoryOperand() ? group7Memory(in) : group7Register(in);
        }
    }

    private Outcome group7Memory(Instruction in) throws GuestPageFaultException {
        switch (in.reg() & 7) {
            case 0:
                segments.storeGdtr(in);
                return done();
            case 1:
                segments.storeIdtr(in);
                return done();
            case 2:
                segments.loadGdtr(in);
                return done();
            case 3:
                segments.loadIdtr(in);
                return done();
            case 7:
                long gva = operands.gva(in);
                mmu.invalidatePage(gva);
                translator.invalidatePage(gva);
                return done();
            default:
                return undefined();
        }
    }

    private Outcome group7Register(Instruction in) {
        switch (in.modrm()) {
            case 0xc1:
            case 0xd9:
                state.setGpr(RAX, KVM_ENOSYS);
                return done();
            case 0xd1:
                msrs.setXcr(state.gpr32(RCX), readEdxEax());
                return done();
            default:
                return undefined();
        }
    }

    // --- Small instructions
    // --------------------------------------------------------------------

    private Outcome cpuid() {
        cpuid.query(state.gpr32(RAX), state.gpr32(RCX), cpuidResult);
        state.setGpr32(RAX, cpuidResult[0]);
        state.setGpr32(RBX, cpuidResult[1]);
        state.setGpr32(RCX, cpuidResult[2]);
        state.setGpr32(RDX, cpuidResult[3]);
        return done();
    }

    /** RDPID, the only instruction of its group that gets here and exists for a guest. */
    private Outcome readProcessorId(Instruction in) {
        if (in.hasMemoryOperand() || (in.reg() & 7) != 7 || !in.hasPrefix(Instruction.PREFIX_REP)) {
            return undefined();
        }
        state.setGpr(in.rm(), msrs.read(IA32_TSC_AUX));
        return done();
    }

    private long readEdxEax() {
        return ((state.gpr(RDX) & 0xffff_ffffL) << 32) | (state.gpr(RAX) & 0xffff_ffffL);
    }
}
