// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

final class EvexMap6 {
    private EvexMap6() {}

    static final String ROWS = "";
}
