// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.AddressMap;
import org.linuxonlinux.gate.ExitReason;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.VcpuPageLayout;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.ptrace.ResumeMode;

/**
 * Runs every vector of the translator's rules.vectors natively, at its folded address with folded
 * pointers, and translated, with the guest's pointers, and compares registers, flags and memory at
 * the end: equal, or different by exactly the fold. Then once more step by step: at every host
 * instruction the side table must yield a state that the native run passed through.
 */
@Tag("ptrace")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class RuleExecutionIT {
    private static final Path VECTORS =
            Path.of(
                    "../binary-translator/src/test/resources/org/linuxonlinux/translate/"
                            + "rules.vectors");

    /** Code of vectors with the dynamic fold, which sticks to addresses. */
    private static final long DYNAMIC_CODE_GVA = TranslationProcess.CODE_GVA + 0x8000;

    private static final long UNMAPPED_OFFSET = 0x10_0000L;
    private static final int MAX_STEPS = 5000;
    private static final long FLAGS = 0xcd5;

    /** SF of an address differs natively, where it is a lower-half one. */
    private static final long STEP_FLAGS = FLAGS & ~0x80L;

    private static TranslationProcess process;

    record Vector(String name, List<String> options, byte[] code) {
        boolean has(String option) {
            return options.contains(option);
        }

        long codeGva() {
            return has("dynamic") ? DYNAMIC_CODE_GVA : TranslationProcess.CODE_GVA;
        }

        long dataGva() {
            return (has("low") ? TranslationProcess.LOW_DATA_GVA : TranslationProcess.DATA_GVA)
                    + (has("unmapped") ? UNMAPPED_OFFSET : 0);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** Registers and the address of the next instruction, as a GVA; RSP is the host value. */
    private static final class State implements Undo.Registers {
        final long[] gpr = new long[16];
        long guestRip;
        long flags;
        int signal;

        static State take(long guestRip, int signal) {
            State state = new State();
            for (int i = 0; i < 16; i++) {
                state.gpr[i] = process.registers.getGpr(i);
            }
            state.guestRip = guestRip;
            state.flags = process.registers.rflags() & FLAGS;
            state.signal = signal;
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

        /** Whether this state of the native run is the other's of the translated run. */
        boolean matches(State translated, long comparedFlags) {
            for (int i = 0; i < 16; i++) {
                boolean same =
                        sameValue(gpr[i], translated.gpr[i])
                                || (i == Reg.rsp.number() && sameValue(translated.gpr[i], gpr[i]));
                if (!same) {
                    return false;
                }
            }
            return guestRip == translated.guestRip
                    && ((flags ^ translated.flags) & comparedFlags) == 0;
        }

        @Override
        public String toString() {
            StringBuilder text = new StringBuilder(String.format("rip=%x", guestRip));
            for (int i = 0; i < 16; i++) {
                text.append(String.format(" %s=%x", Reg.of(i), gpr[i]));
            }
            return text.append(String.format(" flags=%x signal=%d", flags, signal)).toString();
        }
    }

    private static boolean sameValue(long nativeValue, long translatedValue) {
        return nativeValue == translatedValue || nativeValue == translatedValue + AddressMap.FOLD;
    }

    @BeforeAll
    static void spawn() {
        process = new TranslationProcess();
    }

    @AfterAll
    static void end() {
        process.close();
    }

    static Stream<Vector> vectors() throws IOException {
        List<Vector> vectors = new ArrayList<>();
        for (String line : Files.readAllLines(VECTORS)) {
            if (!line.isBlank() && !line.startsWith("#")) {
                String[] columns = line.split("\\|", 4);
                List<String> options = List.of(columns[1].strip().split(" +", -1));
                byte[] code = HexFormat.of().parseHex(columns[2].strip());
                if (!options.contains("system")) {
                    vectors.add(new Vector(columns[0].strip(), options, code));
                }
            }
        }
        return vectors.stream();
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void translatedCodeDoesWhatTheGuestCodeDoes(Vector vector) throws IOException {
        assumeTrue(
                !vector.has("avx512")
                        || Files.readString(Path.of("/proc/cpuinfo")).contains("avx512f"),
                "CPU has no AVX-512");
        State nativeEnd = runNatively(vector);
        long[] nativeMemory = process.memory();
        List<State> nativeStates = stepNatively(vector);

        State end = runTranslated(vector, null);
        compareEnd(nativeEnd, end, nativeMemory);
        State steppedEnd = runTranslated(vector, vector.has("volatile") ? null : nativeStates);
        compareEnd(nativeEnd, steppedEnd, nativeMemory);
    }

    private static void compareEnd(State nativeEnd, State end, long[] nativeMemory) {
        assertEquals(nativeEnd.signal, end.signal, () -> "signal: " + nativeEnd + "\n" + end);
        assertTrue(nativeEnd.matches(end, FLAGS), () -> "end:\n" + nativeEnd + "\n" + end);
        long[] memory = process.memory();
        for (int i = 0; i < memory.length; i++) {
            if (!sameValue(nativeMemory[i], memory[i])) {
                fail(
                        String.format(
                                "memory at 0x%x: native=0x%x, translated=0x%x",
                                8 * i, nativeMemory[i], memory[i]));
            }
        }
    }

    // ---- Native runs ----

    private static void start(Vector vector, long dataBase, long stackBase) {
        process.load(vector.codeGva(), vector.code());
        long[] values = {
            0x1122_3344_5566_7788L, // rax
            3, // rcx
            0x0f0f_0f0f_1234_5678L, // rdx
            dataBase + 0x800, // rbx
            TranslationProcess.STACK_GVA + AddressMap.FOLD + 0x800, // rsp: always the host's
            stackBase + 0x900, // rbp
            dataBase + 0x100, // rsi
            dataBase + 0x200, // rdi
            8,
            0x99,
            0x10,
            0x11,
            dataBase + 0x400,
            dataBase + 0x500,
            0xe0,
            0xf0
        };
        for (int i = 0; i < 16; i++) {
            process.registers.setGpr(i, values[i]);
        }
        process.registers.setRflags(2);
    }

    private static void startNatively(Vector vector) {
        long dataHva = AddressMap.gvaToHva(vector.dataGva());
        start(vector, dataHva, TranslationProcess.STACK_GVA + AddressMap.FOLD);
        process.registers.setGsBase(dataHva + 0x1000);
        process.registers.setFsBase(dataHva + 0x1000);
        process.registers.setRip(vector.codeGva() + AddressMap.FOLD);
    }

    private static State runNatively(Vector vector) {
        startNatively(vector);
        int signal = process.resume(ResumeMode.CONT);
        // int3 reports the address after itself.
        long hva = process.registers.rip() - (signal == HostAbi.SIGTRAP ? 1 : 0);
        return State.take(hva - AddressMap.FOLD, signal);
    }

    private static List<State> stepNatively(Vector vector) {
        startNatively(vector);
        List<State> states = new ArrayList<>();
        for (int i = 0; i < MAX_STEPS; i++) {
            long hva = process.registers.rip();
            states.add(State.take(hva - AddressMap.FOLD, 0));
            if (process.codeByte(hva) == 0xcc
                    || process.resume(ResumeMode.SINGLESTEP) != HostAbi.SIGTRAP) {
                return states;
            }
        }
        throw new AssertionError("native run does not end");
    }

    // ---- Translated runs ----

    /**
     * A small vCPU loop.
     *
     * @param nativeStates if not null, runs step by step and checks the side table against them
     */
    private static State runTranslated(Vector vector, List<State> nativeStates) {
        Translator translator = process.translator;
        translator.flush();
        if (vector.has("dynamic")) {
            long[] all = new long[vector.code().length];
            for (int i = 0; i < all.length; i++) {
                all[i] = vector.codeGva() + i;
            }
            translator.addDynamic(all);
        }
        start(vector, vector.dataGva(), TranslationProcess.STACK_GVA);
        process.page.set(VcpuPageLayout.GS_BASE, vector.dataGva() + 0x1000);
        process.page.set(VcpuPageLayout.FS_BASE, vector.dataGva() + 0x1000);
        process.page.clearExitReason();
        process.registers.setGsBase(AddressMap.FOLD);
        process.registers.setFsBase(AddressMap.gvaToHva(vector.dataGva() + 0x1000));
        enter(vector.codeGva());
        HostPosition position = new HostPosition();
        for (int i = 0; i < MAX_STEPS; i++) {
            long hostRip = process.registers.rip();
            boolean stepping = nativeStates != null && AddressMap.isCodeCache(hostRip);
            if (stepping) {
                checkPosition(hostRip, position, nativeStates);
            }
            int signal = process.resume(stepping ? ResumeMode.SINGLESTEP : ResumeMode.CONT);
            hostRip = process.registers.rip();
            if (signal == HostAbi.SIGTRAP) {
                if (hostRip == process.gate.resumeHva()) {
                    State end = onExit();
                    if (end != null) {
                        return end;
                    }
                } else {
                    assertTrue(stepping, "trap at 0x" + Long.toHexString(hostRip));
                }
            } else {
                assertEquals(HostAbi.SIGSEGV, signal);
                State end = onFault(hostRip, position);
                if (end != null) {
                    return end;
                }
            }
        }
        throw new AssertionError("translated run does not end");
    }

    private static void enter(long guestRip) {
        TranslationBlock block = process.translator.blockAt(guestRip);
        assertNotNull(block, () -> "no block at 0x" + Long.toHexString(guestRip));
        process.registers.setRip(block.entryHva());
    }

    /** A stop of the exit stub; returns the end state or null. */
    private static State onExit() {
        long guestRip = process.page.get(VcpuPageLayout.EXIT_GUEST_RIP);
        ExitReason reason = process.page.exitReason();
        for (int i = 0; i < 16; i++) {
            process.registers.setGpr(i, process.page.gpr(i));
        }
        process.registers.setRflags(process.page.get(VcpuPageLayout.RFLAGS));
        process.page.clearExitReason();
        if (reason == ExitReason.INSTRUCTION) {
            return State.take(guestRip, HostAbi.SIGTRAP);
        }
        assertEquals(ExitReason.LINK, reason);
        process.translator.link((int) process.page.get(VcpuPageLayout.EXIT_DETAIL));
        enter(guestRip);
        return null;
    }

    private static State onFault(long hostRip, HostPosition position) {
        if (hostRip == 0) {
            long target = process.registers.getGpr(Reg.rcx.number());
            process.registers.setGpr(Reg.rcx.number(), process.page.get(VcpuPageLayout.SPILL_RCX));
            process.translator.fillBranchTable(target);
            enter(target);
            return null;
        }
        assertTrue(
                process.translator.locate(hostRip, position),
                () -> "fault outside of the code cache: 0x" + Long.toHexString(hostRip));
        State state = State.take(position.guestRip(), HostAbi.SIGSEGV);
        Undo.apply(position.undo(), process.page, state);
        return state;
    }

    private static void checkPosition(
            long hostRip, HostPosition position, List<State> nativeStates) {
        assertTrue(process.translator.locate(hostRip, position));
        if (position.isExiting() || position.mustRollForward()) {
            return;
        }
        State state = State.take(position.guestRip(), 0);
        Undo.apply(position.undo(), process.page, state);
        if (nativeStates.stream().noneMatch(other -> other.matches(state, STEP_FLAGS))) {
            StringBuilder text = new StringBuilder("no such state in the native run:\n");
            text.append(String.format("host rip 0x%x, ", hostRip));
            text.append(Undo.describe(position.undo())).append('\n').append(state);
            for (State other : nativeStates) {
                text.append('\n').append(other);
            }
            fail(text.toString());
        }
    }
}
