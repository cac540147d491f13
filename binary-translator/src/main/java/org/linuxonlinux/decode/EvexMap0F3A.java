// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** EVEX-encoded opcodes of map 3 (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class EvexMap0F3A {
    private EvexMap0F3A() {}

    static final String ROWS =
            """
            00.66.w1    vpermq            =Vx,Wx,Ib     b8
            01.66.w1    vpermpd           =Vx,Wx,Ib     b8
            03.66.w0    valignd           =Vx,Hx,Wx,Ib  b4
            03.66.w1    valignq           =Vx,Hx,Wx,Ib  b8
            04.66.w0    vpermilps         =Vx,Wx,Ib     b4
            05.66.w1    vpermilpd         =Vx,Wx,Ib     b8
            08.66.w0    vrndscaleps       =Vx,Wx,Ib     b4 sae
            08.np.w0    vrndscaleph       =Vx,Wx,Ib     b2 sae
            09.66.w1    vrndscalepd       =Vx,Wx,Ib     b8 sae
            0a.66.w0    vrndscaless       =Vo,Ho,Wd,Ib  sae
            0a.np.w0    vrndscalesh       =Vo,Ho,Ww,Ib  sae
            0b.66.w1    vrndscalesd       =Vo,Ho,Wq,Ib  sae
            0f.66       vpalignr          =Vx,Hx,Wx,Ib
            14.66.l0    vpextrb           =Ea,Vo,Ib
            15.66.l0    vpextrw           =Ec,Vo,Ib
            16.66.w0.l0 vpextrd           =Ed,Vo,Ib
            16.66.w1.l0 vpextrq           =Eq,Vo,Ib
            17.66.l0    vextractps        =Ed,Vo,Ib
            18.66.w0    vinsertf32x4      =Vx,Hx,Wo,Ib
            18.66.w1    vinsertf64x2      =Vx,Hx,Wo,Ib
            19.66.w0    vextractf32x4     =Wo,Vx,Ib
            19.66.w1    vextractf64x2     =Wo,Vx,Ib
            1a.66.w0.l2 vinsertf32x8      =Vx,Hx,Wh,Ib
            1a.66.w1.l2 vinsertf64x4      =Vx,Hx,Wh,Ib
            1b.66.w0.l2 vextractf32x8     =Wh,Vx,Ib
            1b.66.w1.l2 vextractf64x4     =Wh,Vx,Ib
            1d.66.w0    vcvtps2ph         =Wj,Vx,Ib     sae
            1e.66.w0    vpcmpud           =kgq,Hx,Wx,Ib b4
            1e.66.w1    vpcmpuq           =kgq,Hx,Wx,Ib b8
            1f.66.w0    vpcmpd            =kgq,Hx,Wx,Ib b4
            1f.66.w1    vpcmpq            =kgq,Hx,Wx,Ib b8
            20.66.l0    vpinsrb           =Vo,Ho,Ea,Ib
            21.66.w0.l0 vinsertps         =Vo,Ho,Wd,Ib
            22.66.w0.l0 vpinsrd           =Vo,Ho,Ed,Ib
            22.66.w1.l0 vpinsrq           =Vo,Ho,Eq,Ib
            23.66.w0    vshuff32x4        =Vx,Hx,Wx,Ib  b4
            23.66.w1    vshuff64x2        =Vx,Hx,Wx,Ib  b8
            25.66.w0    vpternlogd        +Vx,Hx,Wx,Ib  b4
            25.66.w1    vpternlogq        +Vx,Hx,Wx,Ib  b8
            26.66.w0    vgetmantps        =Vx,Wx,Ib     b4 sae
            26.66.w1    vgetmantpd        =Vx,Wx,Ib     b8 sae
            26.np.w0    vgetmantph        =Vx,Wx,Ib     b2 sae
            27.66.w0    vgetmantss        =Vo,Ho,Wd,Ib  sae
            27.66.w1    vgetmantsd        =Vo,Ho,Wq,Ib  sae
            27.np.w0    vgetmantsh        =Vo,Ho,Ww,Ib  sae
            38.66.w0    vinserti32x4      =Vx,Hx,Wo,Ib
            38.66.w1    vinserti64x2      =Vx,Hx,Wo,Ib
            39.66.w0    vextracti32x4     =Wo,Vx,Ib
            39.66.w1    vextracti64x2     =Wo,Vx,Ib
            3a.66.w0.l2 vinserti32x8      =Vx,Hx,Wh,Ib
            3a.66.w1.l2 vinserti64x4      =Vx,Hx,Wh,Ib
            3b.66.w0.l2 vextracti32x8     =Wh,Vx,Ib
            3b.66.w1.l2 vextracti64x4     =Wh,Vx,Ib
            3e.66.w0    vpcmpub           =kgq,Hx,Wx,Ib
            3e.66.w1    vpcmpuw           =kgq,Hx,Wx,Ib
            3f.66.w0    vpcmpb            =kgq,Hx,Wx,Ib
            3f.66.w1    vpcmpw            =kgq,Hx,Wx,Ib
            42.66.w0    vdbpsadbw         =Vx,Hx,Wx,Ib
            43.66.w0    vshufi32x4        =Vx,Hx,Wx,Ib  b4
            43.66.w1    vshufi64x2        =Vx,Hx,Wx,Ib  b8
            44.66       vpclmulqdq        =Vx,Hx,Wx,Ib
            50.66.w0    vrangeps          =Vx,Hx,Wx,Ib  b4 sae
            50.66.w1    vrangepd          =Vx,Hx,Wx,Ib  b8 sae
            51.66.w0    vrangess          =Vo,Ho,Wd,Ib  sae
            51.66.w1    vrangesd          =Vo,Ho,Wq,Ib  sae
            54.66.w0    vfixupimmps       +Vx,Hx,Wx,Ib  b4 sae
            54.66.w1    vfixupimmpd       +Vx,Hx,Wx,Ib  b8 sae
            55.66.w0    vfixupimmss       +Vo,Ho,Wd,Ib  sae
            55.66.w1    vfixupimmsd       +Vo,Ho,Wq,Ib  sae
            56.66.w0    vreduceps         =Vx,Wx,Ib     b4 sae
            56.66.w1    vreducepd         =Vx,Wx,Ib     b8 sae
            56.np.w0    vreduceph         =Vx,Wx,Ib     b2 sae
            57.66.w0    vreducess         =Vo,Ho,Wd,Ib  sae
            57.66.w1    vreducesd         =Vo,Ho,Wq,Ib  sae
            57.np.w0    vreducesh         =Vo,Ho,Ww,Ib  sae
            66.66.w0    vfpclassps        =kgq,Wx,Ib    b4
            66.66.w1    vfpclasspd        =kgq,Wx,Ib    b8
            66.np.w0    vfpclassph        =kgq,Wx,Ib    b2
            67.66.w0    vfpclassss        =kgq,Wd,Ib
            67.66.w1    vfpclasssd        =kgq,Wq,Ib
            67.np.w0    vfpclasssh        =kgq,Ww,Ib
            70.66.w1    vpshldw           =Vx,Hx,Wx,Ib
            71.66.w0    vpshldd           =Vx,Hx,Wx,Ib  b4
            71.66.w1    vpshldq           =Vx,Hx,Wx,Ib  b8
            72.66.w1    vpshrdw           =Vx,Hx,Wx,Ib
            73.66.w0    vpshrdd           =Vx,Hx,Wx,Ib  b4
            73.66.w1    vpshrdq           =Vx,Hx,Wx,Ib  b8
            c2.np.w0    vcmpph            =kgq,Hx,Wx,Ib b2 sae
            c2.f3.w0    vcmpsh            =kgq,Ho,Ww,Ib sae
            ce.66.w1    vgf2p8affineqb    =Vx,Hx,Wx,Ib  b8
            cf.66.w1    vgf2p8affineinvqb =Vx,Hx,Wx,Ib  b8
            """;
}
