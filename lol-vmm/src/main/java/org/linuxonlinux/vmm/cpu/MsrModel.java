// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.HashMap;
import java.util.Map;
import org.linuxonlinux.vmm.GeneralProtectionException;
import org.linuxonlinux.vmm.UnknownAccesses;
import org.linuxonlinux.vmm.irq.LocalApic;
import org.linuxonlinux.vmm.irq.PvClock;
import org.linuxonlinux.vmm.irq.TscClock;

/**
 * The model-specific registers of one vCPU: RDMSR and WRMSR (Intel SDM vol. 4, AMD APM vol. 2
 * appendix A).
 *
 * <p>Registers with a meaning here are named fields; those that Linux reads or writes without
 * expecting a fault, but that have no effect on this machine, are kept in a table with their
 * initial value and the bits that can be changed ({@link #define}). All others fault, as on
 * hardware, and are counted.
 *
 * <p>vCPU thread only.
 */
public final class MsrModel {
    /** SYSENTER code segment, stack pointer, instruction pointer. */
    public static final int IA32_SYSENTER_CS = 0x174;

    /** Stack pointer of SYSENTER. */
    public static final int IA32_SYSENTER_ESP = 0x175;

    /** Instruction pointer of SYSENTER. */
    public static final int IA32_SYSENTER_EIP = 0x176;

    /** Extended feature enables. */
    public static final int IA32_EFER = 0xc000_0080;

    /** Segment selectors of SYSCALL and SYSRET. */
    public static final int IA32_STAR = 0xc000_0081;

    /** Target of SYSCALL in 64-bit mode. */
    public static final int IA32_LSTAR = 0xc000_0082;

    /** Target of SYSCALL in compatibility mode. */
    public static final int IA32_CSTAR = 0xc000_0083;

    /** RFLAGS bits SYSCALL clears. */
    public static final int IA32_FMASK = 0xc000_0084;

    /** FS base. */
    public static final int IA32_FS_BASE = 0xc000_0100;

    /** GS base. */
    public static final int IA32_GS_BASE = 0xc000_0101;

    /** The GS base SWAPGS brings. */
    public static final int IA32_KERNEL_GS_BASE = 0xc000_0102;

    /** What RDTSCP and RDPID return; a native one in user mode, where the host's value shows. */
    public static final int IA32_TSC_AUX = 0xc000_0103;

    /** EFER: SYSCALL enabled. */
    public static final long EFER_SCE = 1;

    /** EFER: long mode enabled. */
    public static final long EFER_LME = 1 << 8;

    /** EFER: long mode active. */
    public static final long EFER_LMA = 1 << 10;

    /** EFER: no-execute enabled. */
    public static final long EFER_NXE = 1 << 11;

    private static final long EFER_FFXSR = 1 << 14;
    private static final long EFER_WRITABLE = EFER_SCE | EFER_LME | EFER_NXE | EFER_FFXSR;

    private static final int IA32_TIME_STAMP_COUNTER = 0x10;
    private static final int IA32_PLATFORM_ID = 0x17;
    private static final int IA32_TSC_ADJUST = 0x3b;
    private static final int IA32_SPEC_CTRL = 0x48;
    private static final int IA32_BIOS_SIGN_ID = 0x8b;
    private static final int MSR_PLATFORM_INFO = 0xce;
    private static final int IA32_MTRRCAP = 0xfe;
    private static final int IA32_ARCH_CAPABILITIES = 0x10a;
    private static final int MSR_MISC_FEATURES_ENABLES = 0x140;
    private static final int IA32_MISC_ENABLE = 0x1a0;
    private static final int IA32_DEBUGCTL = 0x1d9;
    private static final int IA32_MTRR_PHYSBASE0 = 0x200;
    private static final int IA32_PAT = 0x277;
    private static final int IA32_MTRR_DEF_TYPE = 0x2ff;
    private static final int[] IA32_MTRR_FIXED = {
        0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f
    };

    private static final int MSR_AMD_SYSCFG = 0xc001_0010;
    private static final int MSR_AMD_HWCR = 0xc001_0015;
    private static final int MSR_AMD_TOP_MEM = 0xc001_001a;
    private static final int MSR_AMD_TOP_MEM2 = 0xc001_001d;
    private static final int MSR_AMD_NB_CFG = 0xc001_001f;
    private static final int MSR_AMD_DE_CFG = 0xc001_1029;

    /** Memory type write-back. */
    private static final long WRITE_BACK = 6;

    private static final int VARIABLE_MTRR_COUNT = 8;
    private static final long MTRRCAP_FIXED = 1 << 8;
    private static final long MTRRCAP_WRITE_COMBINING = 1 << 10;
    private static final long MTRR_ENABLED = 1 << 11;
    private static final long MTRR_FIXED_ENABLED = 1 << 10;
    private static final long ALL_WRITE_BACK = 0x0606_0606_0606_0606L;

    /** WB, WT, UC−, UC, twice: the power-on value. */
    private static final long PAT_RESET = 0x0007_0406_0007_0406L;

    /** Fast strings on; branch trace and precise event storage not available. */
    private static final long MISC_ENABLE_VALUE = 1 | 1 << 11 | 1 << 12;

    private static final long SPEC_CTRL_IBRS = 1;

    /**
     * Statements about weaknesses this processor is said not to have (docs/machine.md): RDCL_NO,
     * IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO,
     * PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO.
     */
    private static final long ARCH_CAPABILITIES_VALUE =
            1L | 1L << 1 | 1L << 3 | 1L << 4 | 1L << 5 | 1L << 6 | 1L << 8 | 1L << 13 | 1L << 14
                    | 1L << 15 | 1L << 20 | 1L << 24 | 1L << 26 | 1L << 27 | 1L << 62;

    /** Microcode revision; arbitrary: Linux loads none and checks none under a hypervisor. */
    private static final long AMD_PATCH_LEVEL = 0x0100_0065;

    private static final long INTEL_MICROCODE_REVISION = 1L << 32;

    /** The TSC counts at the rate of P0: without it Linux complains of the firmware. */
    private static final long HWCR_TSC_FREQ_SEL = 1 << 24;

    private static final long HWCR_WRITABLE =
            HWCR_TSC_FREQ_SEL | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 18;

    /** LFENCE serialises. */
    private static final long DE_CFG_LFENCE_SERIALIZE = 1 << 1;

    /** Access to extended PCI configuration space through the ports. */
    private static final long NB_CFG_CF8_EXT_CFG = 1L << 46;

    /** A register without effect: its value, and which bits can be written. */
    private static final class Stored {
        private long value;
        private final long writable;
        private final long ignored;

        Stored(long value, long writable, long ignored) {
            this.value = value;
            this.writable = writable;
            this.ignored = ignored;
        }
    }

    private final Map<Integer, Stored> stored = new HashMap<>();
    private final LocalApic apic;
    private final PvClock pvClock;
    private final TscClock tscClock;
    private final BaseRegisters bases;
    private final UnknownAccesses unknown;

    private long efer;
    private long star;
    private long lstar;
    private long cstar;
    private long fmask;
    private int tscAux;
    private long sysenterCs;
    private long sysenterEsp;
    private long sysenterEip;

    /**
     * Registers as the 64-bit boot protocol leaves them: long mode is active.
     *
     * @param cpuid what the guest's processor is
     * @param unknown counts accesses to registers that do not exist
     */
    public MsrModel(
            CpuidModel cpuid,
            LocalApic apic,
            PvClock pvClock,
            TscClock tscClock,
            BaseRegisters bases,
            UnknownAccesses unknown) {
        this.apic = apic;
        this.pvClock = pvClock;
        this.tscClock = tscClock;
        this.bases = bases;
        this.unknown = unknown;
        this.efer = EFER_LME | EFER_LMA;
        defineCommon(cpuid.physicalAddressBits());
        if (cpuid.isAmd()) {
            defineAmd();
        } else {
            defineIntel();
        }
    }

    // ---- Registers without effect ------------------------------------------------------------

    /**
     * A register that keeps what is written.
     *
     * @param writable bits that can be changed; setting others faults
     */
    private void define(int msr, long value, long writable) {
        stored.put(msr, new Stored(value, writable, 0));
    }

    /**
     * A register of which a write changes nothing.
     *
     * @param ignored bits that may be written nevertheless
     */
    private void defineIgnored(int msr, long value, long ignored) {
        stored.put(msr, new Stored(value, 0, ignored));
    }

    private void defineCommon(int physicalAddressBits) {
        long pageFrame = (1L << physicalAddressBits) - 1 & -4096L;
        define(IA32_SPEC_CTRL, 0, SPEC_CTRL_IBRS);
        define(IA32_ARCH_CAPABILITIES, ARCH_CAPABILITIES_VALUE, 0);
        define(IA32_DEBUGCTL, 0, 3);
        // The counter runs natively: there is nothing to adjust.
        define(IA32_TSC_ADJUST, 0, -1);
        define(IA32_PAT, PAT_RESET, 0x0707_0707_0707_0707L);
        define(IA32_MTRRCAP, VARIABLE_MTRR_COUNT | MTRRCAP_FIXED | MTRRCAP_WRITE_COMBINING, 0);
        define(
                IA32_MTRR_DEF_TYPE,
                WRITE_BACK | MTRR_ENABLED | MTRR_FIXED_ENABLED,
                7 | MTRR_ENABLED | MTRR_FIXED_ENABLED);
        for (int msr : IA32_MTRR_FIXED) {
            define(msr, ALL_WRITE_BACK, 0x0707_0707_0707_0707L);
        }
        for (int i = 0; i < VARIABLE_MTRR_COUNT; i++) {
            define(IA32_MTRR_PHYSBASE0 + 2 * i, 0, pageFrame | 7);
            define(IA32_MTRR_PHYSBASE0 + 2 * i + 1, 0, pageFrame | MTRR_ENABLED);
        }
    }

    private void defineIntel() {
        define(IA32_PLATFORM_ID, 0, 0);
        defineIgnored(IA32_BIOS_SIGN_ID, INTEL_MICROCODE_REVISION, -1);
        define(MSR_PLATFORM_INFO, 0, 0);
        define(MSR_MISC_FEATURES_ENABLES, 0, 0);
        define(IA32_MISC_ENABLE, MISC_ENABLE_VALUE, -1);
    }

    private void defineAmd() {
        defineIgnored(IA32_BIOS_SIGN_ID, AMD_PATCH_LEVEL, -1);
        define(MSR_AMD_SYSCFG, 0, 0);
        define(MSR_AMD_HWCR, HWCR_TSC_FREQ_SEL, HWCR_WRITABLE);
        define(MSR_AMD_TOP_MEM, 0, 0);
        define(MSR_AMD_TOP_MEM2, 0, 0);
        define(MSR_AMD_NB_CFG, NB_CFG_CF8_EXT_CFG, -1);
        defineIgnored(MSR_AMD_DE_CFG, DE_CFG_LFENCE_SERIALIZE, -1);
    }

    // ---- Access ------------------------------------------------------------------------------

    /**
     * Executes RDMSR.
     *
     * @throws GeneralProtectionException if the guest's instruction faults
     */
    public long read(int msr) {
        return switch (msr) {
            case IA32_FS_BASE -> bases.fsBase();
            case IA32_GS_BASE -> bases.gsBase();
            case IA32_KERNEL_GS_BASE -> bases.kernelGsBase();
            case IA32_TIME_STAMP_COUNTER -> tscClock.tsc();
            case IA32_EFER -> efer;
            case IA32_STAR -> star;
            case IA32_LSTAR -> lstar;
            case IA32_CSTAR -> cstar;
            case IA32_FMASK -> fmask;
            case IA32_TSC_AUX -> Integer.toUnsignedLong(tscAux);
            case IA32_SYSENTER_CS -> sysenterCs;
            case IA32_SYSENTER_ESP -> sysenterEsp;
            case IA32_SYSENTER_EIP -> sysenterEip;
            default -> readOther(msr);
        };
    }

    private long readOther(int msr) {
        if (LocalApic.owns(msr)) {
            return apic.readMsr(msr);
        }
        if (PvClock.owns(msr)) {
            return pvClock.readMsr(msr);
        }
        Stored register = stored.get(msr);
        if (register == null) {
            unknown.count(Integer.toUnsignedLong(msr), "read");
            throw new GeneralProtectionException();
        }
        return register.value;
    }

    /**
     * Executes WRMSR.
     *
     * @throws GeneralProtectionException if the guest's instruction faults
     */
    public void write(int msr, long value) {
        switch (msr) {
            case IA32_FS_BASE -> bases.setFsBase(canonical(value));
            case IA32_GS_BASE -> bases.setGsBase(canonical(value));
            case IA32_KERNEL_GS_BASE -> bases.setKernelGsBase(canonical(value));
            case IA32_EFER -> writeEfer(value);
            case IA32_STAR -> star = value;
            case IA32_LSTAR -> lstar = canonical(value);
            case IA32_CSTAR -> cstar = canonical(value);
            case IA32_FMASK -> fmask = value & 0xffff_ffffL;
            case IA32_TSC_AUX -> {
                check(value >>> 32 == 0);
                tscAux = (int) value;
            }
            case IA32_SYSENTER_CS -> sysenterCs = value & 0xffff_ffffL;
            case IA32_SYSENTER_ESP -> sysenterEsp = canonical(value);
            case IA32_SYSENTER_EIP -> sysenterEip = canonical(value);
            case IA32_TIME_STAMP_COUNTER ->
                    // The guest reads the host's counter, which cannot be set.
                    unknown.count(msr, "write ignored: value=0x" + Long.toHexString(value));
            default -> writeOther(msr, value);
        }
    }

    private void writeOther(int msr, long value) {
        if (LocalApic.owns(msr)) {
            apic.writeMsr(msr, value);
            return;
        }
        if (PvClock.owns(msr)) {
            pvClock.writeMsr(msr, value);
            return;
        }
        Stored register = stored.get(msr);
        if (register == null) {
            unknown.count(Integer.toUnsignedLong(msr), "write value=0x" + Long.toHexString(value));
            throw new GeneralProtectionException();
        }
        long changed = value ^ register.value;
        check((changed & ~(register.writable | register.ignored)) == 0);
        register.value ^= changed & register.writable;
    }

    private void writeEfer(long value) {
        check((value & ~(EFER_WRITABLE | EFER_LMA)) == 0);
        // Long mode cannot be left: paging is always on here.
        check((value & EFER_LME) != 0);
        efer = value | EFER_LMA;
    }

    private static long canonical(long gva) {
        check(gva << 16 >> 16 == gva);
        return gva;
    }

    private static void check(boolean legal) {
        if (!legal) {
            throw new GeneralProtectionException();
        }
    }

    // ---- What the vCPU loop needs ------------------------------------------------------------

    /** IA32_EFER. */
    public long efer() {
        return efer;
    }

    /** IA32_STAR. */
    public long star() {
        return star;
    }

    /** IA32_LSTAR. */
    public long lstar() {
        return lstar;
    }

    /** IA32_CSTAR. */
    public long cstar() {
        return cstar;
    }

    /** IA32_FMASK. */
    public long fmask() {
        return fmask;
    }

    /** IA32_TSC_AUX. */
    public int tscAux() {
        return tscAux;
    }
}
