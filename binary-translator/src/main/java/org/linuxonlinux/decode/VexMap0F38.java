// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** VEX-encoded opcodes of map 2 (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class VexMap0F38 {
    private VexMap0F38() {}

    static final String ROWS =
            """
            00.66          vpshufb        =Vx,Hx,Wx
            01.66          vphaddw        =Vx,Hx,Wx
            02.66          vphaddd        =Vx,Hx,Wx
            03.66          vphaddsw       =Vx,Hx,Wx
            04.66          vpmaddubsw     =Vx,Hx,Wx
            05.66          vphsubw        =Vx,Hx,Wx
            06.66          vphsubd        =Vx,Hx,Wx
            07.66          vphsubsw       =Vx,Hx,Wx
            08.66          vpsignb        =Vx,Hx,Wx
            09.66          vpsignw        =Vx,Hx,Wx
            0a.66          vpsignd        =Vx,Hx,Wx
            0b.66          vpmulhrsw      =Vx,Hx,Wx
            0c.66.w0       vpermilps      =Vx,Hx,Wx
            0d.66.w0       vpermilpd      =Vx,Hx,Wx
            0e.66.w0       vtestps        Vx,Wx      w:*
            0f.66.w0       vtestpd        Vx,Wx      w:*
            13.66.w0       vcvtph2ps      =Vx,Wj
            16.66.w0.l1    vpermps        =Vx,Hx,Wx
            17.66          vptest         Vx,Wx      w:*
            18.66.w0       vbroadcastss   =Vx,Wd
            19.66.w0.l1    vbroadcastsd   =Vx,Wq
            1a.66.w0.l1    vbroadcastf128 =Vx,Mo
            1c.66          vpabsb         =Vx,Wx
            1d.66          vpabsw         =Vx,Wx
            1e.66          vpabsd         =Vx,Wx
            20.66          vpmovsxbw      =Vx,Wj
            21.66          vpmovsxbd      =Vx,Wk
            22.66          vpmovsxbq      =Vx,Wl
            23.66          vpmovsxwd      =Vx,Wj
            24.66          vpmovsxwq      =Vx,Wk
            25.66          vpmovsxdq      =Vx,Wj
            28.66          vpmuldq        =Vx,Hx,Wx
            29.66          vpcmpeqq       =Vx,Hx,Wx
            2a.66          vmovntdqa      =Vx,Mx
            2b.66          vpackusdw      =Vx,Hx,Wx
            2c.66.w0       vmaskmovps     =Vx,Hx,Mx
            2d.66.w0       vmaskmovpd     =Vx,Hx,Mx
            2e.66.w0       vmaskmovps     =Mx,Hx,Vx
            2f.66.w0       vmaskmovpd     =Mx,Hx,Vx
            30.66          vpmovzxbw      =Vx,Wj
            31.66          vpmovzxbd      =Vx,Wk
            32.66          vpmovzxbq      =Vx,Wl
            33.66          vpmovzxwd      =Vx,Wj
            34.66          vpmovzxwq      =Vx,Wk
            35.66          vpmovzxdq      =Vx,Wj
            36.66.w0.l1    vpermd         =Vx,Hx,Wx
            37.66          vpcmpgtq       =Vx,Hx,Wx
            38.66          vpminsb        =Vx,Hx,Wx
            39.66          vpminsd        =Vx,Hx,Wx
            3a.66          vpminuw        =Vx,Hx,Wx
            3b.66          vpminud        =Vx,Hx,Wx
            3c.66          vpmaxsb        =Vx,Hx,Wx
            3d.66          vpmaxsd        =Vx,Hx,Wx
            3e.66          vpmaxuw        =Vx,Hx,Wx
            3f.66          vpmaxud        =Vx,Hx,Wx
            40.66          vpmulld        =Vx,Hx,Wx
            41.66.l0       vphminposuw    =Vo,Wo
            45.66.w0       vpsrlvd        =Vx,Hx,Wx
            45.66.w1       vpsrlvq        =Vx,Hx,Wx
            46.66.w0       vpsravd        =Vx,Hx,Wx
            47.66.w0       vpsllvd        =Vx,Hx,Wx
            47.66.w1       vpsllvq        =Vx,Hx,Wx
            49@c0.np.w0.l0 tilerelease    -
            49/0.np.w0.l0  ldtilecfg      Me
            49/0.66.w0.l0  sttilecfg      =Me
            49.f2.w0.l0    tilezero       =tg,tx
            4b.f2.w0.l0    tileloadd      =tg,Mn
            4b.66.w0.l0    tileloaddt1    =tg,Mn
            4b.f3.w0.l0    tilestored     =Mn,tg
            50.66.w0       vpdpbusd       +Vx,Hx,Wx
            50.np.w0       vpdpbuud       +Vx,Hx,Wx
            50.f3.w0       vpdpbsud       +Vx,Hx,Wx
            50.f2.w0       vpdpbssd       +Vx,Hx,Wx
            51.66.w0       vpdpbusds      +Vx,Hx,Wx
            51.np.w0       vpdpbuuds      +Vx,Hx,Wx
            51.f3.w0       vpdpbsuds      +Vx,Hx,Wx
            51.f2.w0       vpdpbssds      +Vx,Hx,Wx
            52.66.w0       vpdpwssd       +Vx,Hx,Wx
            53.66.w0       vpdpwssds      +Vx,Hx,Wx
            58.66.w0       vpbroadcastd   =Vx,Wd
            59.66.w0       vpbroadcastq   =Vx,Wq
            5a.66.w0.l1    vbroadcasti128 =Vx,Mo
            5c.f3.w0.l0    tdpbf16ps      +tg,tu,th
            5e.np.w0.l0    tdpbuud        +tg,tu,th
            5e.66.w0.l0    tdpbusd        +tg,tu,th
            5e.f3.w0.l0    tdpbsud        +tg,tu,th
            5e.f2.w0.l0    tdpbssd        +tg,tu,th
            78.66.w0       vpbroadcastb   =Vx,Wb
            79.66.w0       vpbroadcastw   =Vx,Ww
            8c.66.w0       vpmaskmovd     =Vx,Hx,Mx
            8c.66.w1       vpmaskmovq     =Vx,Hx,Mx
            8e.66.w0       vpmaskmovd     =Mx,Hx,Vx
            8e.66.w1       vpmaskmovq     =Mx,Hx,Vx
            90.66.w0       vpgatherdd     +Vx,Td,+Hx vsx
            90.66.w1       vpgatherdq     +Vx,Tq,+Hx vsj
            91.66.w0       vpgatherqd     +Vj,Td,+Hj vsx
            91.66.w1       vpgatherqq     +Vx,Tq,+Hx vsx
            92.66.w0       vgatherdps     +Vx,Td,+Hx vsx
            92.66.w1       vgatherdpd     +Vx,Tq,+Hx vsj
            93.66.w0       vgatherqps     +Vj,Td,+Hj vsx
            93.66.w1       vgatherqpd     +Vx,Tq,+Hx vsx
            96.66.w0       vfmaddsub132ps +Vx,Hx,Wx
            96.66.w1       vfmaddsub132pd +Vx,Hx,Wx
            97.66.w0       vfmsubadd132ps +Vx,Hx,Wx
            97.66.w1       vfmsubadd132pd +Vx,Hx,Wx
            98.66.w0       vfmadd132ps    +Vx,Hx,Wx
            98.66.w1       vfmadd132pd    +Vx,Hx,Wx
            99.66.w0       vfmadd132ss    +Vo,Ho,Wd
            99.66.w1       vfmadd132sd    +Vo,Ho,Wq
            9a.66.w0       vfmsub132ps    +Vx,Hx,Wx
            9a.66.w1       vfmsub132pd    +Vx,Hx,Wx
            9b.66.w0       vfmsub132ss    +Vo,Ho,Wd
            9b.66.w1       vfmsub132sd    +Vo,Ho,Wq
            9c.66.w0       vfnmadd132ps   +Vx,Hx,Wx
            9c.66.w1       vfnmadd132pd   +Vx,Hx,Wx
            9d.66.w0       vfnmadd132ss   +Vo,Ho,Wd
            9d.66.w1       vfnmadd132sd   +Vo,Ho,Wq
            9e.66.w0       vfnmsub132ps   +Vx,Hx,Wx
            9e.66.w1       vfnmsub132pd   +Vx,Hx,Wx
            9f.66.w0       vfnmsub132ss   +Vo,Ho,Wd
            9f.66.w1       vfnmsub132sd   +Vo,Ho,Wq
            a6.66.w0       vfmaddsub213ps +Vx,Hx,Wx
            a6.66.w1       vfmaddsub213pd +Vx,Hx,Wx
            a7.66.w0       vfmsubadd213ps +Vx,Hx,Wx
            a7.66.w1       vfmsubadd213pd +Vx,Hx,Wx
            a8.66.w0       vfmadd213ps    +Vx,Hx,Wx
            a8.66.w1       vfmadd213pd    +Vx,Hx,Wx
            a9.66.w0       vfmadd213ss    +Vo,Ho,Wd
            a9.66.w1       vfmadd213sd    +Vo,Ho,Wq
            aa.66.w0       vfmsub213ps    +Vx,Hx,Wx
            aa.66.w1       vfmsub213pd    +Vx,Hx,Wx
            ab.66.w0       vfmsub213ss    +Vo,Ho,Wd
            ab.66.w1       vfmsub213sd    +Vo,Ho,Wq
            ac.66.w0       vfnmadd213ps   +Vx,Hx,Wx
            ac.66.w1       vfnmadd213pd   +Vx,Hx,Wx
            ad.66.w0       vfnmadd213ss   +Vo,Ho,Wd
            ad.66.w1       vfnmadd213sd   +Vo,Ho,Wq
            ae.66.w0       vfnmsub213ps   +Vx,Hx,Wx
            ae.66.w1       vfnmsub213pd   +Vx,Hx,Wx
            af.66.w0       vfnmsub213ss   +Vo,Ho,Wd
            af.66.w1       vfnmsub213sd   +Vo,Ho,Wq
            b4.66.w1       vpmadd52luq    +Vx,Hx,Wx
            b5.66.w1       vpmadd52huq    +Vx,Hx,Wx
            b6.66.w0       vfmaddsub231ps +Vx,Hx,Wx
            b6.66.w1       vfmaddsub231pd +Vx,Hx,Wx
            b7.66.w0       vfmsubadd231ps +Vx,Hx,Wx
            b7.66.w1       vfmsubadd231pd +Vx,Hx,Wx
            b8.66.w0       vfmadd231ps    +Vx,Hx,Wx
            b8.66.w1       vfmadd231pd    +Vx,Hx,Wx
            b9.66.w0       vfmadd231ss    +Vo,Ho,Wd
            b9.66.w1       vfmadd231sd    +Vo,Ho,Wq
            ba.66.w0       vfmsub231ps    +Vx,Hx,Wx
            ba.66.w1       vfmsub231pd    +Vx,Hx,Wx
            bb.66.w0       vfmsub231ss    +Vo,Ho,Wd
            bb.66.w1       vfmsub231sd    +Vo,Ho,Wq
            bc.66.w0       vfnmadd231ps   +Vx,Hx,Wx
            bc.66.w1       vfnmadd231pd   +Vx,Hx,Wx
            bd.66.w0       vfnmadd231ss   +Vo,Ho,Wd
            bd.66.w1       vfnmadd231sd   +Vo,Ho,Wq
            be.66.w0       vfnmsub231ps   +Vx,Hx,Wx
            be.66.w1       vfnmsub231pd   +Vx,Hx,Wx
            bf.66.w0       vfnmsub231ss   +Vo,Ho,Wd
            bf.66.w1       vfnmsub231sd   +Vo,Ho,Wq
            cf.66.w0       vgf2p8mulb     =Vx,Hx,Wx
            db.66.l0       vaesimc        =Vo,Wo
            dc.66          vaesenc        =Vx,Hx,Wx
            dd.66          vaesenclast    =Vx,Hx,Wx
            de.66          vaesdec        =Vx,Hx,Wx
            df.66          vaesdeclast    =Vx,Hx,Wx
            f2.np.l0       andn           =Gy,By,Ey  w:*
            f3/1.np.l0     blsr           =By,Ey     w:*
            f3/2.np.l0     blsmsk         =By,Ey     w:*
            f3/3.np.l0     blsi           =By,Ey     w:*
            f5.np.l0       bzhi           =Gy,Ey,By  w:*
            f5.f3.l0       pext           =Gy,By,Ey
            f5.f2.l0       pdep           =Gy,By,Ey
            f6.f2.l0       mulx           =Gy,=By,Ey i:dx
            f7.np.l0       bextr          =Gy,Ey,By  w:*
            f7.66.l0       shlx           =Gy,Ey,By
            f7.f3.l0       sarx           =Gy,Ey,By
            f7.f2.l0       shrx           =Gy,Ey,By
            """;
}
