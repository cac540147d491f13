// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.translate.Translator;
import org.linuxonlinux.vmm.cpu.ControlState;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.mmu.GuestPageFaultException;
import org.linuxonlinux.vmm.mmu.Mmu;

/**
 * Control and debug registers as instructions see them: MOV CRn and DRn, CLTS, SMSW and LMSW.
 *
 * <p>Keeps the debug registers; the control registers' values are in {@link ControlState}, and what
 * they do is passed on from here to the parts concerned. RIP is moved by the caller. vCPU thread
 * only. Source: Intel SDM vol. 2, vol. 3A §2.5 and vol. 3B §17.2.
 */
final class ControlRegisters {
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
    private static final long CR3_PCID = 0xfff;

    /** Bits of DR6 and DR7 that read as one, and that can be written (SDM vol. 3B §17.2). */
    private static final long DR6_ONES = 0xffff_0ff0L;

    private static final long DR6_WRITABLE = 0xe00fL;
    private static final long DR7_ONES = 0x400L;
    private static final long DR7_WRITABLE = 0xffff_2bffL;

    private static final int INVPCID_TYPES = 4;

    private final ControlState control;
    private final Mmu mmu;
    private final Translator translator;
    private final LocalApic apic;
    private final Operands operands;
    private final long[] debugRegisters = new long[8];

    ControlRegisters(VcpuParts parts, Operands operands) {
        this.control = parts.control();
        this.mmu = parts.mmu();
        this.translator = parts.translator();
        this.apic = parts.apic();
        this.operands = operands;
        debugRegisters[6] = DR6_ONES;
        debugRegisters[7] = DR7_ONES;
    }

    // --- Control registers
    // ---------------------------------------------------------------------

    /** MOV from CRn. */
    long read(int number) throws ProtectionFaultException {
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

    /** MOV to CRn. */
    void write(int number, long value) throws ProtectionFaultException {
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
                mmu.setRoot(value, (control.cr4() & CR4_PCIDE) != 0);
                break;
            case 4:
                long changed4 = control.cr4() ^ value;
                boolean setsPcide = (value & changed4 & CR4_PCIDE) != 0;
                boolean mayNot = !mmu.hasPcids() || (control.cr3() & CR3_PCID) != 0;
                if ((setsPcide && mayNot) || (value & CR4_PAE) == 0) {
                    throw new ProtectionFaultException(0);
                }
                control.setCr4(value);
                if ((changed4 & (CR4_PGE | CR4_PCIDE)) != 0) {
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

    /** INVPCID (Intel SDM vol. 2). */
    void invalidatePcid(Instruction in, long type)
            throws GuestPageFaultException, ProtectionFaultException {
        if (!mmu.hasPcids()) {
            throw new ProtectionFaultException(Vector.UD, 0);
        }
        long descriptorGva = operands.gva(in);
        long pcid = mmu.readLong(descriptorGva);
        long gva = mmu.readLong(descriptorGva + Long.BYTES);
        switch (type >= 0 && type < INVPCID_TYPES ? (int) type : INVPCID_TYPES) {
            case 0 -> {
                if (!Mmu.isCanonical(gva)) {
                    throw new ProtectionFaultException(0);
                }
                mmu.flushPcid(validPcid(pcid));
            }
            case 1 -> mmu.flushPcid(validPcid(pcid));
            case 2 -> flushAll();
            case 3 -> mmu.flushNonGlobal();
            default -> throw new ProtectionFaultException(0);
        }
    }

    private static int validPcid(long pcid) throws ProtectionFaultException {
        if ((pcid & ~CR3_PCID) != 0) {
            throw new ProtectionFaultException(0);
        }
        return (int) pcid;
    }

    private void flushAll() {
        mmu.flushAll();
        translator.revalidateMappings();
    }

    /** CLTS. */
    void clearTaskSwitched() {
        control.setCr0(control.cr0() & ~CR0_TS);
    }

    /** SMSW. */
    void storeMachineStatus(Instruction in) throws GuestPageFaultException {
        operands.writeWord(in, control.cr0());
    }

    /** LMSW, which cannot clear PE. */
    void loadMachineStatus(Instruction in) throws GuestPageFaultException {
        long value = operands.readRm(in, 2);
        control.setCr0((control.cr0() & ~0xeL) | (value & 0xf));
    }

    // --- Debug registers
    // -----------------------------------------------------------------------

    /** MOV from DRn. */
    long readDebug(int number) throws ProtectionFaultException {
        return debugRegisters[debugRegister(number)];
    }

    /** MOV to DRn. Kept for the guest to read back; nothing breaks on them. */
    void writeDebug(int number, long value) throws ProtectionFaultException {
        int register = debugRegister(number);
        if (register >= 6 && value >>> 32 != 0) {
            throw new ProtectionFaultException(0);
        }
        debugRegisters[register] =
                switch (register) {
                    case 6 -> (value & DR6_WRITABLE) | DR6_ONES;
                    case 7 -> (value & DR7_WRITABLE) | DR7_ONES;
                    default -> value;
                };
    }

    /** Sets bits of DR6, where single-step traps are reported. */
    void setDebugStatus(long bits) {
        debugRegisters[6] |= bits;
    }

    /** DR4 and DR5 are other names of DR6 and DR7. */
    private static int debugRegister(int number) throws ProtectionFaultException {
        if (number > 7) {
            throw new ProtectionFaultException(Vector.UD, 0);
        }
        return number == 4 || number == 5 ? number + 2 : number;
    }
}
