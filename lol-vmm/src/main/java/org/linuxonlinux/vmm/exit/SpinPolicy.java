// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

/**
 * How long each side looks for the hand before it sleeps. vCPU thread only.
 *
 * <p>With one CPU neither looks: the other side could not run meanwhile. With more, monitor and
 * context process have a CPU each.
 */
final class SpinPolicy {
    /** Looks of the context process: some 50 µs, what the monitor's longer answers take. */
    private static final int CONTEXT_LOOKS = 2000;

    /** Longer than most ways through the guest from one exit to the next during a burst. */
    private static final long MONITOR_NANOS = 50_000;

    /** Looks in vain before the monitor gives up, until one succeeds again. Arbitrary. */
    private static final int MAX_MISSES = 4;

    /** Every so many waits it looks again even though it has given up. Arbitrary. */
    private static final int RETRY_WAITS = 16;

    private final boolean separateCpus;
    private int misses;
    private int waits;

    SpinPolicy(boolean separateCpus) {
        this.separateCpus = separateCpus;
    }

    /** Whether each side has a CPU of its own. */
    boolean hasSeparateCpus() {
        return separateCpus;
    }

    /** For {@code VcpuPageLayout.SPIN_COUNT}. */
    int contextLooks() {
        return separateCpus ? CONTEXT_LOOKS : 0;
    }

    /** How long the monitor is to look this time; 0 = one look. */
    long monitorNanos() {
        if (!separateCpus) {
            return 0;
        }
        waits++;
        return misses < MAX_MISSES || waits % RETRY_WAITS == 0 ? MONITOR_NANOS : 0;
    }

    /** How long the monitor is to look for a hand that is known to come. */
    long expectedNanos() {
        return separateCpus ? MONITOR_NANOS : 0;
    }

    /** Whether the hand came while it was looked for. */
    void found(boolean inTime) {
        misses = inTime ? 0 : misses + 1;
    }
}
