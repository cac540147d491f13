// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.gate;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Words shared by the monitor and emitted code: one area of pages per vCPU, mapped at {@link
 * AddressMap#VCPU_PAGE_HVA} in each of its context processes. All little-endian. This class is
 * their only definition; accessors ({@link VcpuPage}), emitted operands, the table in
 * docs/gate-page.md and the gdb script use it.
 *
 * <p>Fields are grouped by writer, each group on its own cache lines. Unless a field says otherwise
 * it is 8 bytes, accessed plainly, and the hand-over of the exit protocol orders it.
 */
public final class VcpuPageLayout {
    /** Raised whenever an offset or meaning changes; emitted code and monitor must agree. */
    public static final int VERSION = 8;

    /** Value of {@link #MAGIC}: "LOLv" in ASCII below, {@link #VERSION} above. */
    public static final long MAGIC_VALUE = 0x764c_4f4cL | (long) VERSION << 32;

    /**
     * Most host calls in one batch of {@link #COMMANDS}. Two pages' worth; a TLB flush needs few
     * dozen.
     */
    public static final int COMMAND_CAPACITY = 128;

    /** Bytes of one command: nr, a0–a5, result. */
    public static final int COMMAND_SIZE_BYTES = 64;

    /** Offset of the call's number in a command; negated = by {@code int $0x80}, from RBX. */
    public static final int COMMAND_NUMBER_OFFSET = 0;

    /** Offset of the first of six arguments in a command. */
    public static final int COMMAND_ARGUMENTS_OFFSET = 8;

    /** Offset of the result (negative = -errno) in a command. */
    public static final int COMMAND_RESULT_OFFSET = 56;

    /**
     * Bytes of the private gate stack. Stubs push two words; the rest is room for debugging.
     * Arbitrary.
     */
    public static final int GATE_STACK_SIZE_BYTES = 1024;

    /**
     * Bytes of the vector registers as XSAVE lays them out: 2.7 KB with AVX-512, 11 KB with AMX.
     */
    public static final int VECTOR_STATE_SIZE_BYTES = 0x3000;

    /** {@link #HAND}: the context process goes on. */
    public static final int HAND_CONTEXT = 0;

    /** {@link #HAND}: an exit stub has run; reason and registers are in the page. */
    public static final int HAND_EXIT = 1;

    /** {@link #HAND}: a signal has arrived; its details and the registers are in the page. */
    public static final int HAND_SIGNAL = 2;

    /**
     * {@link #HAND}: a kick has come before the context process had gone on; the page holds what it
     * would have gone on with.
     */
    public static final int HAND_NOT_STARTED = 3;

    /** {@link #MAGIC_VALUE}. Written by: monitor at creation. Read by: monitor on attach. */
    public static final int MAGIC;

    /**
     * {@link AddressMap#FOLD}, operand of pdep and add. Written by: monitor at creation. Read by:
     * emitted code.
     */
    public static final int FOLD_CONST;

    /**
     * −{@link AddressMap#FOLD}, operand of loads and lea. Written by: monitor at creation. Read by:
     * emitted code.
     */
    public static final int NEG_FOLD_CONST;

    /**
     * Bytes of guest RAM below the hole; what is above lies behind them in the RAM file. Written
     * by: monitor at creation. Read by: emitted code.
     */
    public static final int LOW_RAM_BYTES;

    /** Bytes of the hole. Written by: monitor at creation. Read by: emitted code. */
    public static final int RAM_HOLE_BYTES;

    /**
     * Bytes of all guest RAM, mapped from {@link AddressMap#RAM_WINDOW_HVA} on. Written by: monitor
     * at creation. Read by: emitted code.
     */
    public static final int RAM_BYTES;

    /**
     * Non-zero = an interrupt wants in. Written by: any monitor thread (release). Read by: emitted
     * code (plain load) wherever virtual IF becomes 1 and before returns to user mode.
     */
    public static final int PENDING;

    /**
     * Negated TSC value from which on the guest may program its TSC-deadline timer without an exit,
     * or {@link Long#MIN_VALUE} = it may not. Written by: any monitor thread. Read by: translated
     * code.
     */
    public static final int NEG_TIMER_FLOOR;

    /**
     * What the guest has programmed its TSC-deadline timer with, 0 = taken. Written by: translated
     * code; taken by any monitor thread.
     */
    public static final int TIMER_DEADLINE;

    /** EDX:EAX of an inline write of the timer. Written and read by: translated code. */
    public static final int TIMER_SCRATCH;

    /**
     * Sixteen GPRs in encoding order while the vCPU is outside emitted code. The RSP word is the
     * host value (guest RSP + FOLD in kernel mode, the true value in user mode). Written by: exit
     * stubs, monitor. Read by: monitor, resume stubs.
     */
    public static final int GPR;

    /** Guest RIP while the vCPU is stopped. Written and read by the monitor only. */
    public static final int RIP;

    /**
     * Host RFLAGS while the vCPU is outside emitted code: arithmetic flags, DF, AC, ID are the
     * guest's; IF always reads 1. The monitor must keep TF clear when it resumes through a stub.
     * Written by: exit stubs, monitor. Read by: both.
     */
    public static final int RFLAGS;

    /** Host RIP that the resume stubs jump to. Written by: monitor. Read by: resume stubs. */
    public static final int RESUME_HOST_RIP;

    /**
     * {@link ExitReason#code}; 0 = none. Written by: emitted code. Read and cleared by: monitor.
     */
    public static final int EXIT_REASON;

    /** Guest RIP of the exit. Written by: emitted code. Read by: monitor. */
    public static final int EXIT_GUEST_RIP;

    /**
     * Further fact of the exit, see {@link ExitReason}. Written by: emitted code. Read by: monitor.
     */
    public static final int EXIT_DETAIL;

    /**
     * Guest RIP of the instruction that entered a gate stub. Written by: translated code. Read by:
     * stubs, monitor.
     */
    public static final int STUB_GUEST_RIP;

    /** Guest's interrupt flag: 0 or 0x200. Written and read by: emitted code, monitor. */
    public static final int VIRTUAL_IF;

    /**
     * RCX around an indirect branch or a pending check. Written and read by: emitted code; monitor
     * through Undo.
     */
    public static final int SPILL_RCX;

    /** First scratch spill. Written and read by: emitted code; monitor through {@link Undo}. */
    public static final int SPILL_A;

    /** Second scratch spill, as {@link #SPILL_A}. */
    public static final int SPILL_B;

    /** Third scratch spill, as {@link #SPILL_A}. */
    public static final int SPILL_C;

    /** Fourth scratch spill, as {@link #SPILL_A}. */
    public static final int SPILL_D;

    /**
     * What a string instruction added to RSI: 0 or FOLD. Written by: translated code. Read by:
     * both.
     */
    public static final int DYN_FOLD_SI;

    /**
     * What a string instruction added to RDI: 0 or FOLD. Written by: translated code. Read by:
     * both.
     */
    public static final int DYN_FOLD_DI;

    /**
     * Guest IA32_FS_BASE. In user mode the host's FS base is it. Written and read by: emitted code,
     * monitor.
     */
    public static final int FS_BASE;

    /**
     * Guest IA32_GS_BASE, the active one. Kernel mode: host FS base = dynfold of it. Written and
     * read by: both.
     */
    public static final int GS_BASE;

    /**
     * Guest IA32_KERNEL_GS_BASE, the one swapgs brings in. Written and read by: emitted code,
     * monitor.
     */
    public static final int KERNEL_GS_BASE;

    /**
     * Guest CS in kernel mode (in user mode the host's CS is the guest's). Written by: monitor,
     * iret stub.
     */
    public static final int CS_SEL;

    /** Guest SS in kernel mode, as {@link #CS_SEL}. */
    public static final int SS_SEL;

    /**
     * Guest DS to be loaded ({@link #LOAD_SEGMENTS}); afterwards the host's DS is the guest's.
     * Written by: monitor. Read by: resume stub.
     */
    public static final int DS_SEL;

    /** Guest ES, as {@link #DS_SEL}. */
    public static final int ES_SEL;

    /** Guest FS selector, as {@link #DS_SEL}. */
    public static final int FS_SEL;

    /** Guest GS selector, as {@link #DS_SEL}. */
    public static final int GS_SEL;

    /**
     * Segment registers to be loaded, a bit for each by its number. Written by: monitor. Read and
     * cleared by: resume stub.
     */
    public static final int LOAD_SEGMENTS;

    /** Thread-local segments of the GDT: descriptors 12 to 14 of Linux's. */
    public static final int THREAD_AREA_COUNT = 3;

    /** Bytes of the host's struct user_desc. */
    public static final int THREAD_AREA_BYTES = 16;

    /** A struct user_desc for each thread-local segment. Written by: monitor. Read by: host. */
    public static final int THREAD_AREAS;

    /** Guest LDTR selector. Written by: monitor. Read by: emitted code, monitor. */
    public static final int LDTR_SEL;

    /** Guest TR selector, as {@link #LDTR_SEL}. */
    public static final int TR_SEL;

    /** Guest CR0. Written by: monitor. Read by: emitted code, monitor. */
    public static final int CR0;

    /** Guest CR2, as {@link #CR0}. */
    public static final int CR2;

    /** Guest CR3, as {@link #CR0}. */
    public static final int CR3;

    /** Guest CR4, as {@link #CR0}. */
    public static final int CR4;

    /** Guest IA32_EFER, as {@link #CR0}. */
    public static final int EFER;

    /** Returns to user mode by the sysret stub. Written by: stub. Read by: monitor (statistics). */
    public static final int COUNT_SYSRET;

    /** Returns to user mode by the iret stub, as {@link #COUNT_SYSRET}. */
    public static final int COUNT_IRET_USER;

    /** Kernel-mode irets done by the iret stub, as {@link #COUNT_SYSRET}. */
    public static final int COUNT_IRET_KERNEL;

    /**
     * The user page at which the guest took its last page fault, to be mapped on return to user
     * mode if its tables then have it; 0 = none. Written by: monitor; cleared by the iret stub.
     */
    public static final int PREMAP_GVA;

    /**
     * The user page that the iret stub has mapped; 0 = none. Written by: iret stub. Read and
     * cleared by: monitor.
     */
    public static final int PREMAPPED_GVA;

    /** Leaf entry it was mapped by. Written by: iret stub. Read by: monitor. */
    public static final int PREMAPPED_LEAF;

    /** Host protection it was mapped with, as {@link #PREMAPPED_LEAF}. */
    public static final int PREMAPPED_PROT;

    /** Registers that the iret stub needs while it maps. Written and read by: iret stub. */
    public static final int PREMAP_SAVED;

    /** Words of {@link #PREMAP_SAVED}. */
    public static final int PREMAP_SAVED_COUNT = 8;

    /**
     * Who has the hand, {@code HAND_*}; the futex that both wait on is its lower half. In-process
     * transport only, as all words down to {@link #SYSCALL_FLAGS_KEPT}. Written by: gate stubs
     * (exchange), monitor (volatile). Read by: both (acquire).
     */
    public static final int HAND;

    /** Non-zero = the monitor sleeps on {@link #HAND}. Written by: monitor. Read by: gate stubs. */
    public static final int MONITOR_SLEEPS;

    /** Number of the context process that is to run, or runs. Written by: monitor, stubs. */
    public static final int ACTIVE_SLOT;

    /** HVA of its area, {@link ContextAreaLayout}. Written by: monitor, stubs. Read by: stubs. */
    public static final int ACTIVE_AREA;

    /**
     * By slot, the CR3 with PCID that the guest can switch to by itself, -1 = it cannot. Written
     * by: monitor. Read by: gate stub.
     */
    public static final int SLOT_CR3;

    /** By slot, HVA of its area. Written by: monitor at creation. Read by: gate stub. */
    public static final int SLOT_AREA;

    /** By slot, {@link #GATE_RETURN_RIP} of the others than the active one. */
    public static final int SLOT_RETURN_RIP;

    /** By slot, {@link #GATE_RETURN_TO}, as {@link #SLOT_RETURN_RIP}. */
    public static final int SLOT_RETURN_TO;

    /** What a write of CR3 writes. Written by: translated code. Read by: gate stub. */
    public static final int NEW_CR3;

    /** Guest RIP behind the instruction that entered a stub. Written by: translated code. */
    public static final int STUB_NEXT_RIP;

    /** Writes of CR3 that were done by the gate. Written by: stub. Read by: monitor. */
    public static final int COUNT_SWITCH;

    /** Vector registers of a vCPU that changes from one context process to another. */
    public static final int VECTOR_STATE;

    /** How often a stub looks at {@link #HAND} before it sleeps. Written by: monitor. */
    public static final int SPIN_COUNT;

    /**
     * Non-zero = a kick is due. Written by: any monitor thread (exchange); cleared by the vCPU's.
     * Read by: resume stub.
     */
    public static final int KICKED;

    /**
     * Stub that is jumped to when the hand comes back. Written by: monitor. Read by: gate stubs.
     */
    public static final int RESUME_ENTRY;

    /**
     * Non-zero = the resume stub ends with IRETQ, for compatibility mode and the trap flag. Written
     * by: monitor, signal handler. Read by: resume stub.
     */
    public static final int RESUME_BY_IRET;

    /** CS that an IRETQ of the resume stub loads. Written by: monitor, signal handler. */
    public static final int RESUME_CS;

    /** SS that an IRETQ of the resume stub loads. Written by: monitor, signal handler. */
    public static final int RESUME_SS;

    /** HVA of the vector registers in the frame of the last signal; 0 = they are loaded. */
    public static final int SIGNAL_FPU_STATE;

    /** Number of the last signal. Written by: signal handler. Read by: monitor. */
    public static final int SIGNAL_NUMBER;

    /** Its si_code, as {@link #SIGNAL_NUMBER}. */
    public static final int SIGNAL_CODE;

    /** Its si_addr, as {@link #SIGNAL_NUMBER}. */
    public static final int SIGNAL_ADDRESS;

    /** Error code of its exception, as {@link #SIGNAL_NUMBER}. */
    public static final int SIGNAL_ERROR_CODE;

    /** Host FS base when it came, as {@link #SIGNAL_NUMBER}. */
    public static final int HOST_FS_BASE;

    /** Host GS base when it came, as {@link #SIGNAL_NUMBER}. */
    public static final int HOST_GS_BASE;

    /**
     * Guest RIP of the kernel's entry for 64-bit system calls, 0 = each goes to the monitor.
     * Written by: monitor. Read by: gate stubs.
     */
    public static final int SYSCALL_ENTRY;

    /** The flags that a system call leaves alone. Written by: monitor. Read by: gate stubs. */
    public static final int SYSCALL_FLAGS_KEPT;

    /** System calls that the signal handler has entered the kernel for. Written by: handler. */
    public static final int COUNT_SYSCALL;

    /** System calls that came from patched call sites. Written by: gate stub. Read by: monitor. */
    public static final int COUNT_GATE_CALL;

    /**
     * Return RIP of the last call from a site whose return point is patched over, -1 = none.
     * Written by: thunks; cleared by the monitor when the address space may be another. Read by:
     * sysret stub.
     */
    public static final int GATE_RETURN_RIP;

    /** Where the sysret stub goes instead of {@link #GATE_RETURN_RIP}. Written by: thunks. */
    public static final int GATE_RETURN_TO;

    /** Where the sysret stub's last jump leads. Written and read by: sysret stub. */
    public static final int USER_TARGET;

    /** Words of {@link #SITE_COUNTERS}, a power of two. */
    public static final int SITE_COUNTER_COUNT = 512;

    /** A call site goes to the monitor, to be patched, with this call by SIGSYS. */
    public static final int SITE_HOT_CALLS = 16;

    /** And with every so many, should it have lost its patch; a power of two. */
    public static final int SITE_RETRY_CALLS = 1024;

    /** Bits of a count; where it overflows, it begins anew. */
    public static final int SITE_COUNT_BITS = 16;

    /**
     * System calls by SIGSYS: return RIP of the call site, shifted by {@link #SITE_COUNT_BITS}, and
     * their number; the site chooses the word by a hash. Written and read by: signal handler.
     */
    public static final int SITE_COUNTERS;

    /**
     * What a read of the inline input port gives, in the low byte; 0 = the monitor must do the
     * read. Written by: any monitor thread. Read by: translated code.
     */
    public static final int PORT_INPUT;

    /**
     * Free bytes in {@link #PORT_OUTPUT}, which fills from its end; 0 also = the monitor must do
     * the write. Written by: translated code, monitor. Read by: both.
     */
    public static final int PORT_OUTPUT_ROOM;

    /** Bytes of {@link #PORT_OUTPUT}: a dozen lines of a console. Arbitrary. */
    public static final int PORT_OUTPUT_SIZE_BYTES = 1024;

    /**
     * Bytes written to the inline output port and not yet sent: the first at the end of the area.
     * Written by: translated code. Read by: monitor.
     */
    public static final int PORT_OUTPUT;

    /**
     * Number of commands to execute, 0–{@link #COMMAND_CAPACITY}. Written by: monitor. Read by:
     * runCommands.
     */
    public static final int COMMAND_COUNT;

    /**
     * Array of {@link #COMMAND_CAPACITY} commands. Written by: monitor; results by the runCommands
     * stub.
     */
    public static final int COMMANDS;

    /** Lowest byte of the private gate stack. Written and read by: stubs. */
    public static final int GATE_STACK;

    /** Initial stack pointer of the stubs: the end of the area. */
    public static final int GATE_STACK_TOP;

    /** All fields in order, for the layout test, the documentation table and the gdb script. */
    public static final List<Field> FIELDS;

    /**
     * One field.
     *
     * @param name name of the constant
     * @param offsetBytes offset in the area
     * @param widthBytes bytes of one element
     * @param count elements
     */
    public record Field(String name, int offsetBytes, int widthBytes, int count) {}

    static {
        Layout l = new Layout(AddressMap.VCPU_PAGE_SIZE_BYTES);
        List<Field> f = new ArrayList<>();
        // Read-only for the context process.
        MAGIC = u64(l, f, "MAGIC");
        FOLD_CONST = u64(l, f, "FOLD_CONST");
        NEG_FOLD_CONST = u64(l, f, "NEG_FOLD_CONST");
        LOW_RAM_BYTES = u64(l, f, "LOW_RAM_BYTES");
        RAM_HOLE_BYTES = u64(l, f, "RAM_HOLE_BYTES");
        RAM_BYTES = u64(l, f, "RAM_BYTES");
        l.cacheLine();
        // Written by other monitor threads.
        PENDING = u64(l, f, "PENDING");
        NEG_TIMER_FLOOR = u64(l, f, "NEG_TIMER_FLOOR");
        TIMER_DEADLINE = u64(l, f, "TIMER_DEADLINE");
        TIMER_SCRATCH = u64(l, f, "TIMER_SCRATCH");
        l.cacheLine();
        // The stopped vCPU: written by whoever has the hand.
        GPR = words(l, f, "GPR", 16);
        RIP = u64(l, f, "RIP");
        RFLAGS = u64(l, f, "RFLAGS");
        RESUME_HOST_RIP = u64(l, f, "RESUME_HOST_RIP");
        EXIT_REASON = u64(l, f, "EXIT_REASON");
        EXIT_GUEST_RIP = u64(l, f, "EXIT_GUEST_RIP");
        EXIT_DETAIL = u64(l, f, "EXIT_DETAIL");
        STUB_GUEST_RIP = u64(l, f, "STUB_GUEST_RIP");
        l.cacheLine();
        // Hot words of emitted code.
        VIRTUAL_IF = u64(l, f, "VIRTUAL_IF");
        SPILL_RCX = u64(l, f, "SPILL_RCX");
        SPILL_A = u64(l, f, "SPILL_A");
        SPILL_B = u64(l, f, "SPILL_B");
        SPILL_C = u64(l, f, "SPILL_C");
        SPILL_D = u64(l, f, "SPILL_D");
        DYN_FOLD_SI = u64(l, f, "DYN_FOLD_SI");
        DYN_FOLD_DI = u64(l, f, "DYN_FOLD_DI");
        l.cacheLine();
        FS_BASE = u64(l, f, "FS_BASE");
        GS_BASE = u64(l, f, "GS_BASE");
        KERNEL_GS_BASE = u64(l, f, "KERNEL_GS_BASE");
        l.cacheLine();
        // System registers that emitted code reads.
        CS_SEL = u64(l, f, "CS_SEL");
        SS_SEL = u64(l, f, "SS_SEL");
        DS_SEL = u64(l, f, "DS_SEL");
        ES_SEL = u64(l, f, "ES_SEL");
        FS_SEL = u64(l, f, "FS_SEL");
        GS_SEL = u64(l, f, "GS_SEL");
        LOAD_SEGMENTS = u64(l, f, "LOAD_SEGMENTS");
        LDTR_SEL = u64(l, f, "LDTR_SEL");
        TR_SEL = u64(l, f, "TR_SEL");
        CR0 = u64(l, f, "CR0");
        CR2 = u64(l, f, "CR2");
        CR3 = u64(l, f, "CR3");
        CR4 = u64(l, f, "CR4");
        EFER = u64(l, f, "EFER");
        l.cacheLine();
        THREAD_AREAS = words(l, f, "THREAD_AREAS", THREAD_AREA_COUNT * THREAD_AREA_BYTES / 8);
        l.cacheLine();
        // Statistics.
        COUNT_SYSRET = u64(l, f, "COUNT_SYSRET");
        COUNT_IRET_USER = u64(l, f, "COUNT_IRET_USER");
        COUNT_IRET_KERNEL = u64(l, f, "COUNT_IRET_KERNEL");
        l.cacheLine();
        COMMAND_COUNT = u64(l, f, "COMMAND_COUNT");
        PREMAP_GVA = u64(l, f, "PREMAP_GVA");
        PREMAPPED_GVA = u64(l, f, "PREMAPPED_GVA");
        PREMAPPED_LEAF = u64(l, f, "PREMAPPED_LEAF");
        PREMAPPED_PROT = u64(l, f, "PREMAPPED_PROT");
        PREMAP_SAVED = words(l, f, "PREMAP_SAVED", PREMAP_SAVED_COUNT);
        l.cacheLine();
        // The in-process transport: the hand-over, each side's words on lines of their own.
        HAND = u64(l, f, "HAND");
        ACTIVE_SLOT = u64(l, f, "ACTIVE_SLOT");
        ACTIVE_AREA = u64(l, f, "ACTIVE_AREA");
        NEW_CR3 = u64(l, f, "NEW_CR3");
        STUB_NEXT_RIP = u64(l, f, "STUB_NEXT_RIP");
        COUNT_SWITCH = u64(l, f, "COUNT_SWITCH");
        l.cacheLine();
        SLOT_CR3 = words(l, f, "SLOT_CR3", AddressMap.MAX_CONTEXTS);
        SLOT_AREA = words(l, f, "SLOT_AREA", AddressMap.MAX_CONTEXTS);
        SLOT_RETURN_RIP = words(l, f, "SLOT_RETURN_RIP", AddressMap.MAX_CONTEXTS);
        SLOT_RETURN_TO = words(l, f, "SLOT_RETURN_TO", AddressMap.MAX_CONTEXTS);
        l.cacheLine();
        MONITOR_SLEEPS = u64(l, f, "MONITOR_SLEEPS");
        SPIN_COUNT = u64(l, f, "SPIN_COUNT");
        KICKED = u64(l, f, "KICKED");
        l.cacheLine();
        RESUME_ENTRY = u64(l, f, "RESUME_ENTRY");
        RESUME_BY_IRET = u64(l, f, "RESUME_BY_IRET");
        RESUME_CS = u64(l, f, "RESUME_CS");
        RESUME_SS = u64(l, f, "RESUME_SS");
        SIGNAL_FPU_STATE = u64(l, f, "SIGNAL_FPU_STATE");
        SIGNAL_NUMBER = u64(l, f, "SIGNAL_NUMBER");
        SIGNAL_CODE = u64(l, f, "SIGNAL_CODE");
        SIGNAL_ADDRESS = u64(l, f, "SIGNAL_ADDRESS");
        SIGNAL_ERROR_CODE = u64(l, f, "SIGNAL_ERROR_CODE");
        HOST_FS_BASE = u64(l, f, "HOST_FS_BASE");
        HOST_GS_BASE = u64(l, f, "HOST_GS_BASE");
        SYSCALL_ENTRY = u64(l, f, "SYSCALL_ENTRY");
        SYSCALL_FLAGS_KEPT = u64(l, f, "SYSCALL_FLAGS_KEPT");
        COUNT_SYSCALL = u64(l, f, "COUNT_SYSCALL");
        COUNT_GATE_CALL = u64(l, f, "COUNT_GATE_CALL");
        GATE_RETURN_RIP = u64(l, f, "GATE_RETURN_RIP");
        GATE_RETURN_TO = u64(l, f, "GATE_RETURN_TO");
        USER_TARGET = u64(l, f, "USER_TARGET");
        l.cacheLine();
        PORT_INPUT = u64(l, f, "PORT_INPUT");
        PORT_OUTPUT_ROOM = u64(l, f, "PORT_OUTPUT_ROOM");
        PORT_OUTPUT = words(l, f, "PORT_OUTPUT", PORT_OUTPUT_SIZE_BYTES / 8);
        l.page();
        COMMANDS = words(l, f, "COMMANDS", COMMAND_CAPACITY * COMMAND_SIZE_BYTES / 8);
        l.page();
        SITE_COUNTERS = words(l, f, "SITE_COUNTERS", SITE_COUNTER_COUNT);
        l.page();
        VECTOR_STATE = words(l, f, "VECTOR_STATE", VECTOR_STATE_SIZE_BYTES / 8);
        l.skipToLast(GATE_STACK_SIZE_BYTES);
        GATE_STACK = words(l, f, "GATE_STACK", GATE_STACK_SIZE_BYTES / 8);
        l.end();
        GATE_STACK_TOP = AddressMap.VCPU_PAGE_SIZE_BYTES;
        FIELDS = Collections.unmodifiableList(f);
    }

    private VcpuPageLayout() {}

    /** Offset of the word of a GPR, 0–15 in encoding order. */
    public static int gpr(int number) {
        if (number < 0 || number > 15) {
            throw new IllegalArgumentException("no such register: number=" + number);
        }
        return GPR + 8 * number;
    }

    /** HVA of a field in the context processes. */
    public static long hva(int offsetBytes) {
        return AddressMap.VCPU_PAGE_HVA + offsetBytes;
    }

    private static int u64(Layout layout, List<Field> fields, String name) {
        return words(layout, fields, name, 1);
    }

    private static int words(Layout layout, List<Field> fields, String name, int count) {
        int offset = layout.array(8 * count, 8);
        fields.add(new Field(name, offset, 8, count));
        return offset;
    }
}
