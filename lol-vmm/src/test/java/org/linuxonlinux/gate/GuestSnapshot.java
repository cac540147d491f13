// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.util.Random;
import org.linuxonlinux.asm.Reg;

/**
 * What a guest in kernel mode can observe, as far as stubs and idioms touch it. RSP is the host
 * value.
 */
final class GuestSnapshot implements Undo.Registers {
    /** Bytes of stack looked at on each side of the initial RSP. */
    private static final int WINDOW_BYTES = 256;

    static final long INITIAL_RSP = GateProcess.STACK_HVA + GateProcess.STACK_SIZE_BYTES / 2;

    private static final long FIRST_WORD_HVA = INITIAL_RSP - WINDOW_BYTES;

    final long[] gpr = new long[16];
    final long[] stack = new long[2 * WINDOW_BYTES / 8];
    long flags;
    long virtualIf;
    long fsBase;
    long gsBase;
    long kernelGsBase;

    static GuestSnapshot random(Random random) {
        GuestSnapshot state = new GuestSnapshot();
        for (int i = 0; i < 16; i++) {
            state.gpr[i] = random.nextLong();
        }
        for (int i = 0; i < state.stack.length; i++) {
            state.stack[i] = random.nextLong();
        }
        state.gpr[Reg.rsp.number()] = INITIAL_RSP;
        state.flags = random.nextLong() & GateProcess.COMPARED_FLAGS;
        state.virtualIf = random.nextBoolean() ? 0x200 : 0;
        state.fsBase = randomAddress(random);
        state.gsBase = randomAddress(random);
        state.kernelGsBase = randomAddress(random);
        return state;
    }

    /** A canonical address of either half that a base register accepts after folding. */
    static long randomAddress(Random random) {
        long offset = random.nextLong() & 0x3ff_ffff_ffffL;
        return random.nextBoolean() ? offset : 0xffff_8800_0000_0000L + offset;
    }

    GuestSnapshot copy() {
        GuestSnapshot state = new GuestSnapshot();
        System.arraycopy(gpr, 0, state.gpr, 0, gpr.length);
        System.arraycopy(stack, 0, state.stack, 0, stack.length);
        state.flags = flags;
        state.virtualIf = virtualIf;
        state.fsBase = fsBase;
        state.gsBase = gsBase;
        state.kernelGsBase = kernelGsBase;
        return state;
    }

    /** Puts everything into the process but RIP and bases, which entering the code sets. */
    void load(GateProcess process) {
        for (int i = 0; i < 16; i++) {
            process.registers.setGpr(i, gpr[i]);
        }
        process.registers.setRflags(flags | 2);
        for (int i = 0; i < stack.length; i++) {
            process.setStackWord(FIRST_WORD_HVA + 8L * i, stack[i]);
        }
        process.page.set(VcpuPageLayout.VIRTUAL_IF, virtualIf);
        process.page.set(VcpuPageLayout.FS_BASE, fsBase);
        process.page.set(VcpuPageLayout.GS_BASE, gsBase);
        process.page.set(VcpuPageLayout.KERNEL_GS_BASE, kernelGsBase);
    }

    /** Takes everything from the stopped process. */
    static GuestSnapshot take(GateProcess process) {
        GuestSnapshot state = new GuestSnapshot();
        for (int i = 0; i < 16; i++) {
            state.gpr[i] = process.registers.getGpr(i);
        }
        state.flags = process.registers.rflags() & GateProcess.COMPARED_FLAGS;
        for (int i = 0; i < state.stack.length; i++) {
            state.stack[i] = process.stackWord(FIRST_WORD_HVA + 8L * i);
        }
        state.virtualIf = process.page.get(VcpuPageLayout.VIRTUAL_IF);
        state.fsBase = process.page.get(VcpuPageLayout.FS_BASE);
        state.gsBase = process.page.get(VcpuPageLayout.GS_BASE);
        state.kernelGsBase = process.page.get(VcpuPageLayout.KERNEL_GS_BASE);
        return state;
    }

    @Override
    public long gpr(int number) {
        return gpr[number];
    }

    @Override
    public void setGpr(int number, long value) {
        gpr[number] = value;
    }

    long get(Reg reg) {
        return gpr[reg.number()];
    }

    void set(Reg reg, long value) {
        gpr[reg.number()] = value;
    }

    long stackWord(long hva) {
        return stack[(int) ((hva - FIRST_WORD_HVA) / 8)];
    }

    void setStackWord(long hva, long value) {
        stack[(int) ((hva - FIRST_WORD_HVA) / 8)] = value;
    }

    void push(long value) {
        set(Reg.rsp, get(Reg.rsp) - 8);
        setStackWord(get(Reg.rsp), value);
    }

    /** Everything that counts as text: words below RSP are dead. */
    String describe(boolean withFlags) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 16; i++) {
            text.append(String.format("%s=%x%n", Reg.of(i), gpr[i]));
        }
        text.append(withFlags ? String.format("flags=%x%n", flags) : "");
        text.append(
                String.format(
                        "if=%x fs=%x gs=%x kernelGs=%x%n",
                        virtualIf, fsBase, gsBase, kernelGsBase));
        for (int i = 0; i < stack.length; i++) {
            long hva = FIRST_WORD_HVA + 8L * i;
            if (hva >= get(Reg.rsp)) {
                text.append(String.format("[%x]=%x%n", hva, stack[i]));
            }
        }
        return text.toString();
    }
}
