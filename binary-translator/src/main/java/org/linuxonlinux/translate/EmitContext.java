// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;
import org.linuxonlinux.asm.CodeBuffer;
import org.linuxonlinux.asm.Cond;
import org.linuxonlinux.asm.Label;
import org.linuxonlinux.asm.Mem;
import org.linuxonlinux.asm.PatchSite;
import org.linuxonlinux.asm.Reg;
import org.linuxonlinux.decode.Instruction;
import org.linuxonlinux.gate.ExitReason;
import org.linuxonlinux.gate.MacroAssembler;
import org.linuxonlinux.gate.Undo;
import org.linuxonlinux.gate.UndoSink;
import org.linuxonlinux.gate.UndoSink.Phase;
import org.linuxonlinux.gate.VcpuPageLayout;

/**
 * What the rules share while one block is emitted: the assembler, the side table, exits and link
 * sites.
 */
final class EmitContext implements UndoSink {
    static final Mem FOLD = MacroAssembler.vcpu(VcpuPageLayout.FOLD_CONST);
    static final Mem NEG_FOLD = MacroAssembler.vcpu(VcpuPageLayout.NEG_FOLD_CONST);
    static final Mem FS_BASE = MacroAssembler.vcpu(VcpuPageLayout.FS_BASE);
    static final Mem GS_BASE = MacroAssembler.vcpu(VcpuPageLayout.GS_BASE);
    static final Mem SPILL_RCX = MacroAssembler.vcpu(VcpuPageLayout.SPILL_RCX);
    static final Mem EXIT_DETAIL = MacroAssembler.vcpu(VcpuPageLayout.EXIT_DETAIL);
    private static final Mem EXIT_REASON = MacroAssembler.vcpu(VcpuPageLayout.EXIT_REASON);
    private static final Mem EXIT_GUEST_RIP = MacroAssembler.vcpu(VcpuPageLayout.EXIT_GUEST_RIP);

    /** No guest RIP: not canonical. */
    static final long NO_RIP = 1L << 62;

    /** Scratch registers by preference; RBP and R13 cannot be a base without displacement. */
    private static final Reg[] SCRATCH = {
        Reg.rax, Reg.rcx, Reg.rdx, Reg.rbx, Reg.rsi, Reg.rdi, Reg.r8, Reg.r9, Reg.r10, Reg.r11,
        Reg.r12, Reg.r14, Reg.r15
    };

    final MacroAssembler masm;
    private final CodeBuffer code;
    private final MacroAssembler cold;
    private final CodeCache codeCache;
    private final SideTable sideTable;
    private final GateEntries gate;
    private final InlinePorts ports;
    private final long linkExitHva;
    private final long instructionExitHva;
    private final long windowExitHva;
    private final long indirectExitHva;

    // The instruction being emitted.
    private long guestRip;
    private int guestOffset;
    private int nextGuestOffset;

    // Results of the block.
    private long blockRip;
    private long returnRip;
    private int branchTableJumpOffset;
    private int siteCount;
    private int[] siteFieldOffset = new int[BasicBlock.MAX_INSTRUCTIONS * 2 + 2];
    private long[] siteTargetRip = new long[BasicBlock.MAX_INSTRUCTIONS * 2 + 2];

    // Pending checks whose exit code is still to be emitted behind the block's body.
    private int windowCount;
    private final Label[] windowLabel = new Label[BasicBlock.MAX_INSTRUCTIONS];
    private final int[] windowGuestOffset = new int[BasicBlock.MAX_INSTRUCTIONS];

    EmitContext(CodeCache codeCache, GateEntries gate, InlinePorts ports, SideTable sideTable) {
        this.ports = ports;
        this.codeCache = codeCache;
        this.sideTable = sideTable;
        this.gate = gate;
        code = new CodeBuffer(codeCache.baseHva(), BlockEmitter.MAX_BLOCK_BYTES);
        masm = new MacroAssembler(code, this);
        cold = new MacroAssembler(new CodeBuffer(codeCache.baseHva()));
        code.reset(codeCache.hvaOf(codeCache.nextBlockOffset()));
        linkExitHva = emitCommonExit(ExitReason.LINK);
        instructionExitHva = emitCommonExit(ExitReason.INSTRUCTION);
        windowExitHva = emitCommonExit(ExitReason.INTERRUPT_WINDOW);
        indirectExitHva = emitCommonExit(ExitReason.INDIRECT);
        codeCache.appendCommon(code);
    }

    /** A register the instruction does not use; {@code taken} is a mask of further ones. */
    static Reg scratch(Instruction in, int taken) {
        int used = in.gprReads() | in.gprWrites() | taken;
        for (Reg reg : SCRATCH) {
            if ((used >> reg.number() & 1) == 0) {
                return reg;
            }
        }
        throw new IllegalStateException("no scratch register: " + in.mnemonicText());
    }

    // ---- Block and instruction ----

    void startBlock(long firstGuestRip) {
        code.reset(codeCache.hvaOf(codeCache.nextBlockOffset()));
        masm.reset();
        blockRip = firstGuestRip;
        guestOffset = 0;
        nextGuestOffset = 0;
        returnRip = NO_RIP;
        branchTableJumpOffset = -1;
        siteCount = 0;
        windowCount = 0;
        masm.mark(Phase.BEFORE, Undo.withRcxSpilled(Undo.NONE, true));
        masm.nop(CodeCache.INDIRECT_ENTRY_BYTES - 7);
        masm.movq(Reg.rcx, SPILL_RCX);
        assert code.position() == CodeCache.INDIRECT_ENTRY_BYTES;
    }

    void startInstruction(long instructionRip, int offset, int nextOffset) {
        guestRip = instructionRip;
        guestOffset = offset;
        nextGuestOffset = nextOffset;
        masm.beginInstruction();
    }

    /** Emits what belongs behind the body, and pads to the size that killing a block overwrites. */
    void finishBlock() {
        for (int i = 0; i < windowCount; i++) {
            nextGuestOffset = windowGuestOffset[i];
            long exitRip = blockRip + nextGuestOffset;
            masm.bind(windowLabel[i]);
            masm.mark(Phase.COMMITTED, Undo.withRcxSpilled(Undo.NONE, true));
            masm.unspillRcx();
            masm.storeImm64(EXIT_GUEST_RIP, exitRip);
            masm.jmp(windowExitHva);
        }
        while (code.position() < CodeCache.INDIRECT_ENTRY_BYTES + 8) {
            masm.int3();
        }
    }

    CodeBuffer code() {
        return code;
    }

    int siteCount() {
        return siteCount;
    }

    /** Offset in the block of a site's rel32 field. */
    int siteFieldOffset(int i) {
        return siteFieldOffset[i];
    }

    long siteTargetRip(int i) {
        return siteTargetRip[i];
    }

    /** Where the call that ends the block returns to; {@link #NO_RIP} = no call. */
    long returnRip() {
        return returnRip;
    }

    void setReturnRip(long value) {
        returnRip = value;
    }

    /** Offset in the block of the jump through the branch table; −1 = none. */
    int branchTableJumpOffset() {
        return branchTableJumpOffset;
    }

    void markBranchTableJump() {
        branchTableJumpOffset = code.position();
    }

    // ---- Side table ----

    @Override
    public void mark(long hva, Phase phase, int undo) {
        sideTable.add(
                (int) (hva - code.baseHva()),
                phase == Phase.BEFORE ? guestOffset : nextGuestOffset,
                undo);
    }

    /** From here on, the registers are the state before the instruction at a guest RIP near by. */
    void markAt(long targetRip) {
        sideTable.add(code.position(), (int) (targetRip - blockRip), Undo.NONE);
    }

    /** From here on, the current instruction's work is done; only spills are left to restore. */
    void commit() {
        masm.mark(Phase.COMMITTED, masm.undo());
    }

    /**
     * RSP = guest value {@code reg + disp}, folded. Nothing here can fault. Postcondition: marked
     * as committed with the spills that were there before.
     */
    void setStackPointer(Reg reg, int disp) {
        int undo = masm.undo();
        masm.movq(Reg.rsp, FOLD);
        masm.mark(Undo.ROLL_FORWARD);
        masm.leaq(Reg.rsp, Mem.indexed(Reg.rsp, reg, 1, disp));
        masm.mark(Phase.COMMITTED, undo);
    }

    // ---- Jumps and exits ----

    void jumpTo(long targetRip) {
        addSite(masm.jmpPatchable(masm.hva()), targetRip);
    }

    void jumpTo(Cond cond, long targetRip) {
        addSite(masm.jccPatchable(cond, masm.hva()), targetRip);
    }

    private void addSite(PatchSite site, long targetRip) {
        if (siteCount == siteTargetRip.length) {
            siteFieldOffset = Arrays.copyOf(siteFieldOffset, siteCount * 2);
            siteTargetRip = Arrays.copyOf(siteTargetRip, siteCount * 2);
        }
        siteFieldOffset[siteCount] = (int) (site.operandStartHva() - code.baseHva());
        siteTargetRip[siteCount++] = targetRip;
    }

    /** The monitor must do the current instruction. */
    void instructionExit() {
        instructionExit(guestRip);
    }

    void instructionExit(long exitRip) {
        masm.storeImm64(EXIT_GUEST_RIP, exitRip);
        masm.jmp(instructionExitHva);
    }

    /** Leaves to the monitor if an interrupt wants in. Precondition: committed, nothing spilled. */
    void checkPending() {
        Label exit = new Label("interrupt window");
        masm.pendingCheck(exit);
        windowLabel[windowCount] = exit;
        windowGuestOffset[windowCount++] = nextGuestOffset;
    }

    /** An indirect branch, done but for the jump; EXIT_DETAIL holds the target. */
    void indirectExit() {
        masm.storeImm64(EXIT_GUEST_RIP, guestRip);
        masm.jmp(indirectExitHva);
    }

    InlinePorts ports() {
        return ports;
    }

    void jumpToIret() {
        masm.enterStub(guestRip, gate.iretHva());
    }

    /** Jumps to the stub for writes of CR3; false = there is none, nothing was emitted. */
    boolean jumpToWriteCr3(Reg value, long nextRip) {
        if (gate.writeCr3Hva() == 0) {
            return false;
        }
        masm.movq(MacroAssembler.vcpu(VcpuPageLayout.NEW_CR3), value);
        masm.storeImm64(MacroAssembler.vcpu(VcpuPageLayout.STUB_NEXT_RIP), nextRip);
        masm.enterStub(guestRip, gate.writeCr3Hva());
        return true;
    }

    void jumpToSysret() {
        masm.enterStub(guestRip, gate.sysretHva());
    }

    private long emitCommonExit(ExitReason reason) {
        long hva = masm.hva();
        masm.movqImm(EXIT_REASON, reason.code());
        masm.jmp(gate.exitHva());
        return hva;
    }

    /**
     * Appends the exit code of a link site to the cold part of the code cache.
     *
     * @param siteId 0 = none: the entry of a dead block
     */
    void emitLinkExit(int siteId, long targetRip) {
        // The code grows downwards, so its length must be known before its addresses are.
        int length = targetRip == (int) targetRip ? 27 : 36;
        cold.code().reset(codeCache.hvaOf(codeCache.nextColdOffset(length)));
        cold.movqImm(EXIT_DETAIL, siteId);
        cold.storeImm64(EXIT_GUEST_RIP, targetRip);
        cold.jmp(linkExitHva);
        assert cold.code().position() == length;
        codeCache.appendCold(cold.code());
    }
}
