// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.irq;

import java.util.function.IntConsumer;
import org.linuxonlinux.vmm.GeneralProtectionException;

/**
 * The interrupt controller of one vCPU, in x2APIC mode only: its registers are MSRs 0x800–0x83f,
 * beside IA32_APIC_BASE and IA32_TSC_DEADLINE (Intel SDM vol. 3A §11.5, §11.8, §11.12).
 *
 * <pre>
 *   wires and IPIs ──► raise() ──► IRR ──► hasDeliverable(), acknowledge() ──► ISR ──► EOI
 *   timer: nextDeadlineNanos(), expireTimers() ──► LVT timer ──► IRR
 * </pre>
 *
 * <p>Created as firmware leaves the bootstrap processor's: x2APIC enabled, software-disabled, every
 * LVT entry masked. Registers and {@link #acknowledge} belong to the vCPU's thread; {@link #raise},
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

    private static final int X2APIC_ID = 0x802;
    private static final int X2APIC_VERSION = 0x803;
    private static final int X2APIC_TPR = 0x808;
    private static final int X2APIC_PPR = 0x80a;
    private static final int X2APIC_EOI = 0x80b;
    private static final int X2APIC_LDR = 0x80d;
    private static final int X2APIC_SIVR = 0x80f;
    private static final int X2APIC_ISR0 = 0x810;
    private static final int X2APIC_TMR0 = 0x818;
    private static final int X2APIC_IRR0 = 0x820;
    private static final int X2APIC_ESR = 0x828;
    private static final int X2APIC_ICR = 0x830;
    private static final int X2APIC_LVT_TIMER = 0x832;
    private static final int X2APIC_LVT_THERMAL = 0x833;
    private static final int X2APIC_LVT_PMI = 0x834;
    private static final int X2APIC_LVT_LINT0 = 0x835;
    private static final int X2APIC_LVT_LINT1 = 0x836;
    private static final int X2APIC_LVT_ERROR = 0x837;
    private static final int X2APIC_INIT_COUNT = 0x838;
    private static final int X2APIC_CUR_COUNT = 0x839;
    private static final int X2APIC_DIV_CONF = 0x83e;
    private static final int X2APIC_SELF_IPI = 0x83f;

    private static final int LVT_COUNT = 6;

    /** Version 0x14 (integrated APIC), six LVT entries, no EOI-broadcast suppression. */
    private static final int VERSION = (LVT_COUNT - 1) << 16 | 0x14;

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
    private static final int TIMER_MODE_PERIODIC = 1 << 17;
    private static final int TIMER_MODE_TSC_DEADLINE = 2 << 17;

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

    private static final int ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
    private static final int ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;

    /** Vectors below are reserved for exceptions and cannot be sent. */
    private static final int FIRST_LEGAL_VECTOR = 16;

    private final int id;
    private final TscClock clock;
    private final Object lock = new Object();

    private volatile Kick kick = () -> {};
    private volatile IntConsumer eoiListener = vector -> {};

    /** Whether acknowledge() would return a vector; written under the lock. */
    private volatile boolean deliverable;

    /** Monitor time at which the timer fires; written under the lock. */
    private volatile long deadlineNanos = NEVER;

    // All below guarded by lock.
    private final VectorSet irr = new VectorSet();
    private final VectorSet isr = new VectorSet();
    private final VectorSet tmr = new VectorSet();
    private final int[] lvt = new int[LVT_COUNT];
    private int tpr;
    private int sivr = SIVR_RESET;
    private int esr;
    private int pendingEsr;
    private long icr;
    private int divideConfiguration;
    private int initialCount;
    private long countStartNanos;
    private long tscDeadline;

    /**
     * An APIC as firmware hands it over.
     *
     * @param id x2APIC ID; 0 is the bootstrap processor's
     * @param clock for the timer
     */
    public LocalApic(int id, TscClock clock) {
        this.id = id;
        this.clock = clock;
        java.util.Arrays.fill(lvt, LVT_MASKED);
    }

    /** Names who is told when an interrupt becomes deliverable. Before the guest runs. */
    public void connectKick(Kick listener) {
        kick = listener;
    }

    /**
     * Names who is told of the end of level-triggered interrupts, by vector. Before the guest runs.
     */
    public void connectEoi(IntConsumer listener) {
        eoiListener = listener;
    }

    /** The x2APIC ID. */
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
        return update();
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

    // ---- Timer -------------------------------------------------------------------------------

    /** When {@link #expireTimers} has something to do, on the monitor's clock; {@link #NEVER}. */
    public long nextDeadlineNanos() {
        return deadlineNanos;
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
            if (nowNanos < deadlineNanos) {
                return;
            }
            if ((lvt[0] & LVT_TIMER_MODE) == TIMER_MODE_PERIODIC) {
                long periodNanos = countToNanos(Integer.toUnsignedLong(initialCount));
                long missed = (nowNanos - deadlineNanos) / periodNanos;
                countStartNanos = deadlineNanos + missed * periodNanos;
                deadlineNanos = countStartNanos + periodNanos;
            } else {
                tscDeadline = 0;
                deadlineNanos = NEVER;
            }
            news = (lvt[0] & LVT_MASKED) == 0 && accept(lvt[0] & LVT_VECTOR, false);
        }
        if (news) {
            kick.kick();
        }
    }

    /** Divisor of the count rate, from bits 0, 1 and 3: 2, 4, … 128, 1. */
    private int divisorShift() {
        int code = (divideConfiguration & 3) | ((divideConfiguration & 8) >> 1);
        return (code + 1) & 7;
    }

    private long countToNanos(long count) {
        return count << divisorShift();
    }

    private void startCount(int count) {
        initialCount = count;
        countStartNanos = clock.nanoTime();
        deadlineNanos =
                count == 0 ? NEVER : countStartNanos + countToNanos(Integer.toUnsignedLong(count));
    }

    private int currentCount() {
        if (deadlineNanos == NEVER || isTscDeadlineMode()) {
            return 0;
        }
        long leftNanos = deadlineNanos - clock.nanoTime();
        return leftNanos <= 0 ? 0 : (int) (leftNanos >> divisorShift());
    }

    private boolean isTscDeadlineMode() {
        return (lvt[0] & LVT_TIMER_MODE) == TIMER_MODE_TSC_DEADLINE;
    }

    private void writeTscDeadline(long value) {
        if (!isTscDeadlineMode()) {
            return;
        }
        tscDeadline = value;
        deadlineNanos = value == 0 ? NEVER : clock.tscToNanos(value);
    }

    private void writeLvtTimer(int value) {
        int oldMode = lvt[0] & LVT_TIMER_MODE;
        int newMode = value & LVT_TIMER_MODE;
        if (newMode == LVT_TIMER_MODE) {
            throw new GeneralProtectionException();
        }
        boolean tscEither =
                oldMode == TIMER_MODE_TSC_DEADLINE || newMode == TIMER_MODE_TSC_DEADLINE;
        if (oldMode != newMode && tscEither) {
            // Into or out of TSC-deadline mode disarms (§11.5.4.1).
            tscDeadline = 0;
            initialCount = 0;
            deadlineNanos = NEVER;
        }
        lvt[0] = value;
    }

    // ---- Registers ---------------------------------------------------------------------------

    /** Whether an MSR is one of this class's. */
    public static boolean owns(int msr) {
        return (msr >= X2APIC_FIRST_MSR && msr <= X2APIC_LAST_MSR)
                || msr == IA32_TSC_DEADLINE
                || msr == IA32_APIC_BASE;
    }

    /**
     * Reads a register.
     *
     * @throws GeneralProtectionException if it does not exist or is write-only
     */
    public long readMsr(int msr) {
        synchronized (lock) {
            if (msr >= X2APIC_LVT_TIMER && msr <= X2APIC_LVT_ERROR) {
                return lvt[msr - X2APIC_LVT_TIMER];
            }
            if (msr >= X2APIC_ISR0 && msr < X2APIC_IRR0 + 8) {
                VectorSet set = msr < X2APIC_TMR0 ? isr : msr < X2APIC_IRR0 ? tmr : irr;
                return set.word(msr & 7);
            }
            return switch (msr) {
                case IA32_APIC_BASE ->
                        APIC_BASE_GPA
                                | APIC_BASE_EN
                                | APIC_BASE_EXTD
                                | (id == 0 ? APIC_BASE_BSP : 0);
                case IA32_TSC_DEADLINE -> tscDeadline;
                case X2APIC_ID -> id;
                case X2APIC_VERSION -> VERSION;
                case X2APIC_TPR -> tpr;
                case X2APIC_PPR -> ppr();
                case X2APIC_LDR -> (long) (id >>> 4) << 16 | 1L << (id & 0xf);
                case X2APIC_SIVR -> sivr;
                case X2APIC_ESR -> esr;
                case X2APIC_ICR -> icr;
                case X2APIC_INIT_COUNT -> Integer.toUnsignedLong(initialCount);
                case X2APIC_CUR_COUNT -> Integer.toUnsignedLong(currentCount());
                case X2APIC_DIV_CONF -> divideConfiguration;
                default -> throw new GeneralProtectionException();
            };
        }
    }

    /**
     * Writes a register.
     *
     * @throws GeneralProtectionException if it does not exist, is read-only, or reserved bits are
     *     set
     */
    public void writeMsr(int msr, long value) {
        switch (msr) {
            case X2APIC_EOI -> {
                check(value == 0);
                endOfInterrupt();
            }
            case X2APIC_ICR -> writeIcr(value);
            case X2APIC_SELF_IPI -> {
                check(value >>> 8 == 0);
                raise((int) value, false);
            }
            default -> {
                boolean news;
                synchronized (lock) {
                    store(msr, value);
                    news = update();
                }
                if (news) {
                    kick.kick();
                }
            }
        }
    }

    /** Registers whose write does nothing beyond this APIC. Preconditions: lock held. */
    private void store(int msr, long value) {
        if (msr == IA32_TSC_DEADLINE) {
            writeTscDeadline(value);
            return;
        }
        if (msr == IA32_APIC_BASE) {
            // Neither leaving x2APIC mode nor moving the registers is offered.
            check(value == readMsr(IA32_APIC_BASE));
            return;
        }
        check(value >>> 32 == 0);
        int word = (int) value;
        switch (msr) {
            case X2APIC_TPR -> {
                check(word >>> 8 == 0);
                tpr = word;
            }
            case X2APIC_SIVR -> writeSivr(word);
            case X2APIC_ESR -> {
                check(word == 0);
                esr = pendingEsr;
                pendingEsr = 0;
            }
            case X2APIC_LVT_TIMER,
                            X2APIC_LVT_THERMAL,
                            X2APIC_LVT_PMI,
                            X2APIC_LVT_LINT0,
                            X2APIC_LVT_LINT1,
                            X2APIC_LVT_ERROR ->
                    writeLvt(msr - X2APIC_LVT_TIMER, word);
            case X2APIC_INIT_COUNT -> {
                if (!isTscDeadlineMode()) {
                    startCount(word);
                }
            }
            case X2APIC_DIV_CONF -> {
                check((word & ~0xb) == 0);
                divideConfiguration = word;
            }
            default -> throw new GeneralProtectionException();
        }
    }

    private void writeSivr(int value) {
        check((value & ~(LVT_VECTOR | SIVR_ENABLED | SIVR_FOCUS_DISABLED)) == 0);
        sivr = value;
        if ((value & SIVR_ENABLED) == 0) {
            for (int i = 0; i < LVT_COUNT; i++) {
                lvt[i] |= LVT_MASKED;
            }
        }
    }

    private void writeLvt(int index, int value) {
        int writable = LVT_WRITABLE[index];
        check((value & ~(writable | LVT_READ_ONLY)) == 0);
        int entry = value & writable;
        if ((sivr & SIVR_ENABLED) == 0) {
            entry |= LVT_MASKED;
        }
        if (index == 0) {
            writeLvtTimer(entry);
        } else {
            lvt[index] = entry;
        }
    }

    /** Sends an interprocessor interrupt (§11.12.9). This machine has one processor: to itself. */
    private void writeIcr(long value) {
        int command = (int) value;
        check((command & ~ICR_WRITABLE) == 0);
        int destination = (int) (value >>> 32);
        int shorthand = command >>> ICR_SHORTHAND_SHIFT & 3;
        int vector = command & LVT_VECTOR;
        int mode = command >>> ICR_DELIVERY_MODE_SHIFT & 7;
        boolean toSelf =
                switch (shorthand) {
                    case ICR_SHORTHAND_NONE -> isMine(destination, command);
                    case ICR_SHORTHAND_SELF, ICR_SHORTHAND_ALL -> true;
                    default -> false;
                };
        synchronized (lock) {
            icr = value;
            if (mode == ApicBus.DELIVERY_FIXED && vector < FIRST_LEGAL_VECTOR) {
                pendingEsr |= ESR_SEND_ILLEGAL_VECTOR;
                return;
            }
        }
        // INIT and start-up IPIs address processors that do not exist.
        if (toSelf && mode <= ApicBus.DELIVERY_LOWEST_PRIORITY) {
            raise(vector, false);
        }
    }

    private boolean isMine(int destination, int command) {
        if (destination == X2APIC_BROADCAST) {
            return true;
        }
        return (command & ICR_LOGICAL) != 0
                ? destination >>> 16 == id >>> 4 && (destination >>> (id & 0xf) & 1) != 0
                : destination == id;
    }

    private static void check(boolean legal) {
        if (!legal) {
            throw new GeneralProtectionException();
        }
    }
}
