// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import static org.linuxonlinux.host.HostAbi.*;

import java.util.Map;
import java.util.TreeMap;

/**
 * Starts a program from an open file without passing through libc.
 *
 * <p>The child is made by {@code clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD)} with no exit signal
 * and works through a list of system calls prepared here: new session, death with its parent,
 * descriptors, {@code execveat}. The Java runtime's own child watcher never sees it, and only
 * {@code waitpid} with {@code __WALL} for exactly its pid reaps it.
 *
 * <p>The program starts with an empty argument list and environment, every signal blocked, and no
 * open descriptors but those given. It gets SIGKILL when the host thread that called {@link #start}
 * ends; a parent that died before this was in force is noticed by the program itself (it must
 * compare {@code getppid}).
 *
 * @param pid its process number
 * @param pidFd a descriptor for it, owned by the caller; readable once it has ended
 */
public record ChildProgram(int pid, HostFile pidFd) {
    private static final int RECORD_BYTES = 64;
    private static final int HEADER_BYTES = 16;
    private static final int FAILED_INDEX_OFFSET = 8;
    private static final int MAX_CALLS = 56; // bounded by one page of records
    private static final int SCRATCH_OFFSET = HostAbi.PAGE_SIZE;

    /**
     * Starts a program.
     *
     * @param executable an ELF file, static; may be a memfd
     * @param descriptors what the child has open: number in the child to file here
     * @throws HostCallException names the call in the child that was refused
     */
    public static ChildProgram start(HostFile executable, Map<Integer, HostFile> descriptors) {
        TreeMap<Integer, HostFile> wanted = new TreeMap<>(descriptors);
        int aboveAll = wanted.isEmpty() ? 0 : wanted.lastKey() + 1;
        int[] duplicates = new int[wanted.size() + 1];
        int made = 0;
        try (NativeMemory memory = NativeMemory.allocate(2L * HostAbi.PAGE_SIZE)) {
            // Copies above every wanted number, so that no dup3 in the child hits a source.
            duplicates[made++] = fcntl(executable, aboveAll);
            for (HostFile file : wanted.values()) {
                duplicates[made++] = fcntl(file, aboveAll);
            }
            CallList calls = new CallList(memory);
            calls.add("setsid", SYS_setsid, 0, 0, 0, 0, 0);
            calls.add("prctl", SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            calls.add("close_range", SYS_close_range, 0, 0xffff_ffffL, CLOSE_RANGE_CLOEXEC, 0, 0);
            int index = 1;
            for (int number : wanted.keySet()) {
                calls.add("dup3", SYS_dup3, duplicates[index++], number, 0, 0, 0);
            }
            long emptyString = memory.hva() + SCRATCH_OFFSET;
            long emptyVector = emptyString + 8;
            calls.add(
                    "execveat",
                    SYS_execveat,
                    duplicates[0],
                    emptyString,
                    emptyVector,
                    emptyVector,
                    AT_EMPTY_PATH);
            return calls.run(executable.name());
        } finally {
            for (int i = 0; i < made; i++) {
                HostCalls.close(duplicates[i]);
            }
        }
    }

    private static int fcntl(HostFile file, int atLeast) {
        return HostCalls.fcntl(file.fd(), F_DUPFD_CLOEXEC, atLeast);
    }

    /** The list of calls the child executes, in the layout of {@code NativeRoutines.SPAWN}. */
    private static final class CallList {
        private static final int PIDFD_OFFSET = SCRATCH_OFFSET + 64;
        private static final int ALL_SIGNALS_OFFSET = SCRATCH_OFFSET + 72;
        private static final int OLD_MASK_OFFSET = SCRATCH_OFFSET + 80;
        private static final int STATUS_OFFSET = SCRATCH_OFFSET + 88;
        private static final int RESULT_OFFSET = 56;

        private final NativeMemory memory;
        private final String[] names = new String[MAX_CALLS];
        private int count;

        CallList(NativeMemory memory) {
            this.memory = memory;
        }

        void add(String name, int number, long a0, long a1, long a2, long a3, long a4) {
            int offset = HEADER_BYTES + count * RECORD_BYTES;
            names[count++] = name;
            memory.putLong(offset, number);
            memory.putLong(offset + 8, a0);
            memory.putLong(offset + 16, a1);
            memory.putLong(offset + 24, a2);
            memory.putLong(offset + 32, a3);
            memory.putLong(offset + 40, a4);
        }

        ChildProgram run(String label) {
            memory.putLong(0, count);
            memory.putLong(FAILED_INDEX_OFFSET, -1);
            memory.putLong(ALL_SIGNALS_OFFSET, -1);
            // A handler of the Java runtime must not run in the child while it shares our memory.
            setSignalMask(ALL_SIGNALS_OFFSET, OLD_MASK_OFFSET);
            long pid;
            try {
                pid =
                        NativeRoutines.spawn(
                                memory.hva(),
                                CLONE_VM | CLONE_VFORK | CLONE_PIDFD,
                                memory.hva() + PIDFD_OFFSET);
            } finally {
                setSignalMask(OLD_MASK_OFFSET, -1);
            }
            HostCalls.throwIfError("clone", pid, "program", label);
            HostFile pidFd = HostFile.own(memory.getInt(PIDFD_OFFSET), "pidfd:" + pid);
            int failed = (int) memory.getLong(FAILED_INDEX_OFFSET);
            if (failed >= 0) {
                pidFd.close();
                HostCalls.waitpid((int) pid, memory.hva() + STATUS_OFFSET, 0);
                long result = memory.getLong(HEADER_BYTES + failed * RECORD_BYTES + RESULT_OFFSET);
                HostCalls.throwIfError(names[failed], result, "program", label);
            }
            return new ChildProgram((int) pid, pidFd);
        }

        private void setSignalMask(int maskOffset, int oldOffset) {
            long result =
                    HostCalls.rawSyscall(
                            SYS_rt_sigprocmask,
                            SIG_SETMASK,
                            memory.hva() + maskOffset,
                            oldOffset < 0 ? 0 : memory.hva() + oldOffset,
                            8,
                            0);
            HostCalls.throwIfError("rt_sigprocmask", result);
        }
    }
}
