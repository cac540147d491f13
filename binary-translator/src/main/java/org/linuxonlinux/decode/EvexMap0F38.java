// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

final class EvexMap0F38 {
    private EvexMap0F38() {}

    static final String ROWS = "";
}
