// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** EVEX-encoded opcodes of map 2 (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class EvexMap0F38 {
    private EvexMap0F38() {}

    static final String ROWS =
            """
            00.66    vpshufb         =Vx,Hx,Wx
            04.66    vpmaddubsw      =Vx,Hx,Wx
            0b.66    vpmulhrsw       =Vx,Hx,Wx
            0c.66.w0 vpermilps       =Vx,Hx,Wx  b4
            0d.66.w1 vpermilpd       =Vx,Hx,Wx  b8
            10.66.w1 vpsrlvw         =Vx,Hx,Wx
            10.f3.w0 vpmovuswb       =Wj,Vx
            11.66.w1 vpsravw         =Vx,Hx,Wx
            11.f3.w0 vpmovusdb       =Wk,Vx
            12.66.w1 vpsllvw         =Vx,Hx,Wx
            12.f3.w0 vpmovusqb       =Wl,Vx
            13.f3.w0 vpmovusdw       =Wj,Vx
            13.66.w0 vcvtph2ps       =Vx,Wj     sae
            14.f3.w0 vpmovusqw       =Wk,Vx
            14.66.w0 vprorvd         =Vx,Hx,Wx  b4
            14.66.w1 vprorvq         =Vx,Hx,Wx  b8
            15.f3.w0 vpmovusqd       =Wj,Vx
            15.66.w0 vprolvd         =Vx,Hx,Wx  b4
            15.66.w1 vprolvq         =Vx,Hx,Wx  b8
            16.66.w0 vpermps         =Vx,Hx,Wx  b4
            16.66.w1 vpermpd         =Vx,Hx,Wx  b8
            18.66.w0 vbroadcastss    =Vx,Wd
            19.66.w0 vbroadcastf32x2 =Vx,Wq
            19.66.w1 vbroadcastsd    =Vx,Wq
            1a.66.w0 vbroadcastf32x4 =Vx,Mo
            1a.66.w1 vbroadcastf64x2 =Vx,Mo
            1b.66.w0 vbroadcastf32x8 =Vx,Mh
            1b.66.w1 vbroadcastf64x4 =Vx,Mh
            1c.66    vpabsb          =Vx,Wx
            1d.66    vpabsw          =Vx,Wx
            1e.66.w0 vpabsd          =Vx,Wx     b4
            1f.66.w1 vpabsq          =Vx,Wx     b8
            20.f3.w0 vpmovswb        =Wj,Vx
            20.66    vpmovsxbw       =Vx,Wj
            21.f3.w0 vpmovsdb        =Wk,Vx
            21.66    vpmovsxbd       =Vx,Wk
            22.f3.w0 vpmovsqb        =Wl,Vx
            22.66    vpmovsxbq       =Vx,Wl
            23.f3.w0 vpmovsdw        =Wj,Vx
            23.66    vpmovsxwd       =Vx,Wj
            24.f3.w0 vpmovsqw        =Wk,Vx
            24.66    vpmovsxwq       =Vx,Wk
            25.f3.w0 vpmovsqd        =Wj,Vx
            25.66.w0 vpmovsxdq       =Vx,Wj
            26.66.w0 vptestmb        =kgq,Hx,Wx
            26.66.w1 vptestmw        =kgq,Hx,Wx
            26.f3.w0 vptestnmb       =kgq,Hx,Wx
            26.f3.w1 vptestnmw       =kgq,Hx,Wx
            27.66.w0 vptestmd        =kgq,Hx,Wx b4
            27.66.w1 vptestmq        =kgq,Hx,Wx b8
            27.f3.w0 vptestnmd       =kgq,Hx,Wx b4
            27.f3.w1 vptestnmq       =kgq,Hx,Wx b8
            28.66.w1 vpmuldq         =Vx,Hx,Wx  b8
            28.f3.w0 vpmovm2b        =Vx,kuq
            28.f3.w1 vpmovm2w        =Vx,kuq
            29.66.w1 vpcmpeqq        =kgq,Hx,Wx b8
            29.f3.w0 vpmovb2m        =kgq,Ux
            29.f3.w1 vpmovw2m        =kgq,Ux
            2a.66.w0 vmovntdqa       =Vx,Mx
            2a.f3.w1 vpbroadcastmb2q =Vx,kuq
            2b.66.w0 vpackusdw       =Vx,Hx,Wx  b4
            2c.66.w0 vscalefps       =Vx,Hx,Wx  b4 er
            2c.66.w1 vscalefpd       =Vx,Hx,Wx  b8 er
            2d.66.w0 vscalefss       =Vo,Ho,Wd  er
            2d.66.w1 vscalefsd       =Vo,Ho,Wq  er
            30.f3.w0 vpmovwb         =Wj,Vx
            30.66    vpmovzxbw       =Vx,Wj
            31.f3.w0 vpmovdb         =Wk,Vx
            31.66    vpmovzxbd       =Vx,Wk
            32.f3.w0 vpmovqb         =Wl,Vx
            32.66    vpmovzxbq       =Vx,Wl
            33.f3.w0 vpmovdw         =Wj,Vx
            33.66    vpmovzxwd       =Vx,Wj
            34.f3.w0 vpmovqw         =Wk,Vx
            34.66    vpmovzxwq       =Vx,Wk
            35.f3.w0 vpmovqd         =Wj,Vx
            35.66.w0 vpmovzxdq       =Vx,Wj
            36.66.w0 vpermd          =Vx,Hx,Wx  b4
            36.66.w1 vpermq          =Vx,Hx,Wx  b8
            37.66.w1 vpcmpgtq        =kgq,Hx,Wx b8
            38.66    vpminsb         =Vx,Hx,Wx
            38.f3.w0 vpmovm2d        =Vx,kuq
            38.f3.w1 vpmovm2q        =Vx,kuq
            39.66.w0 vpminsd         =Vx,Hx,Wx  b4
            39.66.w1 vpminsq         =Vx,Hx,Wx  b8
            39.f3.w0 vpmovd2m        =kgq,Ux
            39.f3.w1 vpmovq2m        =kgq,Ux
            3a.66    vpminuw         =Vx,Hx,Wx
            3a.f3.w0 vpbroadcastmw2d =Vx,kuq
            3b.66.w0 vpminud         =Vx,Hx,Wx  b4
            3b.66.w1 vpminuq         =Vx,Hx,Wx  b8
            3c.66    vpmaxsb         =Vx,Hx,Wx
            3d.66.w0 vpmaxsd         =Vx,Hx,Wx  b4
            3d.66.w1 vpmaxsq         =Vx,Hx,Wx  b8
            3e.66    vpmaxuw         =Vx,Hx,Wx
            3f.66.w0 vpmaxud         =Vx,Hx,Wx  b4
            3f.66.w1 vpmaxuq         =Vx,Hx,Wx  b8
            40.66.w0 vpmulld         =Vx,Hx,Wx  b4
            40.66.w1 vpmullq         =Vx,Hx,Wx  b8
            42.66.w0 vgetexpps       =Vx,Wx     b4 sae
            42.66.w1 vgetexppd       =Vx,Wx     b8 sae
            43.66.w0 vgetexpss       =Vo,Ho,Wd  sae
            43.66.w1 vgetexpsd       =Vo,Ho,Wq  sae
            44.66.w0 vplzcntd        =Vx,Wx     b4
            44.66.w1 vplzcntq        =Vx,Wx     b8
            45.66.w0 vpsrlvd         =Vx,Hx,Wx  b4
            45.66.w1 vpsrlvq         =Vx,Hx,Wx  b8
            46.66.w0 vpsravd         =Vx,Hx,Wx  b4
            46.66.w1 vpsravq         =Vx,Hx,Wx  b8
            47.66.w0 vpsllvd         =Vx,Hx,Wx  b4
            47.66.w1 vpsllvq         =Vx,Hx,Wx  b8
            4c.66.w0 vrcp14ps        =Vx,Wx     b4
            4c.66.w1 vrcp14pd        =Vx,Wx     b8
            4d.66.w0 vrcp14ss        =Vo,Ho,Wd
            4d.66.w1 vrcp14sd        =Vo,Ho,Wq
            4e.66.w0 vrsqrt14ps      =Vx,Wx     b4
            4e.66.w1 vrsqrt14pd      =Vx,Wx     b8
            4f.66.w0 vrsqrt14ss      =Vo,Ho,Wd
            4f.66.w1 vrsqrt14sd      =Vo,Ho,Wq
            50.66.w0 vpdpbusd        +Vx,Hx,Wx  b4
            51.66.w0 vpdpbusds       +Vx,Hx,Wx  b4
            52.66.w0 vpdpwssd        +Vx,Hx,Wx  b4
            52.f3.w0 vdpbf16ps       +Vx,Hx,Wx  b4
            53.66.w0 vpdpwssds       +Vx,Hx,Wx  b4
            54.66.w0 vpopcntb        =Vx,Wx
            54.66.w1 vpopcntw        =Vx,Wx
            55.66.w0 vpopcntd        =Vx,Wx     b4
            55.66.w1 vpopcntq        =Vx,Wx     b8
            58.66.w0 vpbroadcastd    =Vx,Wd
            59.66.w0 vbroadcasti32x2 =Vx,Wq
            59.66.w1 vpbroadcastq    =Vx,Wq
            5a.66.w0 vbroadcasti32x4 =Vx,Mo
            5a.66.w1 vbroadcasti64x2 =Vx,Mo
            5b.66.w0 vbroadcasti32x8 =Vx,Mh
            5b.66.w1 vbroadcasti64x4 =Vx,Mh
            62.66.w0 vpexpandb       =Vx,Wx     s1
            62.66.w1 vpexpandw       =Vx,Wx     s2
            63.66.w0 vpcompressb     =Wx,Vx     s1
            63.66.w1 vpcompressw     =Wx,Vx     s2
            64.66.w0 vpblendmd       =Vx,Hx,Wx  b4
            64.66.w1 vpblendmq       =Vx,Hx,Wx  b8
            65.66.w0 vblendmps       =Vx,Hx,Wx  b4
            65.66.w1 vblendmpd       =Vx,Hx,Wx  b8
            66.66.w0 vpblendmb       =Vx,Hx,Wx
            66.66.w1 vpblendmw       =Vx,Hx,Wx
            68.f2.w0 vp2intersectd   =kgq,Hx,Wx b4
            68.f2.w1 vp2intersectq   =kgq,Hx,Wx b8
            70.66.w1 vpshldvw        +Vx,Hx,Wx
            71.66.w0 vpshldvd        +Vx,Hx,Wx  b4
            71.66.w1 vpshldvq        +Vx,Hx,Wx  b8
            72.66.w1 vpshrdvw        +Vx,Hx,Wx
            72.f3.w0 vcvtneps2bf16   =Vj,Wx     b4
            72.f2.w0 vcvtne2ps2bf16  =Vx,Hx,Wx  b4
            73.66.w0 vpshrdvd        +Vx,Hx,Wx  b4
            73.66.w1 vpshrdvq        +Vx,Hx,Wx  b8
            75.66.w0 vpermi2b        +Vx,Hx,Wx
            75.66.w1 vpermi2w        +Vx,Hx,Wx
            76.66.w0 vpermi2d        +Vx,Hx,Wx  b4
            76.66.w1 vpermi2q        +Vx,Hx,Wx  b8
            77.66.w0 vpermi2ps       +Vx,Hx,Wx  b4
            77.66.w1 vpermi2pd       +Vx,Hx,Wx  b8
            78.66.w0 vpbroadcastb    =Vx,Wb
            79.66.w0 vpbroadcastw    =Vx,Ww
            7a.66.w0 vpbroadcastb    =Vx,Rd
            7b.66.w0 vpbroadcastw    =Vx,Rd
            7c.66.w0 vpbroadcastd    =Vx,Rd
            7c.66.w1 vpbroadcastq    =Vx,Rq
            7d.66.w0 vpermt2b        +Vx,Hx,Wx
            7d.66.w1 vpermt2w        +Vx,Hx,Wx
            7e.66.w0 vpermt2d        +Vx,Hx,Wx  b4
            7e.66.w1 vpermt2q        +Vx,Hx,Wx  b8
            7f.66.w0 vpermt2ps       +Vx,Hx,Wx  b4
            7f.66.w1 vpermt2pd       +Vx,Hx,Wx  b8
            83.66.w1 vpmultishiftqb  =Vx,Hx,Wx  b8
            88.66.w0 vexpandps       =Vx,Wx     s4
            88.66.w1 vexpandpd       =Vx,Wx     s8
            89.66.w0 vpexpandd       =Vx,Wx     s4
            89.66.w1 vpexpandq       =Vx,Wx     s8
            8a.66.w0 vcompressps     =Wx,Vx     s4
            8a.66.w1 vcompresspd     =Wx,Vx     s8
            8b.66.w0 vpcompressd     =Wx,Vx     s4
            8b.66.w1 vpcompressq     =Wx,Vx     s8
            8d.66.w0 vpermb          =Vx,Hx,Wx
            8d.66.w1 vpermw          =Vx,Hx,Wx
            8f.66.w0 vpshufbitqmb    =kgq,Hx,Wx
            90.66.w0 vpgatherdd      +Vx,Td     vsx
            90.66.w1 vpgatherdq      +Vx,Tq     vsj
            91.66.w0 vpgatherqd      +Vj,Td     vsx
            91.66.w1 vpgatherqq      +Vx,Tq     vsx
            92.66.w0 vgatherdps      +Vx,Td     vsx
            92.66.w1 vgatherdpd      +Vx,Tq     vsj
            93.66.w0 vgatherqps      +Vj,Td     vsx
            93.66.w1 vgatherqpd      +Vx,Tq     vsx
            96.66.w0 vfmaddsub132ps  +Vx,Hx,Wx  b4 er
            96.66.w1 vfmaddsub132pd  +Vx,Hx,Wx  b8 er
            97.66.w0 vfmsubadd132ps  +Vx,Hx,Wx  b4 er
            97.66.w1 vfmsubadd132pd  +Vx,Hx,Wx  b8 er
            98.66.w0 vfmadd132ps     +Vx,Hx,Wx  b4 er
            98.66.w1 vfmadd132pd     +Vx,Hx,Wx  b8 er
            99.66.w0 vfmadd132ss     +Vo,Ho,Wd  er
            99.66.w1 vfmadd132sd     +Vo,Ho,Wq  er
            9a.66.w0 vfmsub132ps     +Vx,Hx,Wx  b4 er
            9a.66.w1 vfmsub132pd     +Vx,Hx,Wx  b8 er
            9b.66.w0 vfmsub132ss     +Vo,Ho,Wd  er
            9b.66.w1 vfmsub132sd     +Vo,Ho,Wq  er
            9c.66.w0 vfnmadd132ps    +Vx,Hx,Wx  b4 er
            9c.66.w1 vfnmadd132pd    +Vx,Hx,Wx  b8 er
            9d.66.w0 vfnmadd132ss    +Vo,Ho,Wd  er
            9d.66.w1 vfnmadd132sd    +Vo,Ho,Wq  er
            9e.66.w0 vfnmsub132ps    +Vx,Hx,Wx  b4 er
            9e.66.w1 vfnmsub132pd    +Vx,Hx,Wx  b8 er
            9f.66.w0 vfnmsub132ss    +Vo,Ho,Wd  er
            9f.66.w1 vfnmsub132sd    +Vo,Ho,Wq  er
            a0.66.w0 vpscatterdd     =Td,Vx     vsx
            a0.66.w1 vpscatterdq     =Tq,Vx     vsj
            a1.66.w0 vpscatterqd     =Td,Vj     vsx
            a1.66.w1 vpscatterqq     =Tq,Vx     vsx
            a2.66.w0 vscatterdps     =Td,Vx     vsx
            a2.66.w1 vscatterdpd     =Tq,Vx     vsj
            a3.66.w0 vscatterqps     =Td,Vj     vsx
            a3.66.w1 vscatterqpd     =Tq,Vx     vsx
            a6.66.w0 vfmaddsub213ps  +Vx,Hx,Wx  b4 er
            a6.66.w1 vfmaddsub213pd  +Vx,Hx,Wx  b8 er
            a7.66.w0 vfmsubadd213ps  +Vx,Hx,Wx  b4 er
            a7.66.w1 vfmsubadd213pd  +Vx,Hx,Wx  b8 er
            a8.66.w0 vfmadd213ps     +Vx,Hx,Wx  b4 er
            a8.66.w1 vfmadd213pd     +Vx,Hx,Wx  b8 er
            a9.66.w0 vfmadd213ss     +Vo,Ho,Wd  er
            a9.66.w1 vfmadd213sd     +Vo,Ho,Wq  er
            aa.66.w0 vfmsub213ps     +Vx,Hx,Wx  b4 er
            aa.66.w1 vfmsub213pd     +Vx,Hx,Wx  b8 er
            ab.66.w0 vfmsub213ss     +Vo,Ho,Wd  er
            ab.66.w1 vfmsub213sd     +Vo,Ho,Wq  er
            ac.66.w0 vfnmadd213ps    +Vx,Hx,Wx  b4 er
            ac.66.w1 vfnmadd213pd    +Vx,Hx,Wx  b8 er
            ad.66.w0 vfnmadd213ss    +Vo,Ho,Wd  er
            ad.66.w1 vfnmadd213sd    +Vo,Ho,Wq  er
            ae.66.w0 vfnmsub213ps    +Vx,Hx,Wx  b4 er
            ae.66.w1 vfnmsub213pd    +Vx,Hx,Wx  b8 er
            af.66.w0 vfnmsub213ss    +Vo,Ho,Wd  er
            af.66.w1 vfnmsub213sd    +Vo,Ho,Wq  er
            b4.66.w1 vpmadd52luq     +Vx,Hx,Wx  b8
            b5.66.w1 vpmadd52huq     +Vx,Hx,Wx  b8
            b6.66.w0 vfmaddsub231ps  +Vx,Hx,Wx  b4 er
            b6.66.w1 vfmaddsub231pd  +Vx,Hx,Wx  b8 er
            b7.66.w0 vfmsubadd231ps  +Vx,Hx,Wx  b4 er
            b7.66.w1 vfmsubadd231pd  +Vx,Hx,Wx  b8 er
            b8.66.w0 vfmadd231ps     +Vx,Hx,Wx  b4 er
            b8.66.w1 vfmadd231pd     +Vx,Hx,Wx  b8 er
            b9.66.w0 vfmadd231ss     +Vo,Ho,Wd  er
            b9.66.w1 vfmadd231sd     +Vo,Ho,Wq  er
            ba.66.w0 vfmsub231ps     +Vx,Hx,Wx  b4 er
            ba.66.w1 vfmsub231pd     +Vx,Hx,Wx  b8 er
            bb.66.w0 vfmsub231ss     +Vo,Ho,Wd  er
            bb.66.w1 vfmsub231sd     +Vo,Ho,Wq  er
            bc.66.w0 vfnmadd231ps    +Vx,Hx,Wx  b4 er
            bc.66.w1 vfnmadd231pd    +Vx,Hx,Wx  b8 er
            bd.66.w0 vfnmadd231ss    +Vo,Ho,Wd  er
            bd.66.w1 vfnmadd231sd    +Vo,Ho,Wq  er
            be.66.w0 vfnmsub231ps    +Vx,Hx,Wx  b4 er
            be.66.w1 vfnmsub231pd    +Vx,Hx,Wx  b8 er
            bf.66.w0 vfnmsub231ss    +Vo,Ho,Wd  er
            bf.66.w1 vfnmsub231sd    +Vo,Ho,Wq  er
            c4.66.w0 vpconflictd     =Vx,Wx     b4
            c4.66.w1 vpconflictq     =Vx,Wx     b8
            cf.66.w0 vgf2p8mulb      =Vx,Hx,Wx
            dc.66    vaesenc         =Vx,Hx,Wx
            dd.66    vaesenclast     =Vx,Hx,Wx
            de.66    vaesdec         =Vx,Hx,Wx
            df.66    vaesdeclast     =Vx,Hx,Wx
            """;
}
