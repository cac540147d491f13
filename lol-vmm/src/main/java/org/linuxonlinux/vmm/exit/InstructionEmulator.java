// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RBX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RDI;
import static org.linuxonlinux.vmm.cpu.GuestState.RDX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSI;
import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.decode.Mnemonic;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.GeneralProtectionException;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.CpuidModel;
import org.linuxonlinux.vmm.cpu.DescriptorTables;
import org.linuxonlinux.vmm.cpu.EventDelivery;
import org.linuxonlinux.vmm.cpu.GuestDiedException;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.MsrModel;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.legacy.PortBus;
import org.linuxonlinux.vmm.mmu.Access;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Performs the kernel-mode instructions that translated code leaves to the monitor (DESIGN §3, last
 * row of the table), and the port accesses of programs.
 *
 * <p>Each instruction either completes (RIP moves on), is replaced by the exception the
 * architecture prescribes, or puts the vCPU to sleep. Used on the vCPU thread only. Source: Intel
 * SDM vol. 2.
 */
final class InstructionEmulator {
    /** What the vCPU does next. */
    enum Outcome {
        /** Go on at the state's RIP. */
        RESUME,
        /** HLT: sleep until an interrupt; RIP is behind the instruction. */
        HALT
    }

    private static final long CR0_WP = 1L << 16;
    private static final long CR0_PG = 1L << 31;
    private static final long CR0_PE = 1L;
    private static final long CR0_TS = 1L << 3;
    private static final long CR0_ET = 1L << 4;
    private static final long CR0_VALID = 0xffff_ffffL;
    private static final long CR4_PAE = 1L << 5;
    private static final long CR4_PGE = 1L << 7;
    private static final long CR4_PCIDE = 1L << 17;
    private static final long CR3_NOFLUSH = 1L << 63;

    /** Bits of DR6 and DR7 that read as one, and that can be written (SDM vol. 3B §17.2). */
    private static final long DR6_ONES = 0xffff_0ff0L;

    private static final long DR6_WRITABLE = 0xe00fL;
    private static final long DR7_ONES = 0x400L;
    private static final long DR7_WRITABLE = 0xffff_2bffL;

    private static final int MAX_STRING_IO_BYTES = 4096;

    /** KVM_ENOSYS, the answer to a hypercall that does not exist (Linux v6.1 kvm_para.h). */
    private static final long KVM_ENOSYS = -1000;

    private static final int IA32_TSC_AUX = 0xc000_0103;

    /** What LAR keeps of a descriptor's upper half (Intel SDM vol. 2, LAR). */
    private static final long ACCESS_RIGHTS_MASK = 0x00f0_ff00L;

    /** Descriptor bits (Intel SDM vol. 3A §3.4.5): code or data, code, readable or writable. */
    private static final long DESCRIPTOR_S = 1L << 44;

    private static final long DESCRIPTOR_CODE = 1L << 43;
    private static final long DESCRIPTOR_CONFORMING = 1L << 42;
    private static final long DESCRIPTOR_RW = 1L << 41;
    private static final long DESCRIPTOR_PRESENT = 1L << 47;
    private static final int TYPE_TSS_AVAILABLE = 9;

    private static final int MAP_ONE_BYTE = 0;
    private static final int MAP_0F = 1;

    private final GuestState state;
    private final ControlState control;
    private final Mmu mmu;
    private final Translator translator;
    private final EventDelivery events;
    private final DescriptorTables tables;
    private final CpuidModel cpuid;
    private final MsrModel msrs;
    private final LocalApic apic;
    private final PortBus ports;
    private final ExitTransport transport;
    private final long[] debugRegisters = new long[8];

    private final int[] cpuidResult = new int[4];
    private long nextRip;

    InstructionEmulator(VcpuParts parts) {
        this.state = parts.state();
        this.control = parts.control();
        this.mmu = parts.mmu();
        this.translator = parts.translator();
        this.events = parts.events();
        this.tables = parts.tables();
        this.cpuid = parts.cpuid();
        this.msrs = parts.msrs();
        this.apic = parts.apic();
        this.ports = parts.ports();
        this.transport = parts.transport();
        debugRegisters[6] = DR6_ONES;
        debugRegisters[7] = DR7_ONES;
    }

    /** DR6, where single-step traps are reported. */
    void setDebugStatus(long bits) {
        debugRegisters[6] |= bits;
    }

    /** Performs the decoded instruction at the state's RIP. */
    Outcome emulate(Instruction instruction) {
        nextRip = state.rip() + instruction.length();
        try {
            Outcome outcome =
                    switch (instruction.map()) {
                        case MAP_ONE_BYTE -> oneByte(instruction);
                        case MAP_0F -> twoByte(instruction);
                        default -> undefined();
                    };
            return outcome;
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

    private Outcome undefined() {
        events.exception(state, Vector.UD);
        return Outcome.RESUME;
    }

    private Outcome done() {
        state.setRip(nextRip);
        return Outcome.RESUME;
    }

    private Outcome oneByte(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        switch (in.opcode()) {
            case 0x6c:
            case 0x6d:
            case 0x6e:
            case 0x6f:
                return stringIo(in);
            case 0x8c:
                return storeSegment(in);
            case 0x8e:
                loadSegment(in.reg() & 7, (int) readRm(in, 2) & 0xffff);
                return done();
            case 0xca:
            case 0xcb:
                return farReturn(in);
            case 0xcc:
                return softwareInterrupt(Vector.BP);
            case 0xcd:
                return softwareInterrupt((int) in.imm() & 0xff);
            case 0xcf:
                return interruptReturn(in);
            case 0xe4:
            case 0xe5:
                return input(in, (int) in.imm() & 0xff);
            case 0xe6:
            case 0xe7:
                return output(in, (int) in.imm() & 0xff);
            case 0xec:
            case 0xed:
                return input(in, state.gpr32(RDX) & 0xffff);
            case 0xee:
            case 0xef:
                return output(in, state.gpr32(RDX) & 0xffff);
            case 0xf1:
                state.setRip(nextRip);
                events.softwareInterrupt(state, Vector.DB, nextRip - in.length());
                return Outcome.RESUME;
            case 0xf4:
                state.setRip(nextRip);
                return Outcome.HALT;
            case 0xff:
                return farBranch(in);
            default:
                return undefined();
        }
    }

    private Outcome twoByte(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        switch (in.opcode()) {
            case 0x00:
                return group6(in);
            case 0x01:
                return group7(in);
            case 0x02:
            case 0x03:
                return segmentFact(in);
            case 0x06:
                control.setCr0(control.cr0() & ~CR0_TS);
                return done();
            case 0x07:
                return systemReturn(in);
            case 0x08:
            case 0x09:
                return done();
            case 0x20:
                state.setGpr(in.rm(), controlRegister(in.reg()));
                return done();
            case 0x21:
                state.setGpr(in.rm(), debugRegisters[debugRegister(in)]);
                return done();
            case 0x22:
                writeControlRegister(in.reg(), state.gpr(in.rm()));
                return done();
            case 0x23:
                writeDebugRegister(debugRegister(in), state.gpr(in.rm()));
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
                int segment = in.opcode() == 0xa1 ? ControlState.FS : ControlState.GS;
                loadSegment(segment, (int) mmu.readValue(state.gpr(RSP), 2) & 0xffff);
                state.setGpr(RSP, state.gpr(RSP) + in.stackAccessSize());
                return done();
            case 0xa2:
                return cpuid();
            default:
                return undefined();
        }
    }

    private Outcome cpuid() {
        cpuid.query(state.gpr32(RAX), state.gpr32(RCX), cpuidResult);
        state.setGpr32(RAX, cpuidResult[0]);
        state.setGpr32(RBX, cpuidResult[1]);
        state.setGpr32(RCX, cpuidResult[2]);
        state.setGpr32(RDX, cpuidResult[3]);
        return done();
    }

    private long readEdxEax() {
        return ((state.gpr(RDX) & 0xffff_ffffL) << 32) | (state.gpr(RAX) & 0xffff_ffffL);
    }

    // --- Segments and descriptor tables
    // -------------------------------------------------------------

    private Outcome group6(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        switch (in.reg() & 7) {
            case 0:
                writeRm(
                        in,
                        in.hasMemoryOperand() ? 2 : in.operandSizeBytes(),
                        tables.ldtSelector());
                return done();
            case 1:
                writeRm(
                        in,
                        in.hasMemoryOperand() ? 2 : in.operandSizeBytes(),
                        tables.taskSelector());
                return done();
            case 2:
                tables.setLdtSelector((int) readRm(in, 2) & 0xffff);
                return done();
            case 3:
                loadTask((int) readRm(in, 2) & 0xffff);
                return done();
            case 4:
            case 5:
                return verifySegment(in);
            default:
                return undefined();
        }
    }

    /** LAR and LSL: access rights or limit of the descriptor, if the selector has one. */
    private Outcome segmentFact(Instruction in) throws GuestPageFaultException {
        int selector = (int) readRm(in, 2) & 0xffff;
        long descriptor = (selector & ~3) == 0 ? 0 : tables.descriptor(selector);
        boolean valid = descriptor != 0;
        if (valid) {
            boolean limit = in.opcode() == 0x03;
            long fact =
                    limit
                            ? DescriptorTables.limitOf(descriptor)
                            : (descriptor >>> 32) & ACCESS_RIGHTS_MASK;
            state.setGpr(in.reg(), in.operandSizeBytes(), fact);
        }
        setZeroFlag(valid);
        return done();
    }

    /** VERR and VERW: whether a data or code segment may be read or written. */
    private Outcome verifySegment(Instruction in) throws GuestPageFaultException {
        int selector = (int) readRm(in, 2) & 0xffff;
        long descriptor = (selector & ~3) == 0 ? 0 : tables.descriptor(selector);
        boolean segment = (descriptor & DESCRIPTOR_S) != 0;
        boolean code = (descriptor & DESCRIPTOR_CODE) != 0;
        boolean readWrite = (descriptor & DESCRIPTOR_RW) != 0;
        boolean verr = (in.reg() & 7) == 4;
        setZeroFlag(segment && (verr ? !code || readWrite : !code && readWrite));
        return done();
    }

    private void setZeroFlag(boolean value) {
        long flags = state.rflags() & ~Rflags.ZF;
        state.setRflags(value ? flags | Rflags.ZF : flags);
    }

    /** RDPID, the only instruction of its group that gets here and exists for a guest. */
    private Outcome readProcessorId(Instruction in) {
        if (in.hasMemoryOperand() || (in.reg() & 7) != 7 || !in.hasPrefix(Instruction.PREFIX_REP)) {
            return undefined();
        }
        state.setGpr(in.rm(), msrs.read(IA32_TSC_AUX));
        return done();
    }

    private Outcome group7(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        if (!in.hasMemoryOperand()) {
            return group7Register(in);
        }
        long gva = EffectiveAddress.of(in, state.rip(), state, control);
        switch (in.reg() & 7) {
            case 0:
                mmu.writeValue(gva, 2, tables.gdtLimit());
                mmu.writeValue(gva + 2, 8, tables.gdtBase());
                return done();
            case 1:
                mmu.writeValue(gva, 2, tables.idtLimit());
                mmu.writeValue(gva + 2, 8, tables.idtBase());
                return done();
            case 2:
                tables.setGdtr(mmu.readValue(gva + 2, 8), (int) mmu.readValue(gva, 2));
                return done();
            case 3:
                tables.setIdtr(mmu.readValue(gva + 2, 8), (int) mmu.readValue(gva, 2));
                return done();
            case 4:
                mmu.writeValue(gva, 2, control.cr0() & 0xffff);
                return done();
            case 6:
                loadMachineStatus(mmu.readValue(gva, 2));
                return done();
            case 7:
                mmu.invalidatePage(gva);
                translator.invalidatePage(gva);
                return done();
            default:
                return undefined();
        }
    }

    private Outcome group7Register(Instruction in) {
        int modrm = in.modrm();
        switch (modrm) {
            case 0xc1:
            case 0xd9:
                state.setGpr(RAX, KVM_ENOSYS);
                return done();
            case 0xd1:
                msrs.setXcr(state.gpr32(RCX), readEdxEax());
                return done();
            default:
                break;
        }
        switch (in.reg() & 7) {
            case 4:
                state.setGpr(in.rm(), in.operandSizeBytes(), control.cr0());
                return done();
            case 6:
                loadMachineStatus(state.gpr(in.rm()) & 0xffff);
                return done();
            default:
                return undefined();
        }
    }

    private void loadMachineStatus(long value) {
        control.setCr0((control.cr0() & ~0xeL) | (value & 0xf));
    }

    private Outcome storeSegment(Instruction in) throws GuestPageFaultException {
        int size = in.hasMemoryOperand() ? 2 : in.operandSizeBytes();
        writeRm(in, size, segmentSelector(in.reg() & 7));
        return done();
    }

    private int segmentSelector(int segment) {
        switch (segment) {
            case 0:
                return control.selector(ControlState.ES);
            case 1:
                return state.cs();
            case 2:
                return state.ss();
            case 3:
                return control.selector(ControlState.DS);
            case 4:
                return control.selector(ControlState.FS);
            default:
                return control.selector(ControlState.GS);
        }
    }

    /** Loads a data segment register; FS and GS take their base from the descriptor. */
    private void loadSegment(int segment, int selector)
            throws GuestPageFaultException, ProtectionFaultException {
        if (segment == ControlState.CS || segment > ControlState.GS) {
            throw new ProtectionFaultException(Vector.UD, 0);
        }
        long descriptor = 0;
        if ((selector & ~3) != 0) {
            descriptor = tables.descriptor(selector);
            checkDataSegment(segment == ControlState.SS, selector, descriptor);
        }
        switch (segment) {
            case 0 -> control.setSelector(ControlState.ES, selector);
            case 2 -> state.setSs(selector);
            case 3 -> control.setSelector(ControlState.DS, selector);
            case 4 -> {
                control.setSelector(ControlState.FS, selector);
                control.setFsBase(DescriptorTables.baseOf(descriptor));
            }
            default -> {
                control.setSelector(ControlState.GS, selector);
                control.setGsBase(DescriptorTables.baseOf(descriptor));
                transport.basesChanged();
            }
        }
    }

    /** The checks of MOV to a segment register at CPL 0 (Intel SDM vol. 2, MOV). */
    private static void checkDataSegment(boolean stack, int selector, long descriptor)
            throws ProtectionFaultException {
        boolean segment = (descriptor & DESCRIPTOR_S) != 0;
        boolean code = (descriptor & DESCRIPTOR_CODE) != 0;
        boolean readWrite = (descriptor & DESCRIPTOR_RW) != 0;
        boolean conforming = code && (descriptor & DESCRIPTOR_CONFORMING) != 0;
        int dpl = (int) (descriptor >>> 45) & 3;
        int rpl = selector & 3;
        boolean permitted =
                stack
                        ? segment && !code && readWrite && rpl == 0 && dpl == 0
                        : segment && (!code || readWrite) && (conforming || rpl <= dpl);
        if (!permitted) {
            throw new ProtectionFaultException(selector & ~3);
        }
        if ((descriptor & DESCRIPTOR_PRESENT) == 0) {
            throw new ProtectionFaultException(stack ? Vector.SS : Vector.NP, selector & ~3);
        }
    }

    /** LTR takes a present 64-bit TSS that is not busy. */
    private void loadTask(int selector) throws GuestPageFaultException, ProtectionFaultException {
        long descriptor = (selector & ~3) == 0 ? 0 : tables.descriptor(selector);
        if ((descriptor >>> 40 & 0x1f) != TYPE_TSS_AVAILABLE) {
            throw new ProtectionFaultException(selector & ~3);
        }
        if ((descriptor & DESCRIPTOR_PRESENT) == 0) {
            throw new ProtectionFaultException(Vector.NP, selector & ~3);
        }
        tables.loadTaskRegister(selector);
    }

    // --- Control transfers
    // --------------------------------------------------------------------------

    private Outcome softwareInterrupt(int vector) {
        long instructionRip = state.rip();
        state.setRip(nextRip);
        events.softwareInterrupt(state, vector, instructionRip);
        return Outcome.RESUME;
    }

    private Outcome farReturn(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        int size = in.w() ? 8 : in.hasPrefix(Instruction.PREFIX_OPSIZE) ? 2 : 4;
        long rsp = state.gpr(RSP);
        long target = mmu.readValue(rsp, size);
        int selector = (int) mmu.readValue(rsp + size, size) & 0xffff;
        long release = in.opcode() == 0xca ? in.imm() & 0xffff : 0;
        checkFarTarget(selector, target, "far return");
        state.setGpr(RSP, rsp + 2L * size + release);
        state.setCs(selector);
        state.setRip(target);
        return Outcome.RESUME;
    }

    private Outcome farBranch(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        int operation = in.reg() & 7;
        if (!in.hasMemoryOperand() || (operation != 3 && operation != 5)) {
            return undefined();
        }
        int size = in.w() ? 8 : in.hasPrefix(Instruction.PREFIX_OPSIZE) ? 2 : 4;
        long gva = EffectiveAddress.of(in, state.rip(), state, control);
        long target = mmu.readValue(gva, size);
        int selector = (int) mmu.readValue(gva + size, 2) & 0xffff;
        checkFarTarget(selector, target, "far branch");
        if (operation == 3) {
            long rsp = state.gpr(RSP) - 2L * size;
            mmu.writeValue(rsp + size, size, state.cs());
            mmu.writeValue(rsp, size, nextRip);
            state.setGpr(RSP, rsp);
        }
        state.setCs(selector);
        state.setRip(target);
        return Outcome.RESUME;
    }

    private void checkFarTarget(int selector, long target, String what)
            throws ProtectionFaultException {
        if ((selector & ~3) == 0 || !Mmu.isCanonical(target)) {
            throw new ProtectionFaultException(0);
        }
        if ((selector & 3) != 0) {
            throw new GuestDiedException(
                    String.format(
                            "%s to an outer ring is not supported: selector=0x%x, guestRip=0x%x",
                            what, selector, state.rip()));
        }
    }

    /** IRET in full: to kernel or user mode. */
    Outcome interruptReturn(Instruction in)
            throws GuestPageFaultException, ProtectionFaultException {
        int size = in.w() ? 8 : in.hasPrefix(Instruction.PREFIX_OPSIZE) ? 2 : 4;
        long rsp = state.gpr(RSP);
        long target = mmu.readValue(rsp, size);
        int cs = (int) mmu.readValue(rsp + size, size) & 0xffff;
        long flags = mmu.readValue(rsp + 2L * size, size);
        long newRsp = mmu.readValue(rsp + 3L * size, size);
        int ss = (int) mmu.readValue(rsp + 4L * size, size) & 0xffff;
        boolean toUser = (cs & 3) == 3;
        if ((cs & ~3) == 0 || !Mmu.isCanonical(target)) {
            throw new ProtectionFaultException(0);
        }
        if (!toUser && (cs & 3) != 0) {
            throw new ProtectionFaultException(cs & ~3);
        }
        if (toUser && cs != GuestSelectors.USER_CS && cs != GuestSelectors.USER32_CS) {
            throw new ProtectionFaultException(cs & ~3);
        }
        if (toUser && ss != GuestSelectors.USER_DS) {
            throw new ProtectionFaultException(ss & ~3);
        }
        state.setRip(target);
        state.setCs(cs);
        state.setRflags(flags & Rflags.RETURNABLE);
        state.setGpr(RSP, newRsp);
        state.setSs(ss);
        state.setKernelMode(!toUser);
        return Outcome.RESUME;
    }

    /** SYSRET in full. */
    Outcome systemReturn(Instruction in) {
        boolean to64 = in.w();
        long target = state.gpr(RCX);
        state.setRip(to64 ? target : target & 0xffff_ffffL);
        state.setRflags(state.gpr(GuestState.R11) & Rflags.RETURNABLE & ~Rflags.RF);
        state.setCs(to64 ? GuestSelectors.USER_CS : GuestSelectors.USER32_CS);
        state.setSs(GuestSelectors.USER_DS);
        state.setKernelMode(false);
        return Outcome.RESUME;
    }

    // --- Control registers and MSRs
    // ------------------------------------------------------------------

    private long controlRegister(int number) throws ProtectionFaultException {
        switch (number) {
            case 0:
                return control.cr0();
            case 2:
                return control.cr2();
            case 3:
                return control.cr3();
            case 4:
                return control.cr4();
            case 8:
                return (long) apic.taskPriority() >>> 4;
            default:
                throw new ProtectionFaultException(Vector.UD, 0);
        }
    }

    private void writeControlRegister(int number, long value) throws ProtectionFaultException {
        switch (number) {
            case 0:
                long changed0 = control.cr0() ^ value;
                boolean pages = (value & CR0_PE) != 0 && (value & CR0_PG) != 0;
                // Paging cannot be left in 64-bit mode.
                if (!pages || (value & ~CR0_VALID) != 0) {
                    throw new ProtectionFaultException(0);
                }
                control.setCr0(value | CR0_ET);
                mmu.setWriteProtect((value & CR0_WP) != 0);
                if ((changed0 & (CR0_WP | CR0_PG)) != 0) {
                    flushAll();
                }
                break;
            case 2:
                control.setCr2(value);
                break;
            case 3:
                control.setCr3(value & ~CR3_NOFLUSH);
                mmu.setRoot(value);
                break;
            case 4:
                long changed4 = control.cr4() ^ value;
                if ((value & CR4_PCIDE) != 0 || (value & CR4_PAE) == 0) {
                    throw new ProtectionFaultException(0);
                }
                control.setCr4(value);
                if ((changed4 & CR4_PGE) != 0) {
                    flushAll();
                }
                break;
            case 8:
                if ((value & ~0xfL) != 0) {
                    throw new ProtectionFaultException(0);
                }
                apic.setTaskPriority((int) value << 4);
                break;
            default:
                throw new ProtectionFaultException(Vector.UD, 0);
        }
    }

    private void flushAll() {
        mmu.flushAll();
        translator.revalidateMappings();
    }

    /** DR4 and DR5 are other names of DR6 and DR7. */
    private static int debugRegister(Instruction in) throws ProtectionFaultException {
        int number = in.reg();
        if (number > 7) {
            throw new ProtectionFaultException(Vector.UD, 0);
        }
        return number == 4 || number == 5 ? number + 2 : number;
    }

    /** Kept for the guest to read back; nothing breaks on them. */
    private void writeDebugRegister(int number, long value) throws ProtectionFaultException {
        if (number >= 6 && value >>> 32 != 0) {
            throw new ProtectionFaultException(0);
        }
        debugRegisters[number] =
                switch (number) {
                    case 6 -> (value & DR6_WRITABLE) | DR6_ONES;
                    case 7 -> (value & DR7_WRITABLE) | DR7_ONES;
                    default -> value;
                };
    }

    // --- Port I/O
    // ------------------------------------------------------------------------------------

    private static int ioSize(Instruction in) {
        if ((in.opcode() & 1) == 0) {
            return 1;
        }
        return in.hasPrefix(Instruction.PREFIX_OPSIZE) ? 2 : 4;
    }

    /**
     * IN or OUT of a program, where the guest's I/O permission bitmap allows it. IOPL is not looked
     * at: it is 0, see {@link Rflags#RETURNABLE}.
     *
     * @return false = not such an instruction, or not allowed; nothing happened
     */
    boolean emulateUserPortAccess(Instruction in) {
        if (in.mnemonic() != Mnemonic.IN && in.mnemonic() != Mnemonic.OUT) {
            return false;
        }
        boolean inDx = (in.opcode() & 8) != 0;
        int port = (inDx ? state.gpr32(RDX) : (int) in.imm()) & (inDx ? 0xffff : 0xff);
        try {
            if (!tables.permitsPort(port, ioSize(in))) {
                return false;
            }
        } catch (GuestPageFaultException e) {
            events.pageFault(state, e.gva(), e.errorCode());
            return true;
        }
        emulate(in);
        return true;
    }

    private Outcome input(Instruction in, int port) {
        int size = ioSize(in);
        int value = ports.in(port, size);
        state.setGpr(RAX, size, value);
        return done();
    }

    private Outcome output(Instruction in, int port) {
        ports.out(port, ioSize(in), state.gpr32(RAX));
        return done();
    }

    /** INS and OUTS, at most a page per exit; a REP that is not finished is run again. */
    private Outcome stringIo(Instruction in) throws GuestPageFaultException {
        int size = ioSize(in);
        boolean repeats = in.isRepeated();
        boolean isOut = (in.opcode() & 2) != 0;
        int pointer = isOut ? RSI : RDI;
        long step = (state.rflags() & Rflags.DF) != 0 ? -size : size;
        int port = state.gpr32(RDX) & 0xffff;
        int budget = MAX_STRING_IO_BYTES / size;
        while (!repeats || state.gpr(RCX) != 0) {
            if (budget-- == 0) {
                return Outcome.RESUME;
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
        return done();
    }

    // --- Operands
    // ------------------------------------------------------------------------------------

    private long readRm(Instruction in, int sizeBytes) throws GuestPageFaultException {
        if (in.hasMemoryOperand()) {
            return mmu.readValue(EffectiveAddress.of(in, state.rip(), state, control), sizeBytes);
        }
        return state.gpr(in.rm());
    }

    private void writeRm(Instruction in, int sizeBytes, long value) throws GuestPageFaultException {
        if (in.hasMemoryOperand()) {
            long gva = EffectiveAddress.of(in, state.rip(), state, control);
            mmu.writeValue(gva, sizeBytes, value);
        } else {
            state.setGpr(in.rm(), sizeBytes, value);
        }
    }
}
