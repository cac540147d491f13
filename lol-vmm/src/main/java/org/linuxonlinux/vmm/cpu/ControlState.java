// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import static org.linuxonlinux.gate.VcpuPageLayout.CR0;
import static org.linuxonlinux.gate.VcpuPageLayout.CR2;
import static org.linuxonlinux.gate.VcpuPageLayout.CR3;
import static org.linuxonlinux.gate.VcpuPageLayout.CR4;
import static org.linuxonlinux.gate.VcpuPageLayout.CS_SEL;
import static org.linuxonlinux.gate.VcpuPageLayout.DS_SEL;
import static org.linuxonlinux.gate.VcpuPageLayout.ES_SEL;
import static org.linuxonlinux.gate.VcpuPageLayout.FS_BASE;
import static org.linuxonlinux.gate.VcpuPageLayout.FS_SEL;
import static org.linuxonlinux.gate.VcpuPageLayout.GS_BASE;
import static org.linuxonlinux.gate.VcpuPageLayout.GS_SEL;
import static org.linuxonlinux.gate.VcpuPageLayout.KERNEL_GS_BASE;
import static org.linuxonlinux.gate.VcpuPageLayout.LOAD_SEGMENTS;
import static org.linuxonlinux.gate.VcpuPageLayout.SS_SEL;

import org.linuxonlinux.gate.VcpuPage;

/**
 * Control registers, base registers and segment selectors: the part of the vCPU's state that
 * emitted code uses too and that therefore lives in the vCPU page.
 */
public final class ControlState {
    /** Segment numbers as encoded in ModRM.reg of MOV Sreg (Intel SDM vol. 2 table B-8). */
    public static final int ES = 0;

    public static final int CS = 1;
    public static final int SS = 2;
    public static final int DS = 3;
    public static final int FS = 4;
    public static final int GS = 5;

    private static final int[] SELECTOR_OFFSETS = {ES_SEL, CS_SEL, SS_SEL, DS_SEL, FS_SEL, GS_SEL};

    private final VcpuPage page;

    public ControlState(VcpuPage page) {
        this.page = page;
    }

    public long cr0() {
        return page.get(CR0);
    }

    public void setCr0(long value) {
        page.set(CR0, value);
    }

    public long cr2() {
        return page.get(CR2);
    }

    public void setCr2(long value) {
        page.set(CR2, value);
    }

    public long cr3() {
        return page.get(CR3);
    }

    public void setCr3(long value) {
        page.set(CR3, value);
    }

    public long cr4() {
        return page.get(CR4);
    }

    public void setCr4(long value) {
        page.set(CR4, value);
    }

    public long fsBase() {
        return page.get(FS_BASE);
    }

    public void setFsBase(long value) {
        page.set(FS_BASE, value);
    }

    /** The active GS base: the kernel's after SWAPGS on entry, the user's before. */
    public long gsBase() {
        return page.get(GS_BASE);
    }

    public void setGsBase(long value) {
        page.set(GS_BASE, value);
    }

    public long kernelGsBase() {
        return page.get(KERNEL_GS_BASE);
    }

    public void setKernelGsBase(long value) {
        page.set(KERNEL_GS_BASE, value);
    }

    /**
     * Selector of a segment register by its encoding. CS and SS are those of kernel mode; the
     * others what the kernel loaded last, for user code may have loaded another.
     */
    public int selector(int segment) {
        return (int) page.get(SELECTOR_OFFSETS[segment]) & 0xffff;
    }

    /** Has the resume stub load ES, DS, FS or GS. Precondition: the host has the selector. */
    public void loadSegment(int segment, int selector) {
        setSelector(segment, selector);
        page.set(LOAD_SEGMENTS, page.get(LOAD_SEGMENTS) | 1L << segment);
    }

    /** Whether segment registers are still to be loaded: a bit for each by its number. */
    public int segmentsToLoad() {
        return (int) page.get(LOAD_SEGMENTS);
    }

    /** They are loaded. */
    public void segmentsLoaded() {
        page.set(LOAD_SEGMENTS, 0);
    }

    public void setSelector(int segment, int selector) {
        page.set(SELECTOR_OFFSETS[segment], selector);
    }
}
