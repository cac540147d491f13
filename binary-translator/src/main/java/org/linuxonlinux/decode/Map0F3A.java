// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** Opcodes after 0F 3A (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class Map0F3A {
    private Map0F3A() {}

    static final String ROWS =
            """
            08.66    roundps                =Vo,Wo,Ib
            09.66    roundpd                =Vo,Wo,Ib
            0a.66    roundss                =Vd,Wd,Ib
            0b.66    roundsd                =Vq,Wq,Ib
            0c.66    blendps                +Vo,Wo,Ib
            0d.66    blendpd                +Vo,Wo,Ib
            0e.66    pblendw                +Vo,Wo,Ib
            0f.np    palignr                +Pq,Qq,Ib
            0f.66    palignr                +Vo,Wo,Ib
            14.66    pextrb                 =Ea,Vo,Ib
            15.66    pextrw                 =Ec,Vo,Ib
            16.66.w0 pextrd                 =Ed,Vo,Ib
            16.66.w1 pextrq                 =Eq,Vo,Ib
            17.66    extractps              =Ed,Vo,Ib
            20.66    pinsrb                 +Vo,Ea,Ib
            21.66    insertps               +Vo,Wd,Ib
            22.66.w0 pinsrd                 +Vo,Ed,Ib
            22.66.w1 pinsrq                 +Vo,Eq,Ib
            40.66    dpps                   +Vo,Wo,Ib
            41.66    dppd                   +Vo,Wo,Ib
            42.66    mpsadbw                +Vo,Wo,Ib
            44.66    pclmulqdq              +Vo,Wo,Ib
            60.66    pcmpestrm              Vo,Wo,Ib i:ax,dx w:*
            61.66    pcmpestri              Vo,Wo,Ib i:ax,dx o:cx w:*
            62.66    pcmpistrm              Vo,Wo,Ib w:*
            63.66    pcmpistri              Vo,Wo,Ib o:cx w:*
            cc.np    sha1rnds4              +Vo,Wo,Ib
            ce.66    gf2p8affineqb          +Vo,Wo,Ib
            cf.66    gf2p8affineinvqb       +Vo,Wo,Ib
            df.66    aeskeygenassist        =Vo,Wo,Ib
            f0@c0.f3 hreset:SENSITIVE_OTHER Ib       sens i:ax
            """;
}
