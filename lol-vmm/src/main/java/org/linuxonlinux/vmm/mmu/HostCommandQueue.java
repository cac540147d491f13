// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import java.util.Arrays;
import org.linuxonlinux.host.HostAbi;

/**
 * Host system calls that change a context process's mappings, waiting to be executed by that
 * process before the guest goes on.
 *
 * <p>Filled by {@link Mmu}, drained by the exit transport; both on the vCPU thread.
 */
public final class HostCommandQueue {
    /** Words per command: system-call number and six arguments. */
    public static final int WORDS_PER_COMMAND = 7;

    /** Flags of all its calls of mmap. */
    public static final int MAP_FLAGS =
            HostAbi.MAP_SHARED | HostAbi.MAP_FIXED | HostAbi.MAP_NORESERVE;

    /** Number of set_thread_area by {@code int $0x80} (Linux arch/x86/entry/syscalls). */
    public static final int I386_SET_THREAD_AREA = 243;

    /** Commands that there is room for at first, and again after more have been executed. */
    private static final int USUAL_COUNT = 64;

    private long[] words = new long[USUAL_COUNT * WORDS_PER_COMMAND];
    private int count;
    private long total;
    private boolean hasThreadAreas;

    /** Maps {@code sizeBytes} of a file at {@code hva}. */
    public void map(long hva, long sizeBytes, int prot, int fd, long fileOffsetBytes) {
        add(HostAbi.SYS_mmap, hva, sizeBytes, prot, MAP_FLAGS, fd, fileOffsetBytes);
    }

    /** Removes every mapping in the range. */
    public void unmap(long hva, long sizeBytes) {
        add(HostAbi.SYS_munmap, hva, sizeBytes, 0, 0, 0, 0);
    }

    /** Changes the protection of mapped pages. */
    public void protect(long hva, long sizeBytes, int prot) {
        add(HostAbi.SYS_mprotect, hva, sizeBytes, prot, 0, 0, 0);
    }

    /** Has the host read a thread-local segment of the process from a struct user_desc. */
    public void setThreadArea(long userDescHva) {
        add(-I386_SET_THREAD_AREA, userDescHva, 0, 0, 0, 0, 0);
        hasThreadAreas = true;
    }

    private void add(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
        int at = count * WORDS_PER_COMMAND;
        if (at + WORDS_PER_COMMAND > words.length) {
            words = Arrays.copyOf(words, words.length * 2);
        }
        words[at] = nr;
        words[at + 1] = a0;
        words[at + 2] = a1;
        words[at + 3] = a2;
        words[at + 4] = a3;
        words[at + 5] = a4;
        words[at + 6] = a5;
        count++;
        total++;
    }

    /**
     * Whether there are thread-local segments to be set: before segment registers and bases are
     * loaded, since the host loads those again that name one.
     */
    public boolean hasThreadAreas() {
        return hasThreadAreas;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    public int count() {
        return count;
    }

    /** Commands queued since the start. */
    public long total() {
        return total;
    }

    /**
     * Word {@code word} (0 = number, negated for {@code int $0x80}; 1..6 = arguments) of command
     * {@code index}.
     */
    public long word(int index, int word) {
        return words[index * WORDS_PER_COMMAND + word];
    }

    /** Forgets all commands after they were executed. */
    public void clear() {
        if (count > USUAL_COUNT) {
            words = new long[USUAL_COUNT * WORDS_PER_COMMAND];
        }
        count = 0;
        hasThreadAreas = false;
    }
}
