// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.gate.GatePosition.Kind;
import org.linuxonlinux.host.HostAbi;
import org.linuxonlinux.ptrace.RemoteCalls;
import org.linuxonlinux.ptrace.WaitStatus;
import org.linuxonlinux.vmm.exit.GateSyscallFilter;
import org.linuxonlinux.vmm.mmu.HostCommandQueue;

/** Executes each stub on the real CPU, its fast and slow ends and the faults that may hit it. */
@Tag("ptrace")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SAME_THREAD)
class GateCodeIT {
    private static final long SEED = Long.getLong("test.seed", System.nanoTime());
    private static final long STUB_GUEST_RIP = 0xffff_ffff_8180_0777L;
    private static final long TARGET_GUEST_RIP = 0xffff_ffff_8123_4560L;
    private static final long TARGET_HVA = AddressMap.CODE_CACHE_HVA + 0x200;
    private static final long KERNEL_CS = 0x10;
    private static final long KERNEL_SS = 0x18;
    private static final long USER_CS = 0x33;
    private static final long USER32_CS = 0x23;
    private static final long USER_SS = 0x2b;
    private static final long USER_RIP = GateProcess.USER_CODE_HVA + 0x10;
    private static final long USER_RSP = 0x7fff_1234_5678L;
    private static final long PREMAP_GVA = 0x7f12_3456_7000L;
    private static final long IF = 0x200;
    private static final long TF = 0x100;

    private final GateProcess process = new GateProcess();
    private final GateCode gate = process.gate;
    private final VcpuPage page = process.page;
    private final Random random = new Random(SEED);
    private final GatePosition position = new GatePosition();
    private final GuestSnapshot before = GuestSnapshot.random(random);

    @BeforeEach
    void prepare() {
        before.virtualIf = 0;
        // A user's bases, as after swapgs on the way out.
        before.fsBase = 0x7f12_3456_7000L;
        before.gsBase = 0x1234_5000L;
        page.set(VcpuPageLayout.CS_SEL, KERNEL_CS);
        page.set(VcpuPageLayout.SS_SEL, 0);
        page.set(VcpuPageLayout.STUB_GUEST_RIP, STUB_GUEST_RIP);
        page.setPendingRelease(false);
        page.clearExitReason();
        CodeBuffer entry = new CodeBuffer(TARGET_HVA);
        try (MacroAssembler masm = new MacroAssembler(entry)) {
            masm.indirectEntry();
            masm.int3();
        }
        process.putCode(entry);
        process.putBranchTableEntry(TARGET_GUEST_RIP, TARGET_HVA);
    }

    @AfterEach
    void end() {
        process.close();
    }

    private void start(long stubHva) {
        before.load(process);
        process.enterKernelCode(stubHva);
    }

    private void runToTrap() {
        int status = process.run();
        assertTrue(WaitStatus.isSignalStop(status, HostAbi.SIGTRAP), where(status));
    }

    private void runToSegv() {
        int status = process.run();
        assertTrue(WaitStatus.isSignalStop(status, HostAbi.SIGSEGV), where(status));
    }

    private String where(int status) {
        return WaitStatus.describe(status)
                + " at "
                + gate.symbols().describe(process.registers.rip())
                + ", test.seed="
                + SEED;
    }

    /** The stop of the exit stub with everything in the vCPU page. */
    private void assertExit(ExitReason reason, long guestRip, GuestSnapshot expected) {
        assertEquals(gate.resumeHva(), process.registers.rip());
        assertEquals(reason, page.exitReason());
        assertEquals(guestRip, page.get(VcpuPageLayout.EXIT_GUEST_RIP));
        for (int i = 0; i < 16; i++) {
            assertEquals(expected.gpr[i], page.gpr(i), Reg.of(i).name());
        }
    }

    private void assertGprs(GuestSnapshot expected) {
        for (int i = 0; i < 16; i++) {
            assertEquals(expected.gpr[i], process.registers.getGpr(i), Reg.of(i).name());
        }
    }

    private long comparedFlags() {
        return process.registers.rflags() & GateProcess.COMPARED_FLAGS;
    }

    /**
     * Goes through a stub by steps; wherever a step ends, the state before must be at hand or near.
     */
    private void stepWhileInStub(String name) {
        SymbolMap.Symbol stub = gate.symbols().named(name);
        int rolled = 0;
        while (stub.equals(gate.symbols().at(process.registers.rip()))) {
            assertTrue(gate.locate(process.registers.rip(), position));
            if (position.kind() == Kind.BEFORE) {
                GuestSnapshot state = GuestSnapshot.take(process);
                long virtualIf = page.get(VcpuPageLayout.VIRTUAL_IF);
                Undo.apply(position.undo(), page, state);
                state.virtualIf = page.get(VcpuPageLayout.VIRTUAL_IF);
                // The stub goes on: it must find its own value again.
                page.set(VcpuPageLayout.VIRTUAL_IF, virtualIf);
                assertEquals(before.describe(false), state.describe(false), where(0));
            } else if (position.kind() == Kind.ROLL_FORWARD) {
                assertTrue(rolled++ < 128, "rolls forward for too long");
            }
            int status = process.step();
            assertTrue(WaitStatus.isStopped(status), where(status));
        }
    }

    @Nested
    class ExitAndResume {
        @Test
        void exitSavesEverythingAndLeavesTheGuestStackAlone() {
            start(gate.exitHva());
            runToTrap();
            assertEquals(gate.resumeHva(), process.registers.rip());
            for (int i = 0; i < 16; i++) {
                assertEquals(before.gpr[i], page.gpr(i), Reg.of(i).name());
            }
            long flags = page.get(VcpuPageLayout.RFLAGS);
            assertEquals(before.flags, flags & GateProcess.COMPARED_FLAGS);
            GuestSnapshot now = GuestSnapshot.take(process);
            for (int i = 0; i < before.stack.length; i++) {
                assertEquals(before.stack[i], now.stack[i]);
            }
        }

        @Test
        void exitWorksWithoutAnyStack() {
            before.set(Reg.rsp, 0x1122_3344_5566_7788L);
            start(gate.exitHva());
            runToTrap();
            assertEquals(0x1122_3344_5566_7788L, page.gpr(Reg.rsp));
        }

        @Test
        void resumeLoadsEverything() {
            start(gate.exitHva());
            runToTrap();
            GuestSnapshot other = GuestSnapshot.random(random);
            fillPage(other);
            runToTrap();
            assertEquals(TARGET_HVA + 8, process.registers.rip());
            assertLoaded(other);
        }

        @Test
        void resumeKernelLoadsTheKernelsBases() {
            start(gate.resumeKernelHva());
            for (long gsBase : new long[] {0xffff_8880_1234_0000L, 0x1234_5000L, 0}) {
                GuestSnapshot other = GuestSnapshot.random(random);
                fillPage(other);
                page.set(VcpuPageLayout.GS_BASE, gsBase);
                process.registers.setGsBase(0);
                process.registers.setFsBase(0);
                process.registers.setRip(gate.resumeKernelHva());
                process.process.setRegisters(process.registers);
                runToTrap();
                assertLoaded(other);
                assertEquals(AddressMap.FOLD, process.registers.gsBase());
                assertEquals(AddressMap.gvaToHva(gsBase), process.registers.fsBase());
            }
        }

        @Test
        void resumeUserLoadsTheUsersBases() {
            start(gate.resumeUserHva());
            GuestSnapshot other = GuestSnapshot.random(random);
            fillPage(other);
            runToTrap();
            assertLoaded(other);
            assertEquals(before.fsBase, process.registers.fsBase());
            assertEquals(before.gsBase, process.registers.gsBase());
        }

        @Test
        void anyPointOfResumeMayBeAbandonedAndRepeated() {
            start(gate.resumeKernelHva());
            GuestSnapshot other = GuestSnapshot.random(random);
            fillPage(other);
            int steps = 0;
            while (gate.locate(process.registers.rip(), position)) {
                assertEquals(Kind.RESUMING, position.kind());
                process.step();
                steps++;
            }
            assertLoadedExceptRcx(other);
            for (int stop = 0; stop < steps; stop++) {
                process.registers.setRip(gate.resumeKernelHva());
                process.process.setRegisters(process.registers);
                for (int i = 0; i < stop; i++) {
                    process.step();
                }
            }
            process.registers.setRip(gate.resumeKernelHva());
            process.process.setRegisters(process.registers);
            runToTrap();
            assertLoaded(other);
        }

        /** The state to resume, with RCX also where the target reloads it from. */
        private void fillPage(GuestSnapshot state) {
            for (int i = 0; i < 16; i++) {
                page.setGpr(i, state.gpr[i]);
            }
            page.set(VcpuPageLayout.SPILL_RCX, state.get(Reg.rcx));
            page.set(VcpuPageLayout.RFLAGS, state.flags | 0x202);
            page.set(VcpuPageLayout.RESUME_HOST_RIP, TARGET_HVA);
        }

        private void assertLoaded(GuestSnapshot state) {
            assertGprs(state);
            assertEquals(state.flags, comparedFlags());
        }

        private void assertLoadedExceptRcx(GuestSnapshot state) {
            process.registers.setGpr(Reg.rcx.number(), state.get(Reg.rcx));
            assertLoaded(state);
        }
    }

    @Nested
    class Commands {
        @Test
        void executesAllCallsInOrder() {
            start(gate.runCommandsHva());
            page.clearCommands();
            page.addCommand(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0);
            page.addCommand(HostAbi.SYS_close, 99, 0, 0, 0, 0, 0);
            int protection = HostAbi.PROT_READ;
            int flags = HostAbi.MAP_SHARED | HostAbi.MAP_FIXED;
            page.addCommand(HostAbi.SYS_mmap, 0x50_0000, 0x1000, protection, flags, 3, 0x4_0000);
            page.addCommand(HostAbi.SYS_munmap, 0x50_0000, 0x1000, 0, 0, 0, 0);
            runToTrap();
            assertEquals(gate.commandsDoneHva(), process.registers.rip());
            assertEquals(ExitReason.COMMANDS_DONE, page.exitReason());
            assertEquals(process.process.pid(), page.commandResult(0));
            assertEquals(-9, page.commandResult(1));
            assertEquals(0x50_0000, page.commandResult(2));
            assertEquals(0, page.commandResult(3));
        }

        @Test
        void executesAFullListAndAnEmptyOne() {
            start(gate.runCommandsHva());
            page.clearCommands();
            while (!page.isCommandListFull()) {
                page.addCommand(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0);
            }
            runToTrap();
            for (int i = 0; i < VcpuPageLayout.COMMAND_CAPACITY; i++) {
                assertEquals(process.process.pid(), page.commandResult(i));
            }
            page.clearCommands();
            page.clearExitReason();
            start(gate.runCommandsHva());
            runToTrap();
            assertEquals(ExitReason.COMMANDS_DONE, page.exitReason());
        }

        @Test
        void resumeExecutesThemOnTheWay() {
            start(gate.resumeHva());
            for (int i = 0; i < 16; i++) {
                page.setGpr(i, before.gpr[i]);
            }
            page.set(VcpuPageLayout.SPILL_RCX, before.get(Reg.rcx));
            page.set(VcpuPageLayout.RFLAGS, before.flags | 0x202);
            page.set(VcpuPageLayout.RESUME_HOST_RIP, TARGET_HVA);
            page.clearCommands();
            page.addCommand(HostAbi.SYS_getpid, 0, 0, 0, 0, 0, 0);
            page.addCommand(HostAbi.SYS_close, 99, 0, 0, 0, 0, 0);
            runToTrap();
            assertEquals(TARGET_HVA + 8, process.registers.rip());
            assertGprs(before);
            assertEquals(before.flags, comparedFlags());
            assertEquals(0, page.commandCount());
            assertEquals(process.process.pid(), page.commandResult(0));
            assertEquals(-9, page.commandResult(1));
        }

        @Test
        void theFilterLetsOnlyMappingOfRamPass() {
            int offset = VcpuPageLayout.COMMANDS;
            byte[] program =
                    GateSyscallFilter.program(VcpuPageLayout.hva(offset), GateCode.Form.TRACED);
            for (int i = 0; i < program.length; i += 8) {
                page.set(offset + i, ByteBuffer.wrap(program).order(LITTLE_ENDIAN).getLong(i));
            }
            try (RemoteCalls calls = process.process.borrow()) {
                assertTrue(GateSyscallFilter.install(calls, VcpuPageLayout.hva(offset)));
            }
            int flags = HostCommandQueue.MAP_FLAGS;
            start(gate.runCommandsHva());
            page.clearCommands();
            page.addCommand(HostAbi.SYS_mmap, 0x50_0000, 0x1000, 1, flags, GateCode.RAM_FD, 0);
            page.addCommand(HostAbi.SYS_mprotect, 0x50_0000, 0x1000, 3, 0, 0, 0);
            page.addCommand(HostAbi.SYS_munmap, 0x50_0000, 0x1000, 0, 0, 0, 0);
            runToTrap();
            assertEquals(0x50_0000, page.commandResult(0));
            assertEquals(0, page.commandResult(1));
            assertEquals(0, page.commandResult(2));
            int anonymous = flags | HostAbi.MAP_ANONYMOUS;
            assertTraced(HostAbi.SYS_getpid, 0, 0);
            assertTraced(HostAbi.SYS_mmap, anonymous, GateCode.RAM_FD);
            assertTraced(HostAbi.SYS_mmap, flags, GateCode.RAM_FD + 1);
            assertFilteredByAddress(0, false);
            assertFilteredByAddress(AddressMap.STUB_HVA - 4096, false);
            assertFilteredByAddress(AddressMap.STUB_HVA, true);
            assertFilteredByAddress(AddressMap.RAM_WINDOW_HVA, true);
            assertFilteredByAddress(AddressMap.GATE_CODE_HVA, true);
            assertFilteredByAddress(AddressMap.CODE_CACHE_HVA, true);
            assertFilteredByAddress(AddressMap.BRANCH_TABLE_HVA - 4096, false);
            long tableEndHva = AddressMap.BRANCH_TABLE_HVA + AddressMap.BRANCH_TABLE_SIZE_BYTES;
            for (long hva = AddressMap.BRANCH_TABLE_HVA; hva < tableEndHva; hva += 1L << 31) {
                assertFilteredByAddress(hva, true);
            }
            assertFilteredByAddress(tableEndHva, false);
            assertFilteredByAddress(AddressMap.FOLD, false);
        }

        /** Calls without effect: a length or an offset that the host refuses. */
        private void assertFilteredByAddress(long hva, boolean traced) {
            int flags = HostCommandQueue.MAP_FLAGS;
            for (int number : List.of(HostAbi.SYS_mmap, HostAbi.SYS_munmap)) {
                if (traced) {
                    assertTraced(number, hva, flags, GateCode.RAM_FD);
                    continue;
                }
                page.clearExitReason();
                start(gate.runCommandsHva());
                page.clearCommands();
                page.addCommand(number, hva, 0, 1, flags, GateCode.RAM_FD, 0);
                runToTrap();
                assertEquals(-HostAbi.EINVAL, page.commandResult(0));
            }
        }

        private void assertTraced(int number, int flags, int fd) {
            assertTraced(number, 0x50_0000, flags, fd);
        }

        private void assertTraced(int number, long hva, int flags, int fd) {
            page.clearExitReason();
            start(gate.runCommandsHva());
            page.clearCommands();
            page.addCommand(number, hva, 0x1000, HostAbi.PROT_READ, flags, fd, 0);
            int status = process.run();
            assertEquals(WaitStatus.Kind.SYSCALL, WaitStatus.kind(status), where(status));
            assertEquals(number, process.registers.origRax());
            process.registers.setOrigRax(-1);
            process.process.setRegisters(process.registers);
            runToTrap();
        }

        @Test
        void goesOnAtResumeAfterwards() {
            start(gate.runCommandsHva());
            page.clearCommands();
            runToTrap();
            page.set(VcpuPageLayout.RFLAGS, 2);
            page.set(VcpuPageLayout.RESUME_HOST_RIP, TARGET_HVA);
            page.setGpr(Reg.r13, 0x1313);
            runToTrap();
            assertEquals(TARGET_HVA + 8, process.registers.rip());
            assertEquals(0x1313, process.registers.getGpr(Reg.r13.number()));
        }
    }

    @Nested
    class Sysret {
        @BeforeEach
        void userState() {
            before.set(Reg.rcx, USER_RIP);
            before.set(Reg.r11, before.flags | 2 | IF);
            before.set(Reg.rsp, USER_RSP + AddressMap.FOLD);
        }

        private void assertUser() {
            assertEquals(USER_RIP + 1, process.registers.rip());
            before.set(Reg.rsp, USER_RSP);
            assertGprs(before);
            assertEquals(before.flags, comparedFlags());
            assertEquals(before.fsBase, process.registers.fsBase());
            assertEquals(before.gsBase, process.registers.gsBase());
            assertEquals(IF, page.get(VcpuPageLayout.VIRTUAL_IF));
        }

        @Test
        void returnsToUserMode() {
            start(gate.sysretHva());
            runToTrap();
            assertUser();
            assertEquals(1, page.get(VcpuPageLayout.COUNT_SYSRET));
        }

        @Test
        void stateIsAtHandAtEveryStep() {
            start(gate.sysretHva());
            stepWhileInStub("sysret");
            runToTrap();
            assertUser();
        }

        @Test
        void isSlowWhenSomethingIsPending() {
            page.setPendingRelease(true);
            assertSlow();
        }

        @Test
        void isSlowWithTrapFlagOrUpperHalfTarget() {
            before.set(Reg.r11, TF | IF | 2);
            assertSlow();
            before.set(Reg.r11, IF | 2);
            before.set(Reg.rcx, TARGET_GUEST_RIP);
            assertSlow();
        }

        private void assertSlow() {
            start(gate.sysretHva());
            runToTrap();
            assertExit(ExitReason.SYSRET_SLOW, STUB_GUEST_RIP, before);
            assertEquals(0, page.get(VcpuPageLayout.VIRTUAL_IF));
        }

        @Test
        void nonCanonicalTargetFaultsAtTheUserJump() {
            before.set(Reg.rcx, 0x0000_8000_0000_0000L);
            start(gate.sysretHva());
            runToSegv();
            assertTrue(gate.locate(process.registers.rip(), position));
            assertEquals(Kind.USER_JUMP, position.kind());
            before.set(Reg.rsp, USER_RSP);
            assertGprs(before);
        }
    }

    @Nested
    class IretToKernel {
        private static final long NEW_RSP = GuestSnapshot.INITIAL_RSP + 0x80;

        @BeforeEach
        void frame() {
            setFrame(
                    TARGET_GUEST_RIP,
                    KERNEL_CS,
                    0x8d5 | 2,
                    AddressMap.unfoldHva(NEW_RSP),
                    KERNEL_SS);
        }

        private void assertAtTarget(long virtualIf) {
            assertEquals(TARGET_HVA + 8, process.registers.rip(), where(0));
            before.set(Reg.rsp, NEW_RSP);
            assertGprs(before);
            assertEquals(0x8d5, comparedFlags());
            assertEquals(virtualIf, page.get(VcpuPageLayout.VIRTUAL_IF));
            assertEquals(KERNEL_SS, page.get(VcpuPageLayout.SS_SEL));
            assertEquals(AddressMap.FOLD, process.registers.gsBase());
        }

        @Test
        void goesOnAtTheTarget() {
            page.setPendingRelease(true);
            start(gate.iretHva());
            runToTrap();
            assertAtTarget(0);
            assertEquals(1, page.get(VcpuPageLayout.COUNT_IRET_KERNEL));
        }

        @Test
        void stateIsAtHandAtEveryStep() {
            start(gate.iretHva());
            stepWhileInStub("iret");
            assertEquals(TARGET_HVA, process.registers.rip());
            runToTrap();
            assertAtTarget(0);
        }

        @Test
        void enablesInterruptsWhenNoneIsPending() {
            setFrame(
                    TARGET_GUEST_RIP,
                    KERNEL_CS,
                    0x8d5 | 2 | IF,
                    AddressMap.unfoldHva(NEW_RSP),
                    KERNEL_SS);
            start(gate.iretHva());
            runToTrap();
            assertAtTarget(IF);
        }

        @Test
        void takesAPendingInterruptAtTheTarget() {
            setFrame(
                    TARGET_GUEST_RIP,
                    KERNEL_CS,
                    0x8d5 | 2 | IF,
                    AddressMap.unfoldHva(NEW_RSP),
                    KERNEL_SS);
            page.setPendingRelease(true);
            start(gate.iretHva());
            runToTrap();
            before.set(Reg.rsp, NEW_RSP);
            assertExit(ExitReason.INTERRUPT_WINDOW, TARGET_GUEST_RIP, before);
            long flags = page.get(VcpuPageLayout.RFLAGS);
            assertEquals(0x8d5, flags & GateProcess.COMPARED_FLAGS);
            assertEquals(IF, page.get(VcpuPageLayout.VIRTUAL_IF));
        }

        @Test
        void absentEntryStopsAtZeroWithTheTargetInRcx() {
            process.putBranchTableEntry(TARGET_GUEST_RIP, 0);
            start(gate.iretHva());
            runToSegv();
            assertEquals(0, process.registers.rip());
            assertEquals(TARGET_GUEST_RIP, process.registers.getGpr(Reg.rcx.number()));
            // Going on at the entry is all that is needed.
            process.registers.setRip(TARGET_HVA);
            process.process.setRegisters(process.registers);
            runToTrap();
            assertAtTarget(0);
        }

        @Test
        void isSlowWithOddTargetsAndFlags() {
            long rsp = AddressMap.unfoldHva(NEW_RSP);
            List<long[]> frames =
                    List.of(
                            new long[] {0x10_0000, KERNEL_CS, 2, rsp, KERNEL_SS},
                            new long[] {0xffff_c900_0000_0000L, KERNEL_CS, 2, rsp, KERNEL_SS},
                            new long[] {TARGET_GUEST_RIP, KERNEL_CS, 2 | TF, rsp, KERNEL_SS},
                            new long[] {TARGET_GUEST_RIP, KERNEL_CS, 0x4002, rsp, KERNEL_SS},
                            new long[] {TARGET_GUEST_RIP, KERNEL_CS, 0x4_0002, rsp, KERNEL_SS},
                            new long[] {TARGET_GUEST_RIP, 0x08, 2, rsp, KERNEL_SS});
            for (long[] frame : frames) {
                setFrame(frame[0], frame[1], frame[2], frame[3], frame[4]);
                start(gate.iretHva());
                runToTrap();
                assertExit(ExitReason.IRET_SLOW, STUB_GUEST_RIP, before);
                assertEquals(0, page.get(VcpuPageLayout.SS_SEL));
            }
        }
    }

    @Nested
    class IretToUser {
        @BeforeEach
        void frame() {
            setFrame(USER_RIP, USER_CS, 0x8d5 | 2 | IF, USER_RSP, USER_SS);
        }

        private void assertUser() {
            assertEquals(USER_RIP + 1, process.registers.rip());
            before.set(Reg.rsp, USER_RSP);
            assertGprs(before);
            assertEquals(0x8d5, comparedFlags());
            assertEquals(before.fsBase, process.registers.fsBase());
            assertEquals(before.gsBase, process.registers.gsBase());
            assertEquals(IF, page.get(VcpuPageLayout.VIRTUAL_IF));
        }

        @Test
        void returnsToUserMode() {
            start(gate.iretHva());
            runToTrap();
            assertUser();
            assertEquals(1, page.get(VcpuPageLayout.COUNT_IRET_USER));
        }

        @Test
        void stateIsAtHandAtEveryStep() {
            start(gate.iretHva());
            stepWhileInStub("iret");
            runToTrap();
            assertUser();
        }

        @ParameterizedTest
        @CsvSource({
            "0x67, 7", // present, writable, user, accessed, dirty
            "0x27, 5", // not dirty
            "0x65, 5", // not writable
            "0x8000000000000067, 3"
        })
        void mapsThePageThatWasWanted(String bits, int prot) {
            long leaf = GateProcess.USER_GPA | Long.parseUnsignedLong(bits.substring(2), 16);
            process.mapGuestPage(PREMAP_GVA, leaf);
            page.set(VcpuPageLayout.PREMAP_GVA, PREMAP_GVA);
            start(gate.iretHva());
            runToTrap();
            assertUser();
            assertEquals(0, page.get(VcpuPageLayout.PREMAP_GVA));
            assertEquals(PREMAP_GVA, page.get(VcpuPageLayout.PREMAPPED_GVA));
            assertEquals(leaf, page.get(VcpuPageLayout.PREMAPPED_LEAF));
            assertEquals(prot, page.get(VcpuPageLayout.PREMAPPED_PROT));
            byte[] bytes = new byte[2];
            process.process.readMemory(PREMAP_GVA, bytes);
            assertEquals((byte) 0xcc, bytes[1]);
        }

        @Test
        void mapsAtEveryStep() {
            process.mapGuestPage(PREMAP_GVA, GateProcess.USER_GPA | 0x67);
            page.set(VcpuPageLayout.PREMAP_GVA, PREMAP_GVA);
            start(gate.iretHva());
            stepWhileInStub("iret");
            runToTrap();
            assertUser();
            assertEquals(PREMAP_GVA, page.get(VcpuPageLayout.PREMAPPED_GVA));
        }

        @ParameterizedTest
        @CsvSource({
            "3, 0x40066", // absent
            "3, 0x40063", // not for user mode
            "3, 0x40047", // not accessed
            "3, 0x4000000067", // not RAM
            "2, 0x47", // a table not accessed
            "2, 0x400e7", // a large page
            "1, 0",
            "0, 0xffffffffff067"
        })
        void mapsNothingElse(int level, String entry) {
            process.mapGuestPage(PREMAP_GVA, GateProcess.USER_GPA | 0x67);
            process.setTableEntry(PREMAP_GVA, level, Long.decode(entry));
            page.set(VcpuPageLayout.PREMAP_GVA, PREMAP_GVA);
            start(gate.iretHva());
            runToTrap();
            assertUser();
            assertEquals(PREMAP_GVA, page.get(VcpuPageLayout.PREMAP_GVA));
            assertEquals(0, page.get(VcpuPageLayout.PREMAPPED_GVA));
        }

        @Test
        void findsFramesBehindTheHole() {
            long fileBytes = GateProcess.USER_GPA + 0x1_4000;
            long highGpa = 0x1_0000_0000L;
            long lowBytes = GateProcess.USER_GPA;
            process.mapGuestPage(PREMAP_GVA, highGpa | 0x67);
            page.setRam(lowBytes, highGpa - lowBytes, fileBytes);
            page.set(VcpuPageLayout.CR3, highGpa + 0x1_0000);
            for (int level = 0; level < 3; level++) {
                long table = highGpa + 0x1_0000 + (level + 1) * 0x1000L;
                process.setTableEntry(PREMAP_GVA, level, table | 0x67);
            }
            page.set(VcpuPageLayout.PREMAP_GVA, PREMAP_GVA);
            start(gate.iretHva());
            runToTrap();
            assertUser();
            byte[] bytes = new byte[2];
            process.process.readMemory(PREMAP_GVA, bytes);
            assertEquals((byte) 0xcc, bytes[1]);
        }

        @Test
        void trapFlagOfTheUserTrapsInUserMode() {
            setFrame(USER_RIP, USER_CS, 2 | IF | TF, USER_RSP, USER_SS);
            start(gate.iretHva());
            runToTrap();
            // The int3 there is hit first; its stop shows the user's flag.
            assertEquals(USER_RIP + 1, process.registers.rip());
            assertNotEquals(0, process.registers.rflags() & TF);
        }

        @Test
        void returnsToCompatibilityMode() {
            setFrame(USER_RIP, USER32_CS, 2 | IF, 0x12_3450L, USER_SS);
            start(gate.iretHva());
            runToTrap();
            assertEquals(USER_RIP + 1, process.registers.rip());
            assertEquals(0x12_3450L, process.registers.rsp());
        }

        @Test
        void faultOfIretqLeavesTheStateBefore() {
            setFrame(0x0000_8000_0000_0000L, USER_CS, 2 | IF, USER_RSP, USER_SS);
            start(gate.iretHva());
            runToSegv();
            assertTrue(gate.locate(process.registers.rip(), position));
            assertEquals(Kind.BEFORE, position.kind());
            assertTrue(Undo.isUserBases(position.undo()));
            GuestSnapshot state = GuestSnapshot.take(process);
            Undo.apply(position.undo(), page, state);
            assertEquals(0, page.get(VcpuPageLayout.VIRTUAL_IF));
            state.virtualIf = 0;
            assertEquals(before.describe(false), state.describe(false));
        }

        @Test
        void faultOnTheFrameLeavesTheStateBefore() {
            start(gate.iretHva());
            try (RemoteCalls calls = process.process.borrow()) {
                calls.munmap(GateProcess.STACK_HVA, GateProcess.STACK_SIZE_BYTES);
            }
            runToSegv();
            assertTrue(gate.locate(process.registers.rip(), position));
            assertEquals(Kind.BEFORE, position.kind());
            GuestSnapshot state = GuestSnapshot.take(process);
            Undo.apply(position.undo(), page, state);
            assertEquals(before.describe(false), state.describe(false));
        }

        @Test
        void isSlowWhenPendingEnabledOrOdd() {
            page.setPendingRelease(true);
            assertSlow();
            page.setPendingRelease(false);
            before.virtualIf = IF;
            assertSlow();
            before.virtualIf = 0;
            List<long[]> frames =
                    List.of(
                            new long[] {USER_RIP, 0x2b, 2, USER_RSP, USER_SS},
                            new long[] {USER_RIP, USER_CS, 2, USER_RSP, 0},
                            new long[] {USER_RIP, USER_CS, 0x4002, USER_RSP, USER_SS},
                            new long[] {TARGET_GUEST_RIP, USER_CS, 2, USER_RSP, USER_SS});
            for (long[] frame : frames) {
                setFrame(frame[0], frame[1], frame[2], frame[3], frame[4]);
                assertSlow();
            }
        }

        private void assertSlow() {
            start(gate.iretHva());
            runToTrap();
            assertExit(ExitReason.IRET_SLOW, STUB_GUEST_RIP, before);
            assertEquals(before.virtualIf, page.get(VcpuPageLayout.VIRTUAL_IF));
        }
    }

    private void setFrame(long rip, long cs, long rflags, long rsp, long ss) {
        long at = before.get(Reg.rsp);
        long[] words = {rip, cs, rflags, rsp, ss};
        for (int i = 0; i < words.length; i++) {
            before.setStackWord(at + 8L * i, words[i]);
        }
    }

    @Test
    void wildJumpIntoAGapStops() {
        long gapHva = gate.symbols().named("resume").endHva();
        start(gapHva);
        runToTrap();
        assertEquals(gapHva + 1, process.registers.rip());
        assertTrue(gate.locate(gapHva, position));
        assertEquals(Kind.NOWHERE, position.kind());
    }
}
