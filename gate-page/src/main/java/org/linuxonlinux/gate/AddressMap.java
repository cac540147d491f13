// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

/**
 * Every fixed host virtual address of a context process, and the fold between guest and host
 * addresses.
 *
 * <pre>
 * HVA                                   what
 * 0000_0000_0000 … 7fff_ffff_f000       guest user mode, GVA = HVA
 * 0000_0000_0000 … 7bff_ffff_ffff       guest upper half from ffff_8400_0000_0000 on, HVA = GVA + FOLD (mod 2^64)
 *   0000_0006_0000                      call-site table, 64 KB, R; only while the gate patches call sites
 *   0000_ffff_f000                      first page of the vCPU page area once more, R, until the guest maps it
 *   7bd0_0000_0000                      bootstrap stub of the traced process, 64 KB
 *   7bd1_0000_0000                      guest RAM as it lies in its file, up to 60 GB, R
 *   7be0_0000_0000                      gate code, 64 KB, RX
 *   7be0_0001_0000                      vCPU page area, 84 KB, RW
 *   7be0_0010_0000                      code cache, up to 256 MB, RX
 *   7be0_2000_0000                      thunks of patched call sites, 1 MB, RX
 *   7bfb_8000_0000 … 7bff_8000_0000     flat branch table, 16 GB, sparse, R
 *   7bff_8000_0000 … 7bff_ffff_ffff     guest kernel text, modules, fixmap (top 2 GB of GVAs)
 * </pre>
 *
 * <p>The gate's areas lie in GVA range ffff_ff80_0000_0000 – ffff_ffee_ffff_ffff and the table in
 * ffff_fffb_8000_0000 – ffff_ffff_7fff_ffff, both left unused by Linux (Linux v6.1
 * Documentation/x86/x86_64/mm.rst).
 */
public final class AddressMap {
    /** Distance from an upper-half GVA to its HVA: hva = gva + FOLD mod 2^64. */
    public static final long FOLD = 0x7c00_0000_0000L;

    /** Lowest upper-half GVA that folds into the host's user half; lower ones are never mapped. */
    public static final long LOWEST_FOLDABLE_GVA = 0xffff_8400_0000_0000L;

    /** Bootstrap stub of the traced process. */
    public static final long STUB_HVA = 0x7bd0_0000_0000L;

    /** Bytes reserved for the bootstrap stub. */
    public static final long STUB_SIZE_BYTES = 0x1_0000L;

    /** Guest RAM in file order, for stubs that read the guest's page tables. */
    public static final long RAM_WINDOW_HVA = 0x7bd1_0000_0000L;

    /** Largest RAM that the window takes: up to the gate. */
    public static final long RAM_WINDOW_MAX_BYTES = 60L << 30;

    /** Gate stubs, executable in the context process. */
    public static final long GATE_CODE_HVA = 0x7be0_0000_0000L;

    /** Bytes reserved for the gate stubs. */
    public static final int GATE_CODE_SIZE_BYTES = 0x1_0000;

    /** The vCPU page and the pages that follow it ({@link VcpuPageLayout}). */
    public static final long VCPU_PAGE_HVA = 0x7be0_0001_0000L;

    /** Bytes of the vCPU page area. */
    public static final int VCPU_PAGE_SIZE_BYTES = 0x1_5000;

    /**
     * First page of the vCPU page area once more, for host calls by {@code int $0x80}, which take
     * addresses of 32 bits. 32-bit programs end below, and others have no reason to go there.
     */
    public static final long LOW_PAGE_HVA = 0xffff_f000L;

    /** Bytes of the low page. */
    public static final int LOW_PAGE_SIZE_BYTES = 0x1000;

    /** Translated code. */
    public static final long CODE_CACHE_HVA = 0x7be0_0010_0000L;

    /**
     * Largest code cache. Bounded by RIP-relative reach of the vCPU page; 256 MB is about 80 boots'
     * worth of code.
     */
    public static final int CODE_CACHE_MAX_SIZE_BYTES = 0x1000_0000;

    /**
     * Call-site table. Patched call sites in user code jump through it by its absolute address,
     * whose third byte lies where the SYSCALL instruction was: 06 is no instruction in 64-bit mode.
     */
    public static final long SITE_TABLE_HVA = 0x6_0000L;

    /** Bytes of the call-site table. */
    public static final int SITE_TABLE_SIZE_BYTES = 0x1_0000;

    /** Thunks of patched call sites. */
    public static final long THUNKS_HVA = 0x7be0_2000_0000L;

    /** Bytes of the thunks. */
    public static final int THUNKS_SIZE_BYTES = 0x10_0000;

    /** Lowest guest RIP that has an entry in the branch table: the start of the top 2 GB. */
    public static final long BRANCH_TABLE_FIRST_GUEST_RIP = 0xffff_ffff_8000_0000L;

    /** Bytes of the flat branch table: 8 for each guest address of the top 2 GB. */
    public static final long BRANCH_TABLE_SIZE_BYTES = 1L << 34;

    /** Flat branch table; directly below the folded top 2 GB. */
    public static final long BRANCH_TABLE_HVA = FOLD - (18L << 30);

    /**
     * Displacement of {@code jmp gs:[rcx*8 + disp32]} with GS base = {@link #FOLD} and RCX = guest
     * RIP.
     *
     * <p>The entry of guest RIP <i>a</i> is at BRANCH_TABLE_HVA + (a + 2^31)*8 = FOLD + a*8 + disp,
     * hence disp = BRANCH_TABLE_HVA − FOLD + 2^34.
     */
    public static final int BRANCH_TABLE_DISP32;

    private static final long TOP_2_GB_HVA = BRANCH_TABLE_FIRST_GUEST_RIP + FOLD;

    static {
        long disp = BRANCH_TABLE_HVA - FOLD + (1L << 34);
        require(disp == (int) disp, "branch table displacement fits 32 bits");
        BRANCH_TABLE_DISP32 = (int) disp;
        long[][] areas = {
            {STUB_HVA, STUB_SIZE_BYTES},
            {RAM_WINDOW_HVA, RAM_WINDOW_MAX_BYTES},
            {GATE_CODE_HVA, GATE_CODE_SIZE_BYTES},
            {VCPU_PAGE_HVA, VCPU_PAGE_SIZE_BYTES},
            {CODE_CACHE_HVA, CODE_CACHE_MAX_SIZE_BYTES},
            {THUNKS_HVA, THUNKS_SIZE_BYTES},
            {BRANCH_TABLE_HVA, BRANCH_TABLE_SIZE_BYTES},
            {TOP_2_GB_HVA, 1L << 31},
        };
        for (int i = 1; i < areas.length; i++) {
            require(
                    areas[i - 1][0] + areas[i - 1][1] <= areas[i][0],
                    "areas ascend without overlap");
        }
        require(
                CODE_CACHE_HVA + CODE_CACHE_MAX_SIZE_BYTES - GATE_CODE_HVA < Integer.MAX_VALUE,
                "gate, vCPU page and code cache reach each other RIP-relative");
    }

    private AddressMap() {}

    /** Whether the address is in the upper half (a kernel address). */
    public static boolean isUpperHalf(long gva) {
        return gva < 0;
    }

    /**
     * Whether the GVA can be mapped at all: the user half, or an upper-half address the fold brings
     * into it.
     */
    public static boolean isMappable(long gva) {
        return gva >= 0 ? gva < 0x8000_0000_0000L : gva >= LOWEST_FOLDABLE_GVA;
    }

    /** HVA of an upper-half GVA; precondition: {@link #isUpperHalf}. */
    public static long foldGva(long gva) {
        return gva + FOLD;
    }

    /** GVA of a folded HVA. */
    public static long unfoldHva(long hva) {
        return hva - FOLD;
    }

    /**
     * HVA of any GVA: folded in the upper half, unchanged in the lower half. What emitted dynamic
     * folds compute.
     */
    public static long gvaToHva(long gva) {
        return gva < 0 ? gva + FOLD : gva;
    }

    /** Whether the branch table has an entry for this guest RIP. */
    public static boolean hasBranchTableEntry(long guestRip) {
        return guestRip >= BRANCH_TABLE_FIRST_GUEST_RIP && guestRip < 0;
    }

    /** Byte offset in the branch table of the entry of a guest RIP in the top 2 GB. */
    public static long branchTableOffset(long guestRip) {
        return (guestRip - BRANCH_TABLE_FIRST_GUEST_RIP) << 3;
    }

    /** Whether the HVA lies in gate code. */
    public static boolean isGateCode(long hva) {
        return hva >= GATE_CODE_HVA && hva < GATE_CODE_HVA + GATE_CODE_SIZE_BYTES;
    }

    /** Whether the HVA lies in the code cache. */
    public static boolean isCodeCache(long hva) {
        return hva >= CODE_CACHE_HVA && hva < CODE_CACHE_HVA + CODE_CACHE_MAX_SIZE_BYTES;
    }

    /** Whether the HVA lies in the thunks of patched call sites. */
    public static boolean isThunk(long hva) {
        return hva >= THUNKS_HVA && hva < THUNKS_HVA + THUNKS_SIZE_BYTES;
    }

    /** Whether a range of HVAs meets the call-site table. */
    public static boolean meetsSiteTable(long hva, long sizeBytes) {
        return meets(hva, sizeBytes, SITE_TABLE_HVA, SITE_TABLE_SIZE_BYTES);
    }

    /** Whether a range of HVAs meets the low page. */
    public static boolean meetsLowPage(long hva, long sizeBytes) {
        return meets(hva, sizeBytes, LOW_PAGE_HVA, LOW_PAGE_SIZE_BYTES);
    }

    /** Whether the HVA lies in the flat branch table. */
    public static boolean isBranchTable(long hva) {
        return hva >= BRANCH_TABLE_HVA && hva < BRANCH_TABLE_HVA + BRANCH_TABLE_SIZE_BYTES;
    }

    /**
     * Whether a range of HVAs meets the bootstrap stub, the RAM window, the gate, the code cache or
     * the branch table, so that nothing of the guest may be mapped there. Precondition: sizeBytes
     * &gt; 0.
     *
     * <p>User pages can also meet folded kernel pages; that depends on what the guest maps and is
     * found by the MMU.
     */
    public static boolean meetsGate(long hva, long sizeBytes) {
        return meets(hva, sizeBytes, STUB_HVA, STUB_SIZE_BYTES)
                || meets(hva, sizeBytes, RAM_WINDOW_HVA, RAM_WINDOW_MAX_BYTES)
                || meets(
                        hva,
                        sizeBytes,
                        GATE_CODE_HVA,
                        THUNKS_HVA + THUNKS_SIZE_BYTES - GATE_CODE_HVA)
                || meets(hva, sizeBytes, BRANCH_TABLE_HVA, BRANCH_TABLE_SIZE_BYTES);
    }

    private static boolean meets(long hva, long sizeBytes, long areaHva, long areaSizeBytes) {
        return hva < areaHva + areaSizeBytes && areaHva < hva + sizeBytes;
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new ExceptionInInitializerError("address map broken: " + what);
        }
    }
}
