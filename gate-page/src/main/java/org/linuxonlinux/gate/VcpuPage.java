// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.linuxonlinux.asm.Reg;

/**
 * The monitor's view of one vCPU page area. Owned by the vCPU's thread, except {@link
 * #setPendingRelease}, which any thread may call.
 */
public final class VcpuPage implements Undo.Registers {
    private static final VarHandle WORD =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer area;

    /**
     * Views an area of {@link AddressMap#VCPU_PAGE_SIZE_BYTES} bytes, page-aligned; its lifetime is
     * the caller's matter.
     */
    public VcpuPage(ByteBuffer area) {
        if (area.capacity() < AddressMap.VCPU_PAGE_SIZE_BYTES) {
            throw new IllegalArgumentException(
                    "vCPU page area too small: sizeBytes=" + area.capacity());
        }
        this.area = area.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Writes the words that never change: magic and constants. */
    public void initialise() {
        set(VcpuPageLayout.MAGIC, VcpuPageLayout.MAGIC_VALUE);
        set(VcpuPageLayout.FOLD_CONST, AddressMap.FOLD);
        set(VcpuPageLayout.NEG_FOLD_CONST, -AddressMap.FOLD);
        for (int slot = 0; slot < AddressMap.MAX_CONTEXTS; slot++) {
            set(VcpuPageLayout.SLOT_AREA + slot * Long.BYTES, ContextAreaLayout.hva(slot));
            setSlotCr3(slot, -1);
        }
        activate(0);
        forgetGateReturn();
        closeTimer();
    }

    /** Makes a context process the one that is to run. */
    public void activate(int slot) {
        set(VcpuPageLayout.ACTIVE_SLOT, slot);
        set(VcpuPageLayout.ACTIVE_AREA, ContextAreaLayout.hva(slot));
    }

    /**
     * The context process that is to run or runs. Callable from any thread.
     *
     * @throws DamagedPageException if there can be no such process
     */
    public int activeSlot() {
        long slot = (long) WORD.getVolatile(area, VcpuPageLayout.ACTIVE_SLOT);
        if (slot < 0 || slot >= AddressMap.MAX_CONTEXTS) {
            throw new DamagedPageException("no such context process: slot=" + slot);
        }
        return (int) slot;
    }

    /** Lets the guest switch to a context process by writing this to CR3; -1 = it may not. */
    public void setSlotCr3(int slot, long cr3) {
        set(VcpuPageLayout.SLOT_CR3 + slot * Long.BYTES, cr3);
    }

    /** Writes the words that describe guest RAM, which never change. */
    public void setRam(long lowBytes, long holeBytes, long allBytes) {
        set(VcpuPageLayout.LOW_RAM_BYTES, lowBytes);
        set(VcpuPageLayout.RAM_HOLE_BYTES, holeBytes);
        set(VcpuPageLayout.RAM_BYTES, allBytes);
    }

    /** Fails unless the area was initialised for this layout version. */
    public void checkVersion() {
        long magic = get(VcpuPageLayout.MAGIC);
        if (magic != VcpuPageLayout.MAGIC_VALUE) {
            throw new IllegalStateException(
                    "vCPU page has another layout: magic=0x" + Long.toHexString(magic));
        }
    }

    /** The 8-byte word at an offset of {@link VcpuPageLayout}, plain. */
    public long get(int offset) {
        return area.getLong(offset);
    }

    /** Sets the 8-byte word at an offset of {@link VcpuPageLayout}, plain. */
    public void set(int offset, long value) {
        area.putLong(offset, value);
    }

    /** Word of a GPR in encoding order; RSP is the host value. */
    @Override
    public long gpr(int number) {
        return get(VcpuPageLayout.gpr(number));
    }

    @Override
    public void setGpr(int number, long value) {
        set(VcpuPageLayout.gpr(number), value);
    }

    /** Word of a GPR. */
    public long gpr(Reg reg) {
        return gpr(reg.number());
    }

    /** Sets the word of a GPR. */
    public void setGpr(Reg reg, long value) {
        setGpr(reg.number(), value);
    }

    /** The published exit reason. */
    public ExitReason exitReason() {
        return ExitReason.of(get(VcpuPageLayout.EXIT_REASON));
    }

    /** Forgets the published exit reason. */
    public void clearExitReason() {
        set(VcpuPageLayout.EXIT_REASON, 0);
    }

    /** Whether an interrupt wants in. */
    public boolean isPendingAcquire() {
        return (long) WORD.getAcquire(area, VcpuPageLayout.PENDING) != 0;
    }

    /** Says whether an interrupt wants in. Callable from any thread. */
    public void setPendingRelease(boolean pending) {
        WORD.setRelease(area, VcpuPageLayout.PENDING, pending ? 1L : 0L);
    }

    /**
     * Sets what translated code reads from the inline input port, 1-255; 0 = the monitor must do
     * the read. Callable from any thread.
     */
    public void setPortInputRelease(int value) {
        WORD.setRelease(area, VcpuPageLayout.PORT_INPUT, (long) value);
    }

    /**
     * Lets translated code program the TSC-deadline timer, from a deadline on; a full barrier.
     * Callable from any thread.
     *
     * @param floorTsc non-negative
     */
    public void openTimer(long floorTsc) {
        WORD.setVolatile(area, VcpuPageLayout.NEG_TIMER_FLOOR, -floorTsc);
    }

    /** Sends every programming of the timer to the monitor. Callable from any thread. */
    public void closeTimer() {
        WORD.setVolatile(area, VcpuPageLayout.NEG_TIMER_FLOOR, Long.MIN_VALUE);
    }

    /** The deadline that translated code has set since the last call, or 0. Any thread. */
    public long takeTimerDeadline() {
        boolean none = (long) WORD.getVolatile(area, VcpuPageLayout.TIMER_DEADLINE) == 0;
        return none ? 0 : (long) WORD.getAndSet(area, VcpuPageLayout.TIMER_DEADLINE, 0L);
    }

    /** Another address space may be in force, or a call site is not patched any more. */
    public void forgetGateReturn() {
        set(VcpuPageLayout.GATE_RETURN_RIP, -1);
        for (int slot = 0; slot < AddressMap.MAX_CONTEXTS; slot++) {
            set(VcpuPageLayout.SLOT_RETURN_RIP + slot * Long.BYTES, -1);
        }
    }

    /** Who has the hand: {@code VcpuPageLayout.HAND_*}. Callable from any thread. */
    public int handAcquire() {
        return (int) (long) WORD.getAcquire(area, VcpuPageLayout.HAND);
    }

    /**
     * Gives the hand to the active context process, which goes on at a stub once it is let; a full
     * barrier.
     */
    public void giveHand(long resumeEntryHva) {
        set(VcpuPageLayout.RESUME_ENTRY, resumeEntryHva);
        WORD.setVolatile(area, VcpuPageLayout.HAND, (long) VcpuPageLayout.HAND_CONTEXT);
    }

    /** Takes the hand before the context process is started. */
    public void holdHand() {
        WORD.setVolatile(area, VcpuPageLayout.HAND, (long) VcpuPageLayout.HAND_EXIT);
    }

    /** Says whether the monitor must be woken when the hand is given to it; a full barrier. */
    public void setMonitorSleeps(boolean sleeps) {
        WORD.setVolatile(area, VcpuPageLayout.MONITOR_SLEEPS, sleeps ? 1L : 0L);
    }

    /** Whether the monitor sleeps until the hand is given to it. Callable from any thread. */
    public boolean doesMonitorSleep() {
        return (long) WORD.getVolatile(area, VcpuPageLayout.MONITOR_SLEEPS) != 0;
    }

    /** Notes a kick; a full barrier. Any thread. Returns whether none was noted yet. */
    public boolean noteKick() {
        return (long) WORD.getAndSet(area, VcpuPageLayout.KICKED, 1L) == 0;
    }

    /** Whether a kick was noted since the last call. */
    public boolean takeKick() {
        boolean none = (long) WORD.getVolatile(area, VcpuPageLayout.KICKED) == 0;
        return !none && (long) WORD.getAndSet(area, VcpuPageLayout.KICKED, 0L) != 0;
    }

    /** Lets translated code collect output, or sends every write to the monitor. */
    public void openPortOutput(boolean open) {
        set(VcpuPageLayout.PORT_OUTPUT_ROOM, open ? VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES : 0);
    }

    /**
     * Takes what translated code has written to the inline output port, oldest byte first, and
     * leaves the port open. Precondition: {@link #openPortOutput} is in force.
     *
     * @param into has {@link VcpuPageLayout#PORT_OUTPUT_SIZE_BYTES} bytes
     * @return how many bytes
     */
    public int takePortOutput(byte[] into) {
        int room = (int) get(VcpuPageLayout.PORT_OUTPUT_ROOM);
        int count = VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES - room;
        if (count < 0 || count > into.length) {
            openPortOutput(true);
            throw new DamagedPageException("port output of no valid size: room=" + room);
        }
        if (count != 0) {
            int last = VcpuPageLayout.PORT_OUTPUT + VcpuPageLayout.PORT_OUTPUT_SIZE_BYTES - 1;
            for (int i = 0; i < count; i++) {
                into[i] = area.get(last - i);
            }
            openPortOutput(true);
        }
        return count;
    }

    /** Empties the command list. */
    public void clearCommands() {
        set(VcpuPageLayout.COMMAND_COUNT, 0);
    }

    /** Commands in the list. */
    public int commandCount() {
        return (int) get(VcpuPageLayout.COMMAND_COUNT);
    }

    /** Whether no further command fits. */
    public boolean isCommandListFull() {
        return commandCount() == VcpuPageLayout.COMMAND_CAPACITY;
    }

    /**
     * Appends a host system call for the runCommands stub and returns its index; precondition: list
     * not full.
     */
    public int addCommand(long number, long a0, long a1, long a2, long a3, long a4, long a5) {
        int index = commandCount();
        if (index == VcpuPageLayout.COMMAND_CAPACITY) {
            throw new IllegalStateException("command list is full: count=" + index);
        }
        int offset = commandOffset(index);
        set(offset + VcpuPageLayout.COMMAND_NUMBER_OFFSET, number);
        int arguments = offset + VcpuPageLayout.COMMAND_ARGUMENTS_OFFSET;
        set(arguments, a0);
        set(arguments + 8, a1);
        set(arguments + 16, a2);
        set(arguments + 24, a3);
        set(arguments + 32, a4);
        set(arguments + 40, a5);
        set(offset + VcpuPageLayout.COMMAND_RESULT_OFFSET, 0);
        set(VcpuPageLayout.COMMAND_COUNT, index + 1);
        return index;
    }

    /** Number of the call of a command. */
    public long commandNumber(int index) {
        return get(commandOffset(index) + VcpuPageLayout.COMMAND_NUMBER_OFFSET);
    }

    /** An argument 0–5 of a command. */
    public long commandArgument(int index, int argument) {
        return get(commandOffset(index) + VcpuPageLayout.COMMAND_ARGUMENTS_OFFSET + 8 * argument);
    }

    /** Result of an executed command: the call's value or -errno. */
    public long commandResult(int index) {
        return get(commandOffset(index) + VcpuPageLayout.COMMAND_RESULT_OFFSET);
    }

    private static int commandOffset(int index) {
        if (index < 0 || index >= VcpuPageLayout.COMMAND_CAPACITY) {
            throw new IndexOutOfBoundsException("no such command: index=" + index);
        }
        return VcpuPageLayout.COMMANDS + index * VcpuPageLayout.COMMAND_SIZE_BYTES;
    }
}
