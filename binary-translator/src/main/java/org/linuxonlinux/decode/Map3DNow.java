// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * 3DNow! instructions, 0F 0F, by their trailing byte (AMD APM vol. 3). Row syntax: {@link
 * OpcodeTable}.
 */
final class Map3DNow {
    private Map3DNow() {}

    static final String ROWS =
            """
            0c pi2fw    +Pq,Qq
            0d pi2fd    +Pq,Qq
            1c pf2iw    +Pq,Qq
            1d pf2id    +Pq,Qq
            8a pfnacc   +Pq,Qq
            8e pfpnacc  +Pq,Qq
            90 pfcmpge  +Pq,Qq
            94 pfmin    +Pq,Qq
            96 pfrcp    +Pq,Qq
            97 pfrsqrt  +Pq,Qq
            9a pfsub    +Pq,Qq
            9e pfadd    +Pq,Qq
            a0 pfcmpgt  +Pq,Qq
            a4 pfmax    +Pq,Qq
            a6 pfrcpit1 +Pq,Qq
            a7 pfrsqit1 +Pq,Qq
            aa pfsubr   +Pq,Qq
            ae pfacc    +Pq,Qq
            b0 pfcmpeq  +Pq,Qq
            b4 pfmul    +Pq,Qq
            b6 pfrcpit2 +Pq,Qq
            b7 pmulhrw  +Pq,Qq
            bb pswapd   +Pq,Qq
            bf pavgusb  +Pq,Qq
            """;
}
