// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.util.ArrayList;
import java.util.List;

/** A patched copy of a page of user code, for one frame at one address. */
public final class PageCopy {
    private final long gva;
    private final long gfn;
    private final long fileOffsetBytes;
    private final List<CallSite> sites = new ArrayList<>();

    PageCopy(long gva, long gfn, long fileOffsetBytes) {
        this.gva = gva;
        this.gfn = gfn;
        this.fileOffsetBytes = fileOffsetBytes;
    }

    /** User page that it stands for. */
    public long gva() {
        return gva;
    }

    /** Number of the guest frame that it is a copy of. */
    public long gfn() {
        return gfn;
    }

    /** Where it lies in {@link CallSites#file}. */
    public long fileOffsetBytes() {
        return fileOffsetBytes;
    }

    List<CallSite> sites() {
        return sites;
    }
}
