// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.translate;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Guest memory of single pages; frame numbers are handed out in order and can be changed. */
final class FakeGuest implements GuestCode {
    final Map<Long, byte[]> frames = new HashMap<>();
    final Map<Long, Long> gfnOfPage = new HashMap<>();
    final Set<Long> protectedFrames = new HashSet<>();
    private long nextGfn = 0x1000;

    /** Puts bytes at a GVA, mapping pages as needed. */
    void put(long gva, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            frame(gva + i)[(int) (gva + i) & 0xfff] = bytes[i];
        }
    }

    void put(long gva, int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            frame(gva + i)[(int) (gva + i) & 0xfff] = (byte) bytes[i];
        }
    }

    void unmap(long gva) {
        gfnOfPage.remove(gva >> 12);
    }

    void map(long gva, long gfn) {
        gfnOfPage.put(gva >> 12, gfn);
        frames.computeIfAbsent(gfn, key -> new byte[4096]);
    }

    private byte[] frame(long gva) {
        if (!gfnOfPage.containsKey(gva >> 12)) {
            map(gva, nextGfn++);
        }
        return frames.get(gfnOfPage.get(gva >> 12));
    }

    @Override
    public int fetch(long guestRip, byte[] into, int maxBytes) {
        int count = 0;
        while (count < maxBytes) {
            Long gfn = gfnOfPage.get((guestRip + count) >> 12);
            if (gfn == null) {
                break;
            }
            int offset = (int) (guestRip + count) & 0xfff;
            int chunk = Math.min(maxBytes - count, 4096 - offset);
            System.arraycopy(frames.get(gfn), offset, into, count, chunk);
            count += chunk;
        }
        return count;
    }

    @Override
    public long gfnOf(long guestRip) {
        return gfnOfPage.getOrDefault(guestRip >> 12, -1L);
    }

    @Override
    public void protectCodePage(long gfn) {
        protectedFrames.add(gfn);
    }
}
