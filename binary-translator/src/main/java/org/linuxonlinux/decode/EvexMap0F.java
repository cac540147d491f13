// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

final class EvexMap0F {
    private EvexMap0F() {}

    static final String ROWS = "";
}
