// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

/**
 * An array of {@code struct pollfd}: descriptors to wait for together.
 *
 * <pre>
 *   byte 0..3  fd        4..5  events        6..7  revents
 * </pre>
 *
 * <p>Source: Linux v6.1 {@code include/uapi/asm-generic/poll.h}. Used by one thread at a time.
 */
public final class PollSet implements AutoCloseable {
    private static final int STRUCT_BYTES = 8;
    private static final int EVENTS_OFFSET = 4;
    private static final int REVENTS_OFFSET = 6;

    private final NativeMemory memory;
    private final int capacity;
    private int count;

    /** An empty set for at most {@code capacity} descriptors. */
    public PollSet(int capacity) {
        this.capacity = capacity;
        this.memory = NativeMemory.allocate((long) capacity * STRUCT_BYTES);
    }

    /** Adds a descriptor with {@code POLL*} events; returns its index. */
    public int add(int fd, int events) {
        if (count == capacity) {
            throw new IllegalStateException("poll set is full: capacity=" + capacity);
        }
        int index = count++;
        memory.putInt(index * STRUCT_BYTES, fd);
        setEvents(index, events);
        return index;
    }

    /** Changes what an entry waits for; 0 = only errors and hang-up. */
    public void setEvents(int index, int events) {
        memory.putShort(index * STRUCT_BYTES + EVENTS_OFFSET, (short) events);
        memory.putShort(index * STRUCT_BYTES + REVENTS_OFFSET, (short) 0);
    }

    /**
     * Waits until a descriptor is ready; returns how many are, 0 after the time-out or a signal.
     *
     * @param timeoutMillis negative: no limit
     */
    public int poll(int timeoutMillis) {
        int ready = HostCalls.poll(memory.hva(), count, timeoutMillis);
        if (ready == 0) {
            for (int index = 0; index < count; index++) {
                memory.putShort(index * STRUCT_BYTES + REVENTS_OFFSET, (short) 0);
            }
        }
        return ready;
    }

    /** The {@code POLL*} bits found by the last {@link #poll}. */
    public int revents(int index) {
        return memory.getShort(index * STRUCT_BYTES + REVENTS_OFFSET) & 0xffff;
    }

    @Override
    public void close() {
        memory.close();
    }
}
