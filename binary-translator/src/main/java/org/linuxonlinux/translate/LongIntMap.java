// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;

/**
 * Hash map from long to positive int; 0 = absent. Open addressing with linear probing, removal by
 * shifting back, so that look-ups stay short however often blocks die.
 */
final class LongIntMap {
    private long[] keys;
    private int[] values;
    private int size;

    LongIntMap(int initialCapacity) {
        int capacity = Integer.highestOneBit(Math.max(initialCapacity, 8) * 2 - 1);
        keys = new long[capacity];
        values = new int[capacity];
    }

    /** Grows at once to what that many keys need. */
    void reserve(int keyCount) {
        while (keyCount * 2 > keys.length) {
            grow();
        }
    }

    int size() {
        return size;
    }

    /** Value of a key; 0 = absent. */
    int get(long key) {
        int mask = keys.length - 1;
        for (int i = slotOf(key, mask); ; i = (i + 1) & mask) {
            int value = values[i];
            if (value == 0 || keys[i] == key) {
                return value;
            }
        }
    }

    /** Stores a value, which must not be 0, and returns the former one. */
    int put(long key, int value) {
        assert value != 0;
        int mask = keys.length - 1;
        int i = slotOf(key, mask);
        while (values[i] != 0) {
            if (keys[i] == key) {
                int former = values[i];
                values[i] = value;
                return former;
            }
            i = (i + 1) & mask;
        }
        keys[i] = key;
        values[i] = value;
        // Half full at most: linear probing then looks at 1.5 slots on average.
        if (++size * 2 > keys.length) {
            grow();
        }
        return 0;
    }

    /** Removes a key and returns its value. */
    int remove(long key) {
        int mask = keys.length - 1;
        int i = slotOf(key, mask);
        while (values[i] != 0 && keys[i] != key) {
            i = (i + 1) & mask;
        }
        int former = values[i];
        if (former == 0) {
            return 0;
        }
        size--;
        int hole = i;
        for (int j = (i + 1) & mask; values[j] != 0; j = (j + 1) & mask) {
            int home = slotOf(keys[j], mask);
            // An entry moves into the hole unless its home lies cyclically after the hole.
            if (((j - home) & mask) >= ((j - hole) & mask)) {
                keys[hole] = keys[j];
                values[hole] = values[j];
                hole = j;
            }
        }
        values[hole] = 0;
        return former;
    }

    /** The keys, in no order. */
    long[] keys() {
        long[] out = new long[size];
        int count = 0;
        for (int i = 0; i < keys.length; i++) {
            if (values[i] != 0) {
                out[count++] = keys[i];
            }
        }
        return out;
    }

    /** Values in the order of {@link #keys}. */
    int[] values() {
        int[] out = new int[size];
        int count = 0;
        for (int value : values) {
            if (value != 0) {
                out[count++] = value;
            }
        }
        return out;
    }

    void clear() {
        Arrays.fill(values, 0);
        size = 0;
    }

    private void grow() {
        long[] formerKeys = keys;
        int[] formerValues = values;
        keys = new long[formerKeys.length * 2];
        values = new int[formerKeys.length * 2];
        int mask = keys.length - 1;
        for (int i = 0; i < formerKeys.length; i++) {
            if (formerValues[i] != 0) {
                int j = slotOf(formerKeys[i], mask);
                while (values[j] != 0) {
                    j = (j + 1) & mask;
                }
                keys[j] = formerKeys[i];
                values[j] = formerValues[i];
            }
        }
    }

    /** Fibonacci hashing: guest addresses differ mostly in their low bits. */
    private static int slotOf(long key, int mask) {
        return (int) ((key * 0x9e37_79b9_7f4a_7c15L) >>> 32) & mask;
    }
}
