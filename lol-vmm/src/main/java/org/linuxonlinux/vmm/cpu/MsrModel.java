// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.linuxonlinux.vmm.GeneralProtectionException;
import org.linuxonlinux.vmm.UnknownAccesses;

/**
 * The model-specific registers of one vCPU.
 *
 * <p>They come from four places: devices (local APIC, clock), the vCPU page (base registers),
 * registers with a meaning to the vCPU loop (EFER, SYSCALL entry), and a table of registers that
 * only have to keep or show a value, because Linux touches them without asking CPUID first. What is
 * in none of them faults with #GP(0), as on hardware, and is counted.
 *
 * <p>Source: Intel SDM vol. 4; AMD APM vol. 2 appendix A; which of them Linux needs: Linux v6.1
 * arch/x86/kernel/cpu (behaviour only). vCPU thread only.
 */
public final class MsrModel {
    private static final int IA32_TIME_STAMP_COUNTER = 0x10;
    private static final int IA32_PLATFORM_ID = 0x17;
    private static final int IA32_FEATURE_CONTROL = 0x3a;
    private static final int IA32_TSC_ADJUST = 0x3b;
    private static final int IA32_SPEC_CTRL = 0x48;
    private static final int IA32_BIOS_SIGN_ID = 0x8b;
    private static final int MSR_PLATFORM_INFO = 0xce;
    private static final int IA32_ARCH_CAPABILITIES = 0x10a;
    private static final int MSR_MISC_FEATURES_ENABLES = 0x140;
    private static final int IA32_SYSENTER_CS = 0x174;
    private static final int IA32_SYSENTER_ESP = 0x175;
    private static final int IA32_SYSENTER_EIP = 0x176;
    private static final int IA32_MCG_CAP = 0x179;
    private static final int IA32_MCG_STATUS = 0x17a;
    private static final int IA32_MISC_ENABLE = 0x1a0;
    private static final int IA32_DEBUGCTL = 0x1d9;
    private static final int IA32_PAT = 0x277;

    private static final int IA32_EFER = 0xc000_0080;
    private static final int IA32_STAR = 0xc000_0081;
    private static final int IA32_LSTAR = 0xc000_0082;
    private static final int IA32_CSTAR = 0xc000_0083;
    private static final int IA32_FMASK = 0xc000_0084;
    private static final int IA32_FS_BASE = 0xc000_0100;
    private static final int IA32_GS_BASE = 0xc000_0101;
    private static final int IA32_KERNEL_GS_BASE = 0xc000_0102;
    private static final int IA32_TSC_AUX = 0xc000_0103;

    private static final int AMD_SYSCFG = 0xc001_0010;
    private static final int AMD_HWCR = 0xc001_0015;
    private static final int AMD_TOP_MEM = 0xc001_001a;
    private static final int AMD_TOP_MEM2 = 0xc001_001d;
    private static final int AMD_NB_CFG = 0xc001_001f;
    private static final int AMD_INT_PENDING = 0xc001_0055;
    private static final int AMD_MMIO_CONF_BASE = 0xc001_0058;
    private static final int AMD_LS_CFG = 0xc001_1020;
    private static final int AMD_IC_CFG = 0xc001_1021;
    private static final int AMD_DC_CFG = 0xc001_1022;
    private static final int AMD_DE_CFG = 0xc001_1029;
    private static final int AMD_BU_CFG2 = 0xc001_102a;

    private static final long EFER_SCE = 1;
    private static final long EFER_LME = 1 << 8;
    private static final long EFER_LMA = 1 << 10;
    private static final long EFER_NXE = 1 << 11;

    /** Automatic IBRS, AMD only. */
    private static final long EFER_AIBRSE = 1 << 21;

    /** The TSC counts at the P0 frequency; Linux calls it a firmware bug if not. */
    private static final long HWCR_TSC_FREQ_SEL = 1 << 24;

    /** LFENCE waits for earlier instructions. */
    private static final long DE_CFG_LFENCE_SERIALIZE = 1 << 1;

    private static final long FEATURE_CONTROL_LOCKED = 1;

    /** Fast strings; no branch trace store; no event-based sampling. */
    private static final long MISC_ENABLE_RESET = 1 | 1 << 11 | 1 << 12;

    /** Immune to everything Linux asks about, with the cheap kind of IBRS. */
    private static final long ARCH_CAPABILITIES =
            1L // RDCL_NO: no page-table isolation
                    | 1L << 1 // IBRS_ALL: no retpolines
                    | 1L << 3 // SKIP_L1DFL_VMENTRY
                    | 1L << 4 // SSB_NO
                    | 1L << 5 // MDS_NO
                    | 1L << 6 // IF_PSCHANGE_MC_NO
                    | 1L << 8 // TAA_NO
                    | 1L << 13 // SBDR_SSDP_NO
                    | 1L << 14 // FBSDP_NO
                    | 1L << 15 // PSDP_NO
                    | 1L << 20 // BHI_NO
                    | 1L << 24 // PBRSB_NO
                    | 1L << 26 // GDS_NO
                    | 1L << 27 // RFDS_NO
                    | 1L << 62; // ITS_NO

    /** The reset value (Intel SDM vol. 3A §12.12.4): WB, WT, UC-, UC, twice. */
    private static final long PAT_RESET = 0x0007_0406_0007_0406L;

    private static final long MICROCODE_REVISION_INTEL = 1L << 32;

    /** Low half, as AMD has it; the value KVM shows. */
    private static final long MICROCODE_REVISION_AMD = 0x0100_0065;

    private static final long ALL = -1;
    private static final long LOW_HALF = 0xffff_ffffL;

    /** A register that only keeps a value. */
    private static final class Kept {
        private final long writable;
        private final boolean ignoresOtherBits;
        private long value;

        Kept(long reset, long writable, boolean ignoresOtherBits) {
            this.value = reset;
            this.writable = writable;
            this.ignoresOtherBits = ignoresOtherBits;
        }

        void write(long newValue) {
            if (!ignoresOtherBits && ((newValue ^ value) & ~writable) != 0) {
                throw new GeneralProtectionException();
            }
            value = (value & ~writable) | (newValue & writable);
        }
    }

    private final LongSupplier tsc;
    private final BaseRegisters bases;
    private final MsrDevice[] devices;
    private final ExtendedState xstate;
    private final long eferWritable;
    private final Map<Integer, Kept> kept = new HashMap<>();
    private final UnknownAccesses unknown;

    private long efer = EFER_LME | EFER_LMA;
    private long star;
    private long lstar;
    private long cstar;
    private long syscallFlagMask;
    private long pat = PAT_RESET;
    private long xcr0 = ExtendedState.X87;

    /**
     * Registers as a CPU in long mode has them when a kernel is entered.
     *
     * @param cpuid decides which vendor's registers there are
     * @param tsc the host's time-stamp counter, which is the guest's
     * @param bases the base registers
     * @param devices owners of registers elsewhere, asked in this order
     * @param log told of each unknown register once
     */
    public MsrModel(
            CpuidModel cpuid,
            LongSupplier tsc,
            BaseRegisters bases,
            List<MsrDevice> devices,
            Consumer<String> log) {
        this.tsc = tsc;
        this.bases = bases;
        this.devices = devices.toArray(MsrDevice[]::new);
        this.unknown = new UnknownAccesses("MSR", log);
        this.xstate = cpuid.extendedState();
        this.eferWritable = EFER_SCE | EFER_LME | EFER_NXE | (cpuid.isAmd() ? EFER_AIBRSE : 0);
        addCommon();
        if (cpuid.isAmd()) {
            addAmd();
        } else {
            addIntel();
        }
    }

    private void addCommon() {
        // The TSC is the host's: neither it nor its adjustment can be moved.
        ignoring(IA32_TSC_ADJUST, 0, 0);
        faulting(IA32_SYSENTER_CS, 0, LOW_HALF);
        faulting(IA32_SYSENTER_ESP, 0, ALL);
        faulting(IA32_SYSENTER_EIP, 0, ALL);
        faulting(IA32_TSC_AUX, 0, LOW_HALF);
        ignoring(IA32_DEBUGCTL, 0, 0);
        // Machine checks belong to the host: no error-reporting banks, nothing in progress.
        faulting(IA32_MCG_CAP, 0, 0);
        faulting(IA32_MCG_STATUS, 0, 0b111);
    }

    private void addIntel() {
        ignoring(IA32_BIOS_SIGN_ID, MICROCODE_REVISION_INTEL, 0);
        faulting(IA32_PLATFORM_ID, 0, 0);
        faulting(IA32_FEATURE_CONTROL, FEATURE_CONTROL_LOCKED, 0);
        faulting(IA32_ARCH_CAPABILITIES, ARCH_CAPABILITIES, 0);
        faulting(IA32_SPEC_CTRL, 0, LOW_HALF);
        faulting(MSR_PLATFORM_INFO, 0, 0);
        faulting(MSR_MISC_FEATURES_ENABLES, 0, 0);
        ignoring(IA32_MISC_ENABLE, MISC_ENABLE_RESET, 0);
    }

    private void addAmd() {
        ignoring(IA32_BIOS_SIGN_ID, MICROCODE_REVISION_AMD, 0);
        ignoring(AMD_HWCR, HWCR_TSC_FREQ_SEL, LOW_HALF & ~HWCR_TSC_FREQ_SEL);
        ignoring(AMD_DE_CFG, DE_CFG_LFENCE_SERIALIZE, ALL & ~DE_CFG_LFENCE_SERIALIZE);
        for (int readOnly : new int[] {AMD_TOP_MEM, AMD_TOP_MEM2, AMD_INT_PENDING}) {
            ignoring(readOnly, 0, 0);
        }
        ignoring(AMD_SYSCFG, 0, 0);
        ignoring(AMD_MMIO_CONF_BASE, 0, 0);
        for (int stored : new int[] {AMD_NB_CFG, AMD_LS_CFG, AMD_IC_CFG, AMD_DC_CFG, AMD_BU_CFG2}) {
            ignoring(stored, 0, ALL);
        }
    }

    /** A register in which changes of other than the writable bits fault. */
    private void faulting(int msr, long reset, long writable) {
        kept.put(msr, new Kept(reset, writable, false));
    }

    /** A register in which changes of other than the writable bits are lost. */
    private void ignoring(int msr, long reset, long writable) {
        kept.put(msr, new Kept(reset, writable, true));
    }

    // ---- What the vCPU loop needs ------------------------------------------------------------

    /** Guest RIP of the kernel's entry for SYSCALL in 64-bit code. */
    public long syscallEntry64() {
        return lstar;
    }

    /** Guest RIP of the kernel's entry for SYSCALL in compatibility mode. */
    public long syscallEntry32() {
        return cstar;
    }

    /** Guest RIP of the kernel's entry for SYSENTER. */
    public long sysenterEntry() {
        return kept.get(IA32_SYSENTER_EIP).value;
    }

    /** RSP that SYSENTER loads. */
    public long sysenterStack() {
        return kept.get(IA32_SYSENTER_ESP).value;
    }

    /** Flags that SYSCALL clears. */
    public long syscallFlagMask() {
        return syscallFlagMask;
    }

    /** Selector bases of SYSCALL and SYSRET. */
    public long star() {
        return star;
    }

    /** IA32_EFER. */
    public long efer() {
        return efer;
    }

    /** Whether XSETBV would take a value; index 0 is the only one there is. */
    public boolean isValidXcr(int index, long value) {
        return index == 0 && xstate.isValidXcr0(value);
    }

    /**
     * Executes XSETBV. The register XSAVE obeys stays the host's, of which this is a part.
     *
     * @throws GeneralProtectionException if the value is not valid
     */
    public void setXcr(int index, long value) {
        if (!isValidXcr(index, value)) {
            throw new GeneralProtectionException();
        }
        xcr0 = value;
    }

    /** What the guest has put into XCR0. */
    public long xcr0() {
        return xcr0;
    }

    /** Accesses to registers that do not exist. */
    public UnknownAccesses unknown() {
        return unknown;
    }

    // ---- Access ------------------------------------------------------------------------------

    /**
     * Executes RDMSR.
     *
     * @param msr ECX
     * @throws GeneralProtectionException if there is no such register
     */
    public long read(int msr) {
        for (MsrDevice device : devices) {
            if (device.owns(msr)) {
                return device.read(msr);
            }
        }
        return switch (msr) {
            case IA32_FS_BASE -> bases.fsBase();
            case IA32_GS_BASE -> bases.gsBase();
            case IA32_KERNEL_GS_BASE -> bases.kernelGsBase();
            case IA32_TIME_STAMP_COUNTER -> tsc.getAsLong();
            case IA32_EFER -> efer;
            case IA32_STAR -> star;
            case IA32_LSTAR -> lstar;
            case IA32_CSTAR -> cstar;
            case IA32_FMASK -> syscallFlagMask;
            case IA32_PAT -> pat;
            default -> find(msr, "read").value;
        };
    }

    /**
     * Executes WRMSR.
     *
     * @param msr ECX
     * @param value EDX:EAX
     * @throws GeneralProtectionException if there is no such register or it does not take the value
     */
    public void write(int msr, long value) {
        for (MsrDevice device : devices) {
            if (device.owns(msr)) {
                device.write(msr, value);
                return;
            }
        }
        switch (msr) {
            case IA32_FS_BASE -> bases.setFsBase(canonical(value));
            case IA32_GS_BASE -> bases.setGsBase(canonical(value));
            case IA32_KERNEL_GS_BASE -> bases.setKernelGsBase(canonical(value));
            case IA32_TIME_STAMP_COUNTER -> {}
            case IA32_EFER -> writeEfer(value);
            case IA32_STAR -> star = value;
            case IA32_LSTAR -> lstar = canonical(value);
            case IA32_CSTAR -> cstar = canonical(value);
            case IA32_FMASK -> syscallFlagMask = value & LOW_HALF;
            case IA32_PAT -> pat = validPat(value);
            case IA32_SYSENTER_ESP, IA32_SYSENTER_EIP -> find(msr, "write").write(canonical(value));
            default -> find(msr, "write").write(value);
        }
    }

    private Kept find(int msr, String access) {
        Kept register = kept.get(msr);
        if (register == null) {
            unknown.count(Integer.toUnsignedLong(msr), access);
            throw new GeneralProtectionException();
        }
        return register;
    }

    private static long canonical(long gva) {
        if (gva << 16 >> 16 != gva) {
            throw new GeneralProtectionException();
        }
        return gva;
    }

    /** LMA follows LME and CR0.PG; paging is always on here, so LME cannot change. */
    private void writeEfer(long value) {
        long other = value & ~eferWritable & ~EFER_LMA;
        if (other != 0 || (value & EFER_LME) == 0) {
            throw new GeneralProtectionException();
        }
        efer = value | EFER_LMA;
    }

    /** Each byte is 0, 1 or 4 to 7. */
    private static long validPat(long value) {
        for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
            int type = (int) (value >>> shift) & 0xff;
            if (type > 7 || type == 2 || type == 3) {
                throw new GeneralProtectionException();
            }
        }
        return value;
    }
}
