// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicInteger;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.VcpuPage;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.vmm.cpu.GuestState;
import org.linuxonlinux.vmm.cpu.Rflags;

/**
 * A transport without a process. Each {@link #run} plays the next scripted stop; what the test has
 * put into the public fields is what the process shows at that stop.
 */
final class FakeTransport implements ExitTransport {
    /** Changes the process's registers and says why it stopped. */
    interface Script {
        Stop play();
    }

    final GuestState process = new GuestState();
    final Queue<Script> scripts = new ArrayDeque<>();
    final AtomicInteger kicks = new AtomicInteger();
    final VcpuPage page;

    long hostRip;
    boolean kernel;
    int signal;
    int signalCode;
    long faultHva;

    int entries;
    int basesChanged;
    int singleSteps;
    long enteredHostRip;

    FakeTransport(VcpuPage page) {
        this.page = page;
    }

    @Override
    public Stop run(boolean singleStep) {
        singleSteps += singleStep ? 1 : 0;
        Script script = scripts.poll();
        if (script == null) {
            throw new AssertionError("the guest runs on after the script's end");
        }
        return script.play();
    }

    @Override
    public void setSystemCallEntry(long entryRip, long flagMask) {}

    @Override
    public boolean takeKick() {
        return false;
    }

    @Override
    public long systemCalls() {
        return 0;
    }

    @Override
    public long hostRip() {
        return hostRip;
    }

    @Override
    public boolean inKernelMode() {
        return kernel;
    }

    /** Copies the process's registers, RSP as the guest's value. */
    @Override
    public void load(GuestState state) {
        for (int i = 0; i < 16; i++) {
            state.setGpr(i, process.gpr(i));
        }
        state.setRip(process.rip());
        state.setRflags((process.rflags() & ~Rflags.IF) | page.get(VcpuPageLayout.VIRTUAL_IF));
        state.setKernelMode(kernel);
        state.setCs(kernel ? GuestSelectors.KERNEL_CS : GuestSelectors.USER_CS);
        state.setSs(kernel ? GuestSelectors.KERNEL_DS : GuestSelectors.USER_DS);
    }

    @Override
    public void enterAt(GuestState state, long newHostRip) {
        entries++;
        enteredHostRip = newHostRip;
        hostRip = newHostRip;
        kernel = state.isKernelMode();
        for (int i = 0; i < 16; i++) {
            process.setGpr(i, state.gpr(i));
        }
        process.setRip(state.rip());
        process.setRflags(state.rflags());
        page.set(VcpuPageLayout.VIRTUAL_IF, state.rflags() & Rflags.IF);
    }

    @Override
    public void basesChanged() {
        basesChanged++;
    }

    @Override
    public long vsyscallRip() {
        return 0;
    }

    @Override
    public int signal() {
        return signal;
    }

    @Override
    public int signalCode() {
        return signalCode;
    }

    @Override
    public int errorCode() {
        return NO_ERROR_CODE;
    }

    @Override
    public long faultHva() {
        return faultHva;
    }

    @Override
    public void kick() {
        kicks.incrementAndGet();
    }

    @Override
    public void pin() {}

    @Override
    public void close() {}

    /** HVA of a kernel GVA. */
    static long hva(long gva) {
        return gva + AddressMap.FOLD;
    }
}
