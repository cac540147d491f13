// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

final class EvexMap5 {
    private EvexMap5() {}

    static final String ROWS = "";
}
