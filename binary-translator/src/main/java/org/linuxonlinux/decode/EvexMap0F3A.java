// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

final class EvexMap0F3A {
    private EvexMap0F3A() {}

    static final String ROWS = "";
}
