// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.Undo.Slot;
import org.linuxonlinux.gate.UndoSink.Phase;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.ptrace.WaitStatus;

/**
 * Executes each idiom on the real CPU, once at full speed and once step by step, and compares with
 * a model; at each step the undo must give the state before or after the instruction.
 */
@Tag("ptrace")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SAME_THREAD)
class MacroAssemblerIT {
    private static final long SEED = Long.getLong("test.seed", System.nanoTime());

    /** Random states per idiom. */
    private static final int ROUNDS = 10;

    private final GateProcess process = new GateProcess();
    private final Random random = new Random(SEED);

    /** A position from which a mark holds. */
    private record Mark(long hva, Phase phase, int undo) {}

    /** An idiom, what it does to the guest, and whether the flags are dead before its commit. */
    private final class Idiom {
        private final List<Mark> marks = new ArrayList<>();
        private final String name;
        private final Consumer<GuestSnapshot> model;
        private long endHva;
        private boolean isFlagsDead;
        private Reg deadRegister;

        Idiom(String name, Consumer<MacroAssembler> emit, Consumer<GuestSnapshot> model) {
            this.name = name;
            this.model = model;
            CodeBuffer code = new CodeBuffer(AddressMap.CODE_CACHE_HVA);
            UndoSink sink = (hva, phase, undo) -> marks.add(new Mark(hva, phase, undo));
            try (MacroAssembler masm = new MacroAssembler(code, sink)) {
                masm.beginInstruction();
                emit.accept(masm);
                endHva = masm.hva();
                masm.int3();
            }
            process.putCode(code);
        }

        Idiom flagsDead() {
            isFlagsDead = true;
            return this;
        }

        /** A register that is only written and may hold anything before the commit. */
        Idiom registerDead(Reg reg) {
            deadRegister = reg;
            return this;
        }

        void check() {
            for (int round = 0; round < ROUNDS; round++) {
                GuestSnapshot before = GuestSnapshot.random(random);
                GuestSnapshot after = before.copy();
                model.accept(after);
                runThrough(before, after);
                stepThrough(before, after);
            }
        }

        private void start(GuestSnapshot before) {
            before.load(process);
            process.enterKernelCode(AddressMap.CODE_CACHE_HVA);
        }

        private void runThrough(GuestSnapshot before, GuestSnapshot after) {
            start(before);
            int status = process.run();
            assertTrue(WaitStatus.isSignalStop(status, HostAbi.SIGTRAP), where());
            assertEquals(endHva + 1, process.registers.rip(), where());
            assertState(after, GuestSnapshot.take(process), true);
        }

        private void stepThrough(GuestSnapshot before, GuestSnapshot after) {
            start(before);
            while (process.registers.rip() != endHva) {
                checkPosition(before, after);
                int status = process.step();
                assertTrue(WaitStatus.isSignalStop(status, HostAbi.SIGTRAP), where());
            }
            assertState(after, GuestSnapshot.take(process), true);
        }

        private void checkPosition(GuestSnapshot before, GuestSnapshot after) {
            Mark mark = markAt(process.registers.rip());
            if (Undo.isRollForward(mark.undo())) {
                return;
            }
            GuestSnapshot state = GuestSnapshot.take(process);
            Undo.apply(mark.undo(), process.page, state);
            if (mark.phase() == Phase.COMMITTED) {
                assertState(after, state, true);
                long fold = AddressMap.gvaToHva(after.gsBase);
                assertEquals(fold, process.registers.fsBase(), where());
            } else {
                if (deadRegister != null) {
                    state.set(deadRegister, before.get(deadRegister));
                }
                assertState(before, state, !isFlagsDead);
            }
        }

        private Mark markAt(long hva) {
            Mark found = marks.get(0);
            for (Mark mark : marks) {
                found = mark.hva() <= hva ? mark : found;
            }
            return found;
        }

        private void assertState(GuestSnapshot expected, GuestSnapshot actual, boolean withFlags) {
            assertEquals(expected.describe(withFlags), actual.describe(withFlags), where());
        }

        private String where() {
            long offset = process.registers.rip() - AddressMap.CODE_CACHE_HVA;
            return String.format("%s+0x%x, test.seed=%d", name, offset, SEED);
        }
    }

    @AfterEach
    void end() {
        process.close();
    }

    private Idiom idiom(String name, Consumer<MacroAssembler> emit, Consumer<GuestSnapshot> model) {
        return new Idiom(name, emit, model);
    }

    private static long nativeFlags(GuestSnapshot state) {
        return state.flags | 0x202;
    }

    @Test
    void interruptFlagIdioms() {
        idiom("cli", MacroAssembler::cli, s -> s.virtualIf = 0).check();
        idiom("sti", MacroAssembler::sti, s -> s.virtualIf = 0x200).check();
        idiom("pushf", MacroAssembler::pushf, s -> s.push(nativeFlags(s) - 0x200 + s.virtualIf))
                .check();
    }

    @Test
    void popfTakesFlagsFromTheStack() {
        // Random words have TF and AC set half of the time: keep to what the guest may hold.
        Idiom popf =
                idiom(
                        "popf",
                        masm -> {
                            masm.mark(Undo.NONE);
                            masm.popf();
                        },
                        s -> {
                            long value = s.stackWord(s.get(Reg.rsp));
                            s.set(Reg.rsp, s.get(Reg.rsp) + 8);
                            s.flags = value & GateProcess.COMPARED_FLAGS;
                            s.virtualIf = value & 0x200;
                        });
        popf.flagsDead();
        for (int round = 0; round < ROUNDS; round++) {
            GuestSnapshot before = GuestSnapshot.random(random);
            long value = random.nextLong() & (GateProcess.COMPARED_FLAGS | 0x200);
            before.setStackWord(before.get(Reg.rsp), value | 2);
            GuestSnapshot after = before.copy();
            popf.model.accept(after);
            popf.runThrough(before, after);
            popf.stepThrough(before, after);
        }
    }

    @Test
    void segmentBaseIdioms() {
        idiom(
                        "swapgs",
                        MacroAssembler::swapgs,
                        s -> {
                            long active = s.gsBase;
                            s.gsBase = s.kernelGsBase;
                            s.kernelGsBase = active;
                        })
                .check();
        idiom("readFsBase", m -> m.readFsBase(Reg.r9), s -> s.set(Reg.r9, s.fsBase))
                .registerDead(Reg.r9)
                .check();
        idiom("readGsBase", m -> m.readGsBase(Reg.rdx), s -> s.set(Reg.rdx, s.gsBase))
                .registerDead(Reg.rdx)
                .check();
        idiom("writeFsBase", m -> m.writeFsBase(Reg.rdi), s -> s.fsBase = s.get(Reg.rdi)).check();
    }

    @Test
    void writeGsBaseLoadsTheHostFsBase() {
        for (Reg source : List.of(Reg.rax, Reg.rdx, Reg.r15)) {
            Idiom idiom =
                    idiom(
                            "writeGsBase " + source,
                            m -> m.writeGsBase(source),
                            s -> s.gsBase = s.get(source));
            for (int round = 0; round < ROUNDS; round++) {
                GuestSnapshot before = GuestSnapshot.random(random);
                before.set(source, GuestSnapshot.randomAddress(random));
                GuestSnapshot after = before.copy();
                idiom.model.accept(after);
                idiom.runThrough(before, after);
                idiom.stepThrough(before, after);
            }
        }
    }

    @Test
    void foldIdioms() {
        idiom(
                        "subtractFold",
                        m -> m.subtractFold(Reg.r12, Reg.rsp),
                        s -> s.set(Reg.r12, s.get(Reg.rsp) - AddressMap.FOLD))
                .registerDead(Reg.r12)
                .check();
        idiom(
                        "addFold",
                        m -> m.addFold(Reg.rbx, Reg.rsi),
                        s -> s.set(Reg.rbx, s.get(Reg.rsi) + AddressMap.FOLD))
                .registerDead(Reg.rbx)
                .check();
        idiom(
                        "addFoldInPlace",
                        m ->
                                m.addFoldInPlace(
                                        Reg.rdi,
                                        Reg.rdx,
                                        Slot.A,
                                        Phase.BEFORE,
                                        Undo.withRdi(Undo.NONE, Undo.StringFold.FOLD)),
                        s -> s.set(Reg.rdi, s.get(Reg.rdi) + AddressMap.FOLD))
                .check();
        idiom(
                        "subtractFoldInPlace",
                        m ->
                                m.subtractFoldInPlace(
                                        Reg.rbp, Reg.rcx, Slot.C, Phase.COMMITTED, Undo.NONE),
                        s -> s.set(Reg.rbp, s.get(Reg.rbp) - AddressMap.FOLD))
                .check();
    }

    @Test
    void writesRspWithTheFold() {
        long target = GuestSnapshot.INITIAL_RSP - 64;
        Idiom idiom =
                idiom(
                        "mov rsp, rax",
                        m -> m.addFold(Reg.rsp, Reg.rax),
                        s -> s.set(Reg.rsp, s.get(Reg.rax) + AddressMap.FOLD));
        GuestSnapshot before = GuestSnapshot.random(random);
        before.set(Reg.rax, AddressMap.unfoldHva(target));
        GuestSnapshot after = before.copy();
        idiom.model.accept(after);
        assertEquals(target, after.get(Reg.rsp));
        idiom.runThrough(before, after);
        idiom.stepThrough(before, after);
    }

    @Test
    void dynamicFoldReachesBothHalves() {
        Idiom idiom =
                idiom(
                        "mov [rax+rcx*4+8], rdx",
                        m -> {
                            m.spill(Slot.A, Reg.rsi);
                            m.spill(Slot.B, Reg.rdi);
                            Mem ea = Mem.indexed(Reg.rax, Reg.rcx, 4, 8);
                            m.movq(m.dynamicFold(Reg.rsi, Reg.rdi, ea), Reg.rdx);
                            m.mark(Phase.COMMITTED, m.undo());
                            m.unspill(Slot.B);
                            m.unspill(Slot.A);
                        },
                        s ->
                                s.setStackWord(
                                        AddressMap.gvaToHva(
                                                s.get(Reg.rax) + 4 * s.get(Reg.rcx) + 8),
                                        s.get(Reg.rdx)));
        long hva = GuestSnapshot.INITIAL_RSP + 64;
        // Once as an upper-half address, once as the lower-half address of the same memory.
        for (long gva : new long[] {AddressMap.unfoldHva(hva), hva}) {
            GuestSnapshot before = GuestSnapshot.random(random);
            before.set(Reg.rcx, random.nextInt(1000));
            before.set(Reg.rax, gva - 4 * before.get(Reg.rcx) - 8);
            GuestSnapshot after = before.copy();
            idiom.model.accept(after);
            idiom.runThrough(before, after);
            idiom.stepThrough(before, after);
        }
    }

    @Test
    void pendingCheckFallsThroughWithoutInterrupt() {
        process.page.setPendingRelease(false);
        idiom(
                        "pendingCheck",
                        m -> {
                            m.mark(Phase.COMMITTED, Undo.NONE);
                            Label pending = new Label();
                            Label end = new Label();
                            m.pendingCheck(pending);
                            m.jmp(end);
                            m.pendingExit(pending, -1L, AddressMap.GATE_CODE_HVA);
                            m.bind(end);
                            m.mark(Phase.COMMITTED, Undo.NONE);
                        },
                        s -> {})
                .check();
    }

    @Test
    void pendingCheckExitsWithInterrupt() {
        long guestRip = 0xffff_ffff_8100_1234L;
        CodeBuffer code = new CodeBuffer(AddressMap.CODE_CACHE_HVA);
        try (MacroAssembler masm = new MacroAssembler(code)) {
            Label pending = new Label();
            masm.pendingCheck(pending);
            masm.int3();
            masm.pendingExit(pending, guestRip, process.gate.exitHva());
        }
        process.putCode(code);
        GuestSnapshot before = GuestSnapshot.random(random);
        before.load(process);
        process.page.setPendingRelease(true);
        process.enterKernelCode(AddressMap.CODE_CACHE_HVA);
        assertTrue(WaitStatus.isSignalStop(process.run(), HostAbi.SIGTRAP));
        assertEquals(process.gate.resumeHva(), process.registers.rip());
        assertEquals(ExitReason.INTERRUPT_WINDOW, process.page.exitReason());
        assertEquals(guestRip, process.page.get(VcpuPageLayout.EXIT_GUEST_RIP));
        for (int i = 0; i < 16; i++) {
            assertEquals(before.gpr[i], process.page.gpr(i), Reg.of(i).name());
        }
    }

    @Test
    void returnsAndJumpsThroughTheBranchTable() {
        long guestRip = 0xffff_ffff_9abc_def1L;
        long entryHva = AddressMap.CODE_CACHE_HVA + 0x100;
        CodeBuffer entry = new CodeBuffer(entryHva);
        try (MacroAssembler masm = new MacroAssembler(entry)) {
            masm.indirectEntry();
            masm.int3();
        }
        process.putCode(entry);
        List<Consumer<MacroAssembler>> branches = new ArrayList<>();
        branches.add(MacroAssembler::returnIndirect);
        branches.add(m -> m.jumpIndirect(Reg.r10));
        branches.add(m -> m.jumpIndirect(Mem.base(Reg.rsp)));
        for (int i = 0; i < branches.size(); i++) {
            CodeBuffer code = new CodeBuffer(AddressMap.CODE_CACHE_HVA);
            List<Mark> marks = new ArrayList<>();
            UndoSink sink = (hva, phase, undo) -> marks.add(new Mark(hva, phase, undo));
            try (MacroAssembler masm = new MacroAssembler(code, sink)) {
                branches.get(i).accept(masm);
            }
            process.putCode(code);
            GuestSnapshot before = GuestSnapshot.random(random);
            before.set(Reg.r10, guestRip);
            before.setStackWord(before.get(Reg.rsp), guestRip);

            // An absent entry jumps to HVA 0, where nothing is: the state is the one after the
            // branch, with RCX spilled.
            process.putBranchTableEntry(guestRip, 0);
            before.load(process);
            process.enterKernelCode(AddressMap.CODE_CACHE_HVA);
            assertTrue(WaitStatus.isSignalStop(process.run(), HostAbi.SIGSEGV));
            assertEquals(0, process.registers.rip());
            assertEquals(guestRip, process.registers.getGpr(Reg.rcx.number()));
            GuestSnapshot atJump = GuestSnapshot.take(process);
            Undo.apply(marks.get(marks.size() - 1).undo(), process.page, atJump);
            assertEquals(before.describe(true), atJump.describe(true));

            process.putBranchTableEntry(guestRip, entryHva);
            before.load(process);
            process.enterKernelCode(AddressMap.CODE_CACHE_HVA);
            assertTrue(WaitStatus.isSignalStop(process.run(), HostAbi.SIGTRAP));
            assertEquals(entryHva + entry.position(), process.registers.rip());
            if (i == 0) {
                before.set(Reg.rsp, before.get(Reg.rsp) + 8);
            }
            assertEquals(before.describe(true), GuestSnapshot.take(process).describe(true));
        }
    }
}
