// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;
import org.linuxonlinux.vmm.GeneralProtectionException;

/**
 * The interrupt controller of one vCPU (Intel SDM vol. 3A §11). In xAPIC mode its registers lie in
 * memory, {@link #readRegister} and {@link #writeRegister}; in x2APIC mode they are MSRs
 * 0x800–0x83f. IA32_APIC_BASE chooses the mode, IA32_TSC_DEADLINE arms the timer in both.
 *
 * <pre>
 *   wires and IPIs ──► raise() ──► IRR ──► hasDeliverable(), acknowledge() ──► ISR ──► EOI
 *   timer: nextDeadlineNanos(), expireTimers() ──► LVT timer ──► IRR
 *
 *   IA32_APIC_BASE:   disabled ◄──► xAPIC ──► x2APIC ──► disabled
 * </pre>
 *
 * <p>Created as firmware leaves the bootstrap processor's: xAPIC mode, software-disabled, every LVT
 * entry masked. Registers and {@link #acknowledge} belong to the vCPU's thread; {@link #raise},
 * {@link #hasDeliverable} and {@link #expireTimers} are for any thread.
 */
public final class LocalApic {
    /** APIC base address and mode. */
    public static final int IA32_APIC_BASE = 0x1b;

    /** Absolute deadline of the timer in TSC-deadline mode. */
    public static final int IA32_TSC_DEADLINE = 0x6e0;

    /** First MSR of the x2APIC register space. */
    public static final int X2APIC_FIRST_MSR = 0x800;

    /** Last MSR of the x2APIC register space. */
    public static final int X2APIC_LAST_MSR = 0x83f;

    /** Rate at which the timer counts with divisor 1: 1 GHz, so that a count is a nanosecond. */
    public static final long TIMER_FREQUENCY_KHZ = 1_000_000;

    /** {@link #nextDeadlineNanos()} of an unarmed timer. */
    public static final long NEVER = Long.MAX_VALUE;

    /** MSR of a register less {@link #X2APIC_FIRST_MSR}, and offset in memory divided by 16. */
    private static final int ID = 0x02;

    private static final int VERSION = 0x03;
    private static final int TPR = 0x08;
    private static final int PPR = 0x0a;
    private static final int EOI = 0x0b;
    private static final int LDR = 0x0d;
    private static final int DFR = 0x0e;
    private static final int SIVR = 0x0f;
    private static final int ISR0 = 0x10;
    private static final int TMR0 = 0x18;
    private static final int IRR0 = 0x20;
    private static final int ESR = 0x28;
    private static final int ICR = 0x30;
    private static final int ICR_HIGH = 0x31;
    private static final int LVT_TIMER = 0x32;
    private static final int LVT_ERROR = 0x37;
    private static final int INIT_COUNT = 0x38;
    private static final int CUR_COUNT = 0x39;
    private static final int DIV_CONF = 0x3e;
    private static final int SELF_IPI = 0x3f;

    private static final int LVT_COUNT = 6;

    /** Version 0x14 (integrated APIC), six LVT entries, no EOI-broadcast suppression. */
    private static final int VERSION_VALUE = (LVT_COUNT - 1) << 16 | 0x14;

    private static final long APIC_BASE_GPA = 0xfee0_0000L;
    private static final int APIC_BASE_BSP = 1 << 8;
    private static final int APIC_BASE_EXTD = 1 << 10;
    private static final int APIC_BASE_EN = 1 << 11;

    private static final int SIVR_ENABLED = 1 << 8;
    private static final int SIVR_FOCUS_DISABLED = 1 << 9;
    private static final int SIVR_RESET = 0xff;

    private static final int LVT_VECTOR = 0xff;
    private static final int LVT_DELIVERY_MODE = 7 << 8;
    private static final int LVT_POLARITY = 1 << 13;
    private static final int LVT_LEVEL = 1 << 15;
    private static final int LVT_MASKED = 1 << 16;
    private static final int LVT_TIMER_MODE = 3 << 17;

    /** Writable bits of each LVT entry, in MSR order from the timer's. */
    private static final int[] LVT_WRITABLE = {
        LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
        LVT_VECTOR | LVT_DELIVERY_MODE | LVT_MASKED,
        LVT_VECTOR | LVT_DELIVERY_MODE | LVT_MASKED,
        LVT_VECTOR | LVT_DELIVERY_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
        LVT_VECTOR | LVT_DELIVERY_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
        LVT_VECTOR | LVT_MASKED,
    };

    /** Read-only status bits that a write ignores: delivery status, remote IRR. */
    private static final int LVT_READ_ONLY = 1 << 12 | 1 << 14;

    private static final int ICR_LOGICAL = 1 << 11;
    private static final int ICR_DELIVERY_MODE_SHIFT = 8;
    private static final int ICR_SHORTHAND_SHIFT = 18;
    private static final int ICR_SHORTHAND_NONE = 0;
    private static final int ICR_SHORTHAND_SELF = 1;
    private static final int ICR_SHORTHAND_ALL = 2;

    /** Vector, delivery mode, destination mode, level, trigger, shorthand. */
    private static final int ICR_WRITABLE = 0xccfff & ~(1 << 12);

    private static final int X2APIC_BROADCAST = -1;

    /** In xAPIC mode IDs, logical IDs and destinations are the upper 8 bits of their registers. */
    private static final int XAPIC_ID_SHIFT = 24;

    private static final int XAPIC_BROADCAST = 0xff;
    private static final int LDR_WRITABLE = 0xff << XAPIC_ID_SHIFT;
    private static final int DFR_FLAT = -1;
    private static final int DFR_MODEL_SHIFT = 28;
    private static final int DFR_RESERVED_ONES = -1 >>> 4;

    private static final int DIV_CONF_WRITABLE = 0xb;
    private static final int TPR_WRITABLE = 0xff;

    private static final int ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
    private static final int ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
    private static final int ESR_ILLEGAL_REGISTER = 1 << 7;

    /** Vectors below are reserved for exceptions and cannot be sent. */
    private static final int FIRST_LEGAL_VECTOR = 16;

    /** What IA32_APIC_BASE can be set to. */
    private enum Mode {
        DISABLED(0),
        XAPIC(APIC_BASE_EN),
        X2APIC(APIC_BASE_EN | APIC_BASE_EXTD);

        final int baseBits;

        Mode(int baseBits) {
            this.baseBits = baseBits;
        }
    }

    private final int id;
    private final TscClock clock;
    private final ApicTimer timer;
    private final Object lock = new Object();

    private volatile Kick kick = () -> {};
    private volatile IntConsumer eoiListener = vector -> {};

    /** Whether acknowledge() would return a vector; written under the lock. */
    private volatile boolean deliverable;

    private volatile Mode mode = Mode.XAPIC;

    /** Gives a deadline that was set without {@link #writeMsr}, once; 0 = none. */
    private volatile LongSupplier writtenDeadline = () -> 0;

    // All below guarded by lock.
    private final VectorSet irr = new VectorSet();
    private final VectorSet isr = new VectorSet();
    private final VectorSet tmr = new VectorSet();
    private final int[] lvt = new int[LVT_COUNT];
    private boolean eoiOffered;
    private int tpr;
    private int logicalDestination;
    private int destinationFormat;
    private int sivr;
    private int esr;
    private int pendingEsr;
    private long icr;

    /**
     * An APIC as firmware hands it over.
     *
     * @param id x2APIC ID; 0 is the bootstrap processor's
     * @param clock for the timer
     */
    public LocalApic(int id, TscClock clock) {
        this.id = id;
        this.clock = clock;
        timer = new ApicTimer(clock);
        reset();
    }

    /** The state after power-on (§11.4.7.1). Preconditions: lock held, or under construction. */
    private void reset() {
        irr.clear();
        isr.clear();
        tmr.clear();
        Arrays.fill(lvt, LVT_MASKED);
        timer.reset();
        eoiOffered = false;
        tpr = 0;
        logicalDestination = 0;
        destinationFormat = DFR_FLAT;
        sivr = SIVR_RESET;
        esr = 0;
        pendingEsr = 0;
        icr = 0;
        deliverable = false;
    }

    /** Names who is told when an interrupt becomes deliverable. Before the guest runs. */
    public void connectKick(Kick listener) {
        kick = listener;
    }

    /**
     * Names who knows of writes of IA32_TSC_DEADLINE that did not come by {@link #writeMsr}: gives
     * the last such value once, then 0. Before the guest runs.
     */
    public void connectDeadline(LongSupplier taken) {
        writtenDeadline = taken;
    }

    /**
     * Names who is told of the end of level-triggered interrupts, by vector. Before the guest runs.
     */
    public void connectEoi(IntConsumer listener) {
        eoiListener = listener;
    }

    /** The APIC ID. */
    public int id() {
        return id;
    }

    // ---- Interrupts --------------------------------------------------------------------------

    /**
     * Requests an interrupt. Dropped while the APIC is software-disabled, as hardware does. Any
     * thread.
     *
     * @param vector 16–255; lower ones are recorded as an error
     * @param level whether its EOI goes to the I/O APIC
     */
    public void raise(int vector, boolean level) {
        boolean news;
        synchronized (lock) {
            news = accept(vector, level);
        }
        if (news) {
            kick.kick();
        }
    }

    /**
     * Whether an interrupt of sufficient priority is waiting; the flag IF is the caller's matter.
     * Any thread.
     */
    public boolean hasDeliverable() {
        return deliverable;
    }

    /**
     * Takes the waiting interrupt of highest priority into service.
     *
     * @return its vector; the spurious vector if there is none any more
     */
    public int acknowledge() {
        synchronized (lock) {
            int vector = irr.highest();
            if (vector < 0 || (vector & 0xf0) <= (ppr() & 0xf0)) {
                return sivr & LVT_VECTOR;
            }
            irr.clear(vector);
            isr.set(vector);
            update();
            return vector;
        }
    }

    /** Preconditions: lock held. Returns whether the vCPU should be told. */
    private boolean accept(int vector, boolean level) {
        if ((sivr & SIVR_ENABLED) == 0) {
            return false;
        }
        if (vector < FIRST_LEGAL_VECTOR) {
            pendingEsr |= ESR_RECEIVE_ILLEGAL_VECTOR;
            return false;
        }
        irr.set(vector);
        tmr.assign(vector, level);
        return update() || eoiOffered;
    }

    /** Recomputes {@link #deliverable}. Preconditions: lock held. Returns whether it rose. */
    private boolean update() {
        boolean before = deliverable;
        int vector = irr.highest();
        boolean now = vector >= 0 && (vector & 0xf0) > (ppr() & 0xf0);
        deliverable = now;
        return now && !before;
    }

    private int ppr() {
        int inService = isr.highest();
        int serviceClass = inService < 0 ? 0 : inService & 0xf0;
        return (tpr & 0xf0) >= serviceClass ? tpr : serviceClass;
    }

    private void endOfInterrupt() {
        int vector;
        boolean level;
        boolean news;
        synchronized (lock) {
            vector = isr.highest();
            if (vector < 0) {
                return;
            }
            isr.clear(vector);
            level = tmr.contains(vector);
            news = update();
        }
        if (level) {
            eoiListener.accept(vector);
        }
        if (news) {
            kick.kick();
        }
    }

    /**
     * Lets the guest end the interrupt in service without telling the APIC, if nothing depends on
     * the APIC's hearing of it at once: it is edge-triggered, and none waits behind it. Until
     * {@link #withdrawEoi} every interrupt that is raised counts as news. vCPU thread.
     */
    boolean offerEoi() {
        synchronized (lock) {
            int vector = isr.highest();
            eoiOffered = vector >= 0 && irr.highest() < 0 && !tmr.contains(vector);
            return eoiOffered;
        }
    }

    /**
     * Ends what {@link #offerEoi} began. vCPU thread.
     *
     * @param ended whether the guest has ended the interrupt meanwhile
     */
    void withdrawEoi(boolean ended) {
        synchronized (lock) {
            eoiOffered = false;
        }
        if (ended) {
            endOfInterrupt();
        }
    }

    // ---- Timer -------------------------------------------------------------------------------

    /** When {@link #expireTimers} has something to do, on the monitor's clock; {@link #NEVER}. */
    public long nextDeadlineNanos() {
        synchronized (lock) {
            adoptDeadline();
            return timer.deadlineNanos();
        }
    }

    /** What the TSC reads at a moment of the monitor's clock. */
    public long tscAt(long nanos) {
        return clock.nanosToTsc(nanos);
    }

    /** Makes good a write that did not come by {@link #writeMsr}. Preconditions: lock held. */
    private void adoptDeadline() {
        long deadline = writtenDeadline.getAsLong();
        if (deadline != 0) {
            timer.setTscDeadline(deadline);
        }
    }

    /**
     * Fires the timer if its time has come. Any thread.
     *
     * @param nowNanos the monitor's clock
     */
    public void expireTimers(long nowNanos) {
        boolean news;
        clock.refresh(nowNanos);
        synchronized (lock) {
            adoptDeadline();
            boolean fires = timer.expire(nowNanos) && (lvt[0] & LVT_MASKED) == 0;
            news = fires && accept(lvt[0] & LVT_VECTOR, false);
        }
        if (news) {
            kick.kick();
        }
    }

    // ---- Mode --------------------------------------------------------------------------------

    /** Whether IA32_APIC_BASE enables the APIC, so that CPUID shows it. Any thread. */
    public boolean isEnabled() {
        return mode != Mode.DISABLED;
    }

    /** Whether the registers lie in memory. Any thread. */
    public boolean isXApic() {
        return mode == Mode.XAPIC;
    }

    private long base() {
        return APIC_BASE_GPA | mode.baseBits | (id == 0 ? APIC_BASE_BSP : 0);
    }

    /** The transitions of §11.12.5. Moving the registers is not offered. Preconditions: lock. */
    private void setBase(long value) {
        Mode next = null;
        for (Mode candidate : Mode.values()) {
            if (value == ((base() & ~Mode.X2APIC.baseBits) | candidate.baseBits)) {
                next = candidate;
            }
        }
        check(next != null);
        check(!(mode == Mode.X2APIC && next == Mode.XAPIC));
        check(!(mode == Mode.DISABLED && next == Mode.X2APIC));
        if (next == Mode.DISABLED && mode != Mode.DISABLED) {
            reset();
        }
        mode = next;
    }

    // ---- Registers ---------------------------------------------------------------------------

    /** Whether an MSR is one of this class's. */
    public static boolean owns(int msr) {
        return (msr >= X2APIC_FIRST_MSR && msr <= X2APIC_LAST_MSR)
                || msr == IA32_TSC_DEADLINE
                || msr == IA32_APIC_BASE;
    }

    /**
     * Reads a register as an MSR.
     *
     * @throws GeneralProtectionException if it does not exist or is write-only
     */
    public long readMsr(int msr) {
        synchronized (lock) {
            adoptDeadline();
            if (msr == IA32_APIC_BASE) {
                return base();
            }
            if (msr == IA32_TSC_DEADLINE) {
                return timer.tscDeadline();
            }
            check(mode == Mode.X2APIC);
            int register = msr - X2APIC_FIRST_MSR;
            check(isReadable(register) && register != DFR && register != ICR_HIGH);
            return register == ICR ? icr : Integer.toUnsignedLong(load(register));
        }
    }

    /**
     * Writes a register as an MSR.
     *
     * @throws GeneralProtectionException if it does not exist, is read-only, or reserved bits are
     *     set
     */
    public void writeMsr(int msr, long value) {
        if (msr == IA32_APIC_BASE || msr == IA32_TSC_DEADLINE) {
            synchronized (lock) {
                adoptDeadline();
                if (msr == IA32_APIC_BASE) {
                    setBase(value);
                } else {
                    timer.setTscDeadline(value);
                }
            }
            return;
        }
        check(mode == Mode.X2APIC);
        int register = msr - X2APIC_FIRST_MSR;
        switch (register) {
            case EOI -> {
                check(value == 0);
                endOfInterrupt();
            }
            case ICR -> {
                check(((int) value & ~ICR_WRITABLE) == 0);
                send(value);
            }
            case SELF_IPI -> {
                check(value >>> 8 == 0);
                raise((int) value, false);
            }
            default -> {
                check(isWritable(register) && register != LDR && register != DFR);
                int legal = writableBits(register);
                if (isLvt(register)) {
                    legal |= LVT_READ_ONLY;
                    check(register != LVT_TIMER || ApicTimer.isLegalMode((int) value));
                }
                check((value & ~Integer.toUnsignedLong(legal)) == 0);
                store(register, (int) value);
            }
        }
    }

    /**
     * Reads a register in memory. What is reserved reads 0, and shows in the error status register
     * where there is no register.
     *
     * @param register offset in the APIC's page divided by 16, 0–0xff
     */
    public int readRegister(int register) {
        synchronized (lock) {
            if (isReadable(register)) {
                return load(register);
            }
            if (register != EOI) {
                pendingEsr |= ESR_ILLEGAL_REGISTER;
            }
            return 0;
        }
    }

    /**
     * Writes a register in memory. Reserved bits are ignored.
     *
     * @param register offset in the APIC's page divided by 16, 0–0xff
     */
    public void writeRegister(int register, int value) {
        switch (register) {
            case EOI -> endOfInterrupt();
            case ICR -> {
                long high;
                synchronized (lock) {
                    high = icr & ~0xffff_ffffL;
                }
                send(high | (value & ICR_WRITABLE));
            }
            default -> store(register, value & writableBits(register));
        }
    }

    private static boolean isLvt(int register) {
        return register >= LVT_TIMER && register <= LVT_ERROR;
    }

    private static boolean isReadable(int register) {
        return switch (register) {
            case ID, VERSION, PPR, CUR_COUNT, ICR -> true;
            default -> isWritable(register) || (register >= ISR0 && register < IRR0 + 8);
        };
    }

    /** Whether {@link #store} knows the register. */
    private static boolean isWritable(int register) {
        return switch (register) {
            case TPR, LDR, DFR, SIVR, ESR, ICR_HIGH, INIT_COUNT, DIV_CONF -> true;
            default -> isLvt(register);
        };
    }

    private static int writableBits(int register) {
        if (isLvt(register)) {
            return LVT_WRITABLE[register - LVT_TIMER];
        }
        return switch (register) {
            case TPR -> TPR_WRITABLE;
            case LDR, ICR_HIGH -> LDR_WRITABLE;
            case DFR -> ~DFR_RESERVED_ONES;
            case SIVR -> LVT_VECTOR | SIVR_ENABLED | SIVR_FOCUS_DISABLED;
            case INIT_COUNT -> -1;
            case DIV_CONF -> DIV_CONF_WRITABLE;
            default -> 0;
        };
    }

    /** A register's 32 bits. Preconditions: lock held, isReadable. */
    private int load(int register) {
        if (isLvt(register)) {
            return lvt[register - LVT_TIMER];
        }
        if (register >= ISR0 && register < IRR0 + 8) {
            VectorSet set = register < TMR0 ? isr : register < IRR0 ? tmr : irr;
            return set.word(register & 7);
        }
        boolean x2Apic = mode == Mode.X2APIC;
        return switch (register) {
            case ID -> x2Apic ? id : id << XAPIC_ID_SHIFT;
            case VERSION -> VERSION_VALUE;
            case TPR -> tpr;
            case PPR -> ppr();
            case LDR -> x2Apic ? (id >>> 4) << 16 | 1 << (id & 0xf) : logicalDestination;
            case DFR -> destinationFormat;
            case SIVR -> sivr;
            case ESR -> esr;
            case ICR -> (int) icr;
            case ICR_HIGH -> (int) (icr >>> 32);
            case INIT_COUNT -> timer.initialCount();
            case CUR_COUNT -> timer.currentCount();
            case DIV_CONF -> timer.divideConfiguration();
            default -> throw new AssertionError(register);
        };
    }

    /** Writes a register that does nothing beyond this APIC; reserved bits are clear. */
    private void store(int register, int value) {
        boolean news;
        synchronized (lock) {
            adoptDeadline();
            switch (register) {
                case TPR -> tpr = value;
                case LDR -> logicalDestination = value;
                case DFR -> destinationFormat = value | DFR_RESERVED_ONES;
                case SIVR -> writeSivr(value);
                case ESR -> {
                    esr = pendingEsr;
                    pendingEsr = 0;
                }
                case ICR_HIGH -> icr = (long) value << 32 | (icr & 0xffff_ffffL);
                case INIT_COUNT -> timer.start(value);
                case DIV_CONF -> timer.setDivideConfiguration(value);
                default -> {
                    if (isLvt(register)) {
                        writeLvt(register - LVT_TIMER, value);
                    } else {
                        pendingEsr |= ESR_ILLEGAL_REGISTER;
                    }
                }
            }
            news = update();
        }
        if (news) {
            kick.kick();
        }
    }

    private void writeSivr(int value) {
        sivr = value;
        if ((value & SIVR_ENABLED) == 0) {
            for (int i = 0; i < LVT_COUNT; i++) {
                lvt[i] |= LVT_MASKED;
            }
        }
    }

    private void writeLvt(int index, int value) {
        int entry = value;
        if ((sivr & SIVR_ENABLED) == 0) {
            entry |= LVT_MASKED;
        }
        if (index == 0) {
            timer.setMode(entry);
        }
        lvt[index] = entry;
    }

    /** The task priority, of which CR8 is bits 7–4. */
    public int taskPriority() {
        synchronized (lock) {
            return tpr;
        }
    }

    /** Sets the task priority; 0–0xff. */
    public void setTaskPriority(int value) {
        store(TPR, value & TPR_WRITABLE);
    }

    // ---- Interprocessor interrupts -----------------------------------------------------------

    /** Acts on a write of the ICR (§11.6.1). This machine has one processor: to itself. */
    private void send(long value) {
        int command = (int) value;
        int shorthand = command >>> ICR_SHORTHAND_SHIFT & 3;
        int vector = command & LVT_VECTOR;
        int deliveryMode = command >>> ICR_DELIVERY_MODE_SHIFT & 7;
        boolean toSelf;
        synchronized (lock) {
            toSelf =
                    switch (shorthand) {
                        case ICR_SHORTHAND_NONE -> isMine(value);
                        case ICR_SHORTHAND_SELF, ICR_SHORTHAND_ALL -> true;
                        default -> false;
                    };
            icr = value;
            if (deliveryMode == ApicBus.DELIVERY_FIXED && vector < FIRST_LEGAL_VECTOR) {
                pendingEsr |= ESR_SEND_ILLEGAL_VECTOR;
                return;
            }
        }
        // INIT and start-up IPIs address processors that do not exist.
        if (toSelf && deliveryMode <= ApicBus.DELIVERY_LOWEST_PRIORITY) {
            raise(vector, false);
        }
    }

    private boolean isMine(long command) {
        int destination = (int) (command >>> 32);
        boolean logical = (command & ICR_LOGICAL) != 0;
        if (mode == Mode.XAPIC) {
            return isAddressed(destination >>> XAPIC_ID_SHIFT, logical);
        }
        if (destination == X2APIC_BROADCAST) {
            return true;
        }
        return logical
                ? destination >>> 16 == id >>> 4 && (destination >>> (id & 0xf) & 1) != 0
                : destination == id;
    }

    /**
     * Whether a message on the bus is for this APIC. Any thread.
     *
     * @param destination 8 bits: an APIC ID, or a logical destination in the format that the
     *     registers LDR and DFR choose (§11.6.2); in x2APIC mode, the members of cluster 0
     */
    boolean isAddressed(int destination, boolean logical) {
        if (destination == XAPIC_BROADCAST) {
            return true;
        }
        if (!logical) {
            return destination == id;
        }
        synchronized (lock) {
            if (mode == Mode.X2APIC) {
                return id < 8 && (destination >>> id & 1) != 0;
            }
            int mine = logicalDestination >>> XAPIC_ID_SHIFT;
            boolean flat = destinationFormat >>> DFR_MODEL_SHIFT == DFR_FLAT >>> DFR_MODEL_SHIFT;
            return flat
                    ? (mine & destination) != 0
                    : mine >>> 4 == destination >>> 4 && (mine & destination & 0xf) != 0;
        }
    }

    private static void check(boolean legal) {
        if (!legal) {
            throw new GeneralProtectionException();
        }
    }
}
