// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.Arrays;

/**
 * Which blocks lie in which page: one index by frame (writes) and one by virtual page (mappings). A
 * block is listed in the page of its first byte and, when its last instruction crosses, in the next
 * one too: node {@code 2 × block id} and node {@code 2 × block id + 1}.
 */
final class CodePageIndex {
    private final LongIntMap indexOf = new LongIntMap(1 << 10);
    private long[] page = new long[1 << 10];
    private long[] tag = new long[1 << 10];
    private int[] head = new int[1 << 10];
    private int[] live = new int[1 << 10];
    private int[] next = new int[1 << 13];
    private int end = 1;

    /** Index of a page; 0 = none was ever listed. Valid indexes are 1 to {@link #end} - 1. */
    int find(long pageNumber) {
        return indexOf.get(pageNumber);
    }

    int end() {
        return end;
    }

    long page(int index) {
        return page[index];
    }

    /** A number the caller keeps with the page. */
    long tag(int index) {
        return tag[index];
    }

    void setTag(int index, long value) {
        tag[index] = value;
    }

    int liveBlocks(int index) {
        return live[index];
    }

    /** First node of a page; 0 = none. */
    int firstNode(int index) {
        return head[index];
    }

    int nextNode(int node) {
        return next[node];
    }

    /** Lists a node, and returns the index of its page. */
    int add(long pageNumber, int node) {
        int index = indexOf.get(pageNumber);
        if (index == 0) {
            index = end++;
            if (index == page.length) {
                page = Arrays.copyOf(page, index * 2);
                tag = Arrays.copyOf(tag, index * 2);
                head = Arrays.copyOf(head, index * 2);
                live = Arrays.copyOf(live, index * 2);
            }
            page[index] = pageNumber;
            tag[index] = 0;
            head[index] = 0;
            live[index] = 0;
            indexOf.put(pageNumber, index);
        }
        if (node >= next.length) {
            next = Arrays.copyOf(next, Math.max(node + 1, next.length * 2));
        }
        next[node] = head[index];
        head[index] = node;
        live[index]++;
        return index;
    }

    /**
     * Takes a node out of its page's list; {@link #nextNode} of it stays. Fast near the start of
     * the list, which is where blocks that die with their page are.
     */
    void remove(long pageNumber, int node) {
        int index = indexOf.get(pageNumber);
        live[index]--;
        if (head[index] == node) {
            head[index] = next[node];
            return;
        }
        int before = head[index];
        while (next[before] != node) {
            before = next[before];
        }
        next[before] = next[node];
    }

    void clear() {
        indexOf.clear();
        end = 1;
    }
}
