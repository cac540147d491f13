// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** VEX-encoded opcodes of map 3 (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class VexMap0F3A {
    private VexMap0F3A() {}

    static final String ROWS =
            """
            00.66.w1.l1 vpermq            =Vx,Wx,Ib
            01.66.w1.l1 vpermpd           =Vx,Wx,Ib
            02.66.w0    vpblendd          =Vx,Hx,Wx,Ib
            04.66.w0    vpermilps         =Vx,Wx,Ib
            05.66.w0    vpermilpd         =Vx,Wx,Ib
            06.66.w0.l1 vperm2f128        =Vx,Hx,Wx,Ib
            08.66       vroundps          =Vx,Wx,Ib
            09.66       vroundpd          =Vx,Wx,Ib
            0a.66       vroundss          =Vo,Ho,Wd,Ib
            0b.66       vroundsd          =Vo,Ho,Wq,Ib
            0c.66       vblendps          =Vx,Hx,Wx,Ib
            0d.66       vblendpd          =Vx,Hx,Wx,Ib
            0e.66       vpblendw          =Vx,Hx,Wx,Ib
            0f.66       vpalignr          =Vx,Hx,Wx,Ib
            14.66.l0    vpextrb           =Ea,Vo,Ib
            15.66.l0    vpextrw           =Ec,Vo,Ib
            16.66.w0.l0 vpextrd           =Ed,Vo,Ib
            16.66.w1.l0 vpextrq           =Eq,Vo,Ib
            17.66.l0    vextractps        =Ed,Vo,Ib
            18.66.w0.l1 vinsertf128       =Vx,Hx,Wo,Ib
            19.66.w0.l1 vextractf128      =Wo,Vx,Ib
            1d.66.w0    vcvtps2ph         =Wj,Vx,Ib
            20.66.l0    vpinsrb           =Vo,Ho,Ea,Ib
            21.66.l0    vinsertps         =Vo,Ho,Wd,Ib
            22.66.w0.l0 vpinsrd           =Vo,Ho,Ed,Ib
            22.66.w1.l0 vpinsrq           =Vo,Ho,Eq,Ib
            30.66.w0.l0 kshiftrb          =kgb,kub,Ib
            30.66.w1.l0 kshiftrw          =kgw,kuw,Ib
            31.66.w0.l0 kshiftrd          =kgd,kud,Ib
            31.66.w1.l0 kshiftrq          =kgq,kuq,Ib
            32.66.w0.l0 kshiftlb          =kgb,kub,Ib
            32.66.w1.l0 kshiftlw          =kgw,kuw,Ib
            33.66.w0.l0 kshiftld          =kgd,kud,Ib
            33.66.w1.l0 kshiftlq          =kgq,kuq,Ib
            38.66.w0.l1 vinserti128       =Vx,Hx,Wo,Ib
            39.66.w0.l1 vextracti128      =Wo,Vx,Ib
            40.66       vdpps             =Vx,Hx,Wx,Ib
            41.66.l0    vdppd             =Vo,Ho,Wo,Ib
            42.66       vmpsadbw          =Vx,Hx,Wx,Ib
            44.66       vpclmulqdq        =Vx,Hx,Wx,Ib
            46.66.w0.l1 vperm2i128        =Vx,Hx,Wx,Ib
            4a.66.w0    vblendvps         =Vx,Hx,Wx,Lx
            4b.66.w0    vblendvpd         =Vx,Hx,Wx,Lx
            4c.66.w0    vpblendvb         =Vx,Hx,Wx,Lx
            5c.66.w0    vfmaddsubps       =Vx,Hx,Wx,Lx
            5c.66.w1    vfmaddsubps       =Vx,Hx,Lx,Wx
            5d.66.w0    vfmaddsubpd       =Vx,Hx,Wx,Lx
            5d.66.w1    vfmaddsubpd       =Vx,Hx,Lx,Wx
            5e.66.w0    vfmsubaddps       =Vx,Hx,Wx,Lx
            5e.66.w1    vfmsubaddps       =Vx,Hx,Lx,Wx
            5f.66.w0    vfmsubaddpd       =Vx,Hx,Wx,Lx
            5f.66.w1    vfmsubaddpd       =Vx,Hx,Lx,Wx
            60.66.l0    vpcmpestrm        Vo,Wo,Ib i:ax,dx w:*
            61.66.l0    vpcmpestri        Vo,Wo,Ib i:ax,dx o:cx w:*
            62.66.l0    vpcmpistrm        Vo,Wo,Ib w:*
            63.66.l0    vpcmpistri        Vo,Wo,Ib o:cx w:*
            68.66.w0    vfmaddps          =Vx,Hx,Wx,Lx
            68.66.w1    vfmaddps          =Vx,Hx,Lx,Wx
            69.66.w0    vfmaddpd          =Vx,Hx,Wx,Lx
            69.66.w1    vfmaddpd          =Vx,Hx,Lx,Wx
            6a.66.w0    vfmaddss          =Vo,Ho,Wd,Lo
            6a.66.w1    vfmaddss          =Vo,Ho,Lo,Wd
            6b.66.w0    vfmaddsd          =Vo,Ho,Wq,Lo
            6b.66.w1    vfmaddsd          =Vo,Ho,Lo,Wq
            6c.66.w0    vfmsubps          =Vx,Hx,Wx,Lx
            6c.66.w1    vfmsubps          =Vx,Hx,Lx,Wx
            6d.66.w0    vfmsubpd          =Vx,Hx,Wx,Lx
            6d.66.w1    vfmsubpd          =Vx,Hx,Lx,Wx
            6e.66.w0    vfmsubss          =Vo,Ho,Wd,Lo
            6e.66.w1    vfmsubss          =Vo,Ho,Lo,Wd
            6f.66.w0    vfmsubsd          =Vo,Ho,Wq,Lo
            6f.66.w1    vfmsubsd          =Vo,Ho,Lo,Wq
            78.66.w0    vfnmaddps         =Vx,Hx,Wx,Lx
            78.66.w1    vfnmaddps         =Vx,Hx,Lx,Wx
            79.66.w0    vfnmaddpd         =Vx,Hx,Wx,Lx
            79.66.w1    vfnmaddpd         =Vx,Hx,Lx,Wx
            7a.66.w0    vfnmaddss         =Vo,Ho,Wd,Lo
            7a.66.w1    vfnmaddss         =Vo,Ho,Lo,Wd
            7b.66.w0    vfnmaddsd         =Vo,Ho,Wq,Lo
            7b.66.w1    vfnmaddsd         =Vo,Ho,Lo,Wq
            7c.66.w0    vfnmsubps         =Vx,Hx,Wx,Lx
            7c.66.w1    vfnmsubps         =Vx,Hx,Lx,Wx
            7d.66.w0    vfnmsubpd         =Vx,Hx,Wx,Lx
            7d.66.w1    vfnmsubpd         =Vx,Hx,Lx,Wx
            7e.66.w0    vfnmsubss         =Vo,Ho,Wd,Lo
            7e.66.w1    vfnmsubss         =Vo,Ho,Lo,Wd
            7f.66.w0    vfnmsubsd         =Vo,Ho,Wq,Lo
            7f.66.w1    vfnmsubsd         =Vo,Ho,Lo,Wq
            ce.66.w1    vgf2p8affineqb    =Vx,Hx,Wx,Ib
            cf.66.w1    vgf2p8affineinvqb =Vx,Hx,Wx,Ib
            df.66.l0    vaeskeygenassist  =Vo,Wo,Ib
            f0.f2.l0    rorx              =Gy,Ey,Ib
            """;
}
