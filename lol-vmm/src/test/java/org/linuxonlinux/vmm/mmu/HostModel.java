// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.mmu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A host process made of a table: executes queued mapping commands page by page. */
final class HostModel {
    private static final long PAGE_SIZE = 4096;
    private static final int RAM_FD = 3;

    /** Descriptor of the file of patched call sites. */
    static final int SITES_FD = 4;

    private record Page(long fileOffset, int prot, boolean isCopy) {}

    private final Map<Long, Page> pages = new HashMap<>();
    private final HostCommandQueue queue;

    HostModel(HostCommandQueue queue) {
        this.queue = queue;
    }

    /** Executes and forgets the queued commands; returns them as text, one per command. */
    List<String> run() {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < queue.count(); i++) {
            long hva = queue.word(i, 1);
            long size = queue.word(i, 2);
            int prot = (int) queue.word(i, 3);
            require(hva >= 0 && hva < 0x7fff_ffff_f000L && hva % PAGE_SIZE == 0, "hva", hva);
            require(size > 0 && size % PAGE_SIZE == 0, "size", size);
            switch ((int) queue.word(i, 0)) {
                case 9 -> {
                    require(queue.word(i, 4) == 0x4011, "flags", queue.word(i, 4));
                    long fd = queue.word(i, 5);
                    require(fd == RAM_FD || fd == SITES_FD, "fd", fd);
                    boolean isCopy = fd == SITES_FD;
                    long offset = queue.word(i, 6);
                    String what = isCopy ? "show" : "map";
                    texts.add(
                            String.format(
                                    "%s %x+%x %s at %x", what, hva, size, text(prot), offset));
                    for (long at = 0; at < size; at += PAGE_SIZE) {
                        pages.put(hva + at, new Page(offset + at, prot, isCopy));
                    }
                }
                case 10 -> {
                    texts.add(String.format("protect %x+%x %s", hva, size, text(prot)));
                    for (long at = 0; at < size; at += PAGE_SIZE) {
                        Page page = pages.get(hva + at);
                        require(page != null, "mprotect of what is not mapped", hva + at);
                        pages.put(hva + at, new Page(page.fileOffset, prot, page.isCopy));
                    }
                }
                case 11 -> {
                    texts.add(String.format("unmap %x+%x", hva, size));
                    pages.keySet().removeIf(at -> at >= hva && at - hva < size);
                }
                default -> throw new AssertionError("system call " + queue.word(i, 0));
            }
        }
        queue.clear();
        return texts;
    }

    private static void require(boolean condition, String what, long value) {
        if (!condition) {
            throw new AssertionError(what + ": 0x" + Long.toHexString(value));
        }
    }

    /**
     * Protection and file offset of the page at an HVA, such as "rw- 5000"; "-" = not mapped; "copy
     * r-x" = a copy with patched call sites.
     */
    String at(long hva) {
        Page page = pages.get(hva & -PAGE_SIZE);
        if (page == null) {
            return "-";
        }
        return page.isCopy
                ? "copy " + text(page.prot)
                : text(page.prot) + " " + Long.toHexString(page.fileOffset);
    }

    int pageCount() {
        return pages.size();
    }

    private static String text(int prot) {
        return ((prot & 1) != 0 ? "r" : "-")
                + ((prot & 2) != 0 ? "w" : "-")
                + ((prot & 4) != 0 ? "x" : "-");
    }
}
