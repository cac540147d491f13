// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.linuxonlinux.vmm.cpu.GuestState.RSP;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.DescriptorTables;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Instructions on segment registers and on descriptors: MOV and POP of segment registers, group 6
 * (SLDT, STR, LLDT, LTR, VERR, VERW), LAR, LSL, and loads and stores of GDTR and IDTR.
 *
 * <p>RIP is moved by the caller. vCPU thread only. Source: Intel SDM vol. 2 and vol. 3A §3.4, §3.5.
 */
final class SegmentInstructions {
    /** What LAR keeps of a descriptor's upper half (Intel SDM vol. 2, LAR). */
    private static final long ACCESS_RIGHTS_MASK = 0x00f0_ff00L;

    /** Descriptor bits (Intel SDM vol. 3A §3.4.5): code or data, code, readable or writable. */
    private static final long DESCRIPTOR_S = 1L << 44;

    private static final long DESCRIPTOR_CODE = 1L << 43;
    private static final long DESCRIPTOR_CONFORMING = 1L << 42;
    private static final long DESCRIPTOR_RW = 1L << 41;
    private static final long DESCRIPTOR_PRESENT = 1L << 47;
    private static final int TYPE_TSS_AVAILABLE = 9;

    private final GuestState state;
    private final ControlState control;
    private final Mmu mmu;
    private final DescriptorTables tables;
    private final ThreadAreas threadAreas;
    private final ExitTransport transport;
    private final Operands operands;

    SegmentInstructions(VcpuParts parts, Operands operands) {
        this.state = parts.state();
        this.control = parts.control();
        this.mmu = parts.mmu();
        this.tables = parts.tables();
        this.threadAreas = parts.threadAreas();
        this.transport = parts.transport();
        this.operands = operands;
    }

    // --- Segment registers
    // ---------------------------------------------------------------------

    /** MOV from a segment register. */
    void store(Instruction in) throws GuestPageFaultException {
        operands.writeWord(in, segmentSelector(in.reg() & 7));
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

    /** MOV to a segment register. */
    void load(Instruction in) throws GuestPageFaultException, ProtectionFaultException {
        loadSegment(in.reg() & 7, readSelector(in));
    }

    /** POP FS and POP GS. */
    void pop(Instruction in) throws GuestPageFaultException, ProtectionFaultException {
        int segment = in.opcode() == 0xa1 ? ControlState.FS : ControlState.GS;
        loadSegment(segment, (int) mmu.readValue(state.gpr(RSP), 2) & 0xffff);
        state.setGpr(RSP, state.gpr(RSP) + in.stackAccessSize());
    }

    /**
     * Loads a data segment register, all but SS in the context process; FS and GS take their base
     * from the descriptor.
     */
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
        if (segment == ControlState.SS) {
            state.setSs(selector);
            return;
        }
        threadAreas.update();
        if (segment == ControlState.FS) {
            control.setFsBase(DescriptorTables.baseOf(descriptor));
        } else if (segment == ControlState.GS) {
            control.setGsBase(DescriptorTables.baseOf(descriptor));
        }
        control.loadSegment(segment, isHostSelector(selector) ? selector : 0);
        transport.basesChanged();
    }

    /** Whether the context process can load a selector: not the guest kernel's, nor of an LDT. */
    private boolean isHostSelector(int selector) {
        int gdt = selector & ~3;
        return gdt == 0
                || gdt == (GuestSelectors.USER32_CS & ~3)
                || gdt == (GuestSelectors.USER_DS & ~3)
                || gdt == (GuestSelectors.USER_CS & ~3)
                || gdt == (GuestSelectors.CPU_NUMBER & ~3)
                || (ThreadAreas.isOne(selector) && threadAreas.has(selector));
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

    // --- Group 6: LDTR, TR and verification
    // ----------------------------------------------------

    /** SLDT, STR, LLDT, LTR, VERR or VERW. */
    void group6(Instruction in) throws GuestPageFaultException, ProtectionFaultException {
        switch (in.reg() & 7) {
            case 0 -> operands.writeWord(in, tables.ldtSelector());
            case 1 -> operands.writeWord(in, tables.taskSelector());
            case 2 -> tables.setLdtSelector(readSelector(in));
            case 3 -> loadTask(readSelector(in));
            case 4, 5 -> verify(in);
            default -> throw new ProtectionFaultException(Vector.UD, 0);
        }
    }

    /** LTR takes a present 64-bit TSS that is not busy. */
    private void loadTask(int selector) throws GuestPageFaultException, ProtectionFaultException {
        long descriptor = descriptorOrZero(selector);
        if ((descriptor >>> 40 & 0x1f) != TYPE_TSS_AVAILABLE) {
            throw new ProtectionFaultException(selector & ~3);
        }
        if ((descriptor & DESCRIPTOR_PRESENT) == 0) {
            throw new ProtectionFaultException(Vector.NP, selector & ~3);
        }
        tables.loadTaskRegister(selector);
    }

    /** VERR and VERW: whether a data or code segment may be read or written. */
    private void verify(Instruction in) throws GuestPageFaultException {
        long descriptor = descriptorOrZero(readSelector(in));
        boolean segment = (descriptor & DESCRIPTOR_S) != 0;
        boolean code = (descriptor & DESCRIPTOR_CODE) != 0;
        boolean readWrite = (descriptor & DESCRIPTOR_RW) != 0;
        boolean verr = (in.reg() & 7) == 4;
        setZeroFlag(segment && (verr ? !code || readWrite : !code && readWrite));
    }

    // --- Descriptors
    // ---------------------------------------------------------------------------

    /** LAR and LSL: access rights or limit of the descriptor, if the selector has one. */
    void loadFact(Instruction in) throws GuestPageFaultException {
        long descriptor = descriptorOrZero(readSelector(in));
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
    }

    private int readSelector(Instruction in) throws GuestPageFaultException {
        return (int) operands.readRm(in, 2) & 0xffff;
    }

    private long descriptorOrZero(int selector) throws GuestPageFaultException {
        return (selector & ~3) == 0 ? 0 : tables.descriptor(selector);
    }

    private void setZeroFlag(boolean value) {
        long flags = state.rflags() & ~Rflags.ZF;
        state.setRflags(value ? flags | Rflags.ZF : flags);
    }

    // --- GDTR and IDTR
    // -------------------------------------------------------------------------

    /** SGDT. */
    void storeGdtr(Instruction in) throws GuestPageFaultException {
        storeTable(operands.gva(in), tables.gdtBase(), tables.gdtLimit());
    }

    /** SIDT. */
    void storeIdtr(Instruction in) throws GuestPageFaultException {
        storeTable(operands.gva(in), tables.idtBase(), tables.idtLimit());
    }

    private void storeTable(long gva, long base, int limit) throws GuestPageFaultException {
        mmu.writeValue(gva, 2, limit);
        mmu.writeValue(gva + 2, 8, base);
    }

    /** LGDT. */
    void loadGdtr(Instruction in) throws GuestPageFaultException {
        long gva = operands.gva(in);
        tables.setGdtr(mmu.readValue(gva + 2, 8), (int) mmu.readValue(gva, 2));
    }

    /** LIDT. */
    void loadIdtr(Instruction in) throws GuestPageFaultException {
        long gva = operands.gva(in);
        tables.setIdtr(mmu.readValue(gva + 2, 8), (int) mmu.readValue(gva, 2));
    }
}
