// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * EVEX-encoded opcodes of map 6 (AVX512-FP16) (Intel SDM vol. 2 appendix A). Row syntax: {@link
 * OpcodeTable}.
 */
final class EvexMap6 {
    private EvexMap6() {}

    static final String ROWS =
            """
            13.np.w0 vcvtsh2ss      =Vo,Ho,Ww sae
            13.66.w0 vcvtph2psx     =Vx,Wj    b2 sae
            2c.66.w0 vscalefph      =Vx,Hx,Wx b2 er
            2d.66.w0 vscalefsh      =Vo,Ho,Ww er
            42.66.w0 vgetexpph      =Vx,Wx    b2 sae
            43.66.w0 vgetexpsh      =Vo,Ho,Ww sae
            4c.66.w0 vrcpph         =Vx,Wx    b2
            4d.66.w0 vrcpsh         =Vo,Ho,Ww
            4e.66.w0 vrsqrtph       =Vx,Wx    b2
            4f.66.w0 vrsqrtsh       =Vo,Ho,Ww
            56.f3.w0 vfmaddcph      +Vx,Hx,Wx b4 er
            56.f2.w0 vfcmaddcph     +Vx,Hx,Wx b4 er
            57.f3.w0 vfmaddcsh      +Vo,Ho,Wd er
            57.f2.w0 vfcmaddcsh     +Vo,Ho,Wd er
            96.66.w0 vfmaddsub132ph +Vx,Hx,Wx b2 er
            97.66.w0 vfmsubadd132ph +Vx,Hx,Wx b2 er
            98.66.w0 vfmadd132ph    +Vx,Hx,Wx b2 er
            99.66.w0 vfmadd132sh    +Vo,Ho,Ww er
            9a.66.w0 vfmsub132ph    +Vx,Hx,Wx b2 er
            9b.66.w0 vfmsub132sh    +Vo,Ho,Ww er
            9c.66.w0 vfnmadd132ph   +Vx,Hx,Wx b2 er
            9d.66.w0 vfnmadd132sh   +Vo,Ho,Ww er
            9e.66.w0 vfnmsub132ph   +Vx,Hx,Wx b2 er
            9f.66.w0 vfnmsub132sh   +Vo,Ho,Ww er
            a6.66.w0 vfmaddsub213ph +Vx,Hx,Wx b2 er
            a7.66.w0 vfmsubadd213ph +Vx,Hx,Wx b2 er
            a8.66.w0 vfmadd213ph    +Vx,Hx,Wx b2 er
            a9.66.w0 vfmadd213sh    +Vo,Ho,Ww er
            aa.66.w0 vfmsub213ph    +Vx,Hx,Wx b2 er
            ab.66.w0 vfmsub213sh    +Vo,Ho,Ww er
            ac.66.w0 vfnmadd213ph   +Vx,Hx,Wx b2 er
            ad.66.w0 vfnmadd213sh   +Vo,Ho,Ww er
            ae.66.w0 vfnmsub213ph   +Vx,Hx,Wx b2 er
            af.66.w0 vfnmsub213sh   +Vo,Ho,Ww er
            b6.66.w0 vfmaddsub231ph +Vx,Hx,Wx b2 er
            b7.66.w0 vfmsubadd231ph +Vx,Hx,Wx b2 er
            b8.66.w0 vfmadd231ph    +Vx,Hx,Wx b2 er
            b9.66.w0 vfmadd231sh    +Vo,Ho,Ww er
            ba.66.w0 vfmsub231ph    +Vx,Hx,Wx b2 er
            bb.66.w0 vfmsub231sh    +Vo,Ho,Ww er
            bc.66.w0 vfnmadd231ph   +Vx,Hx,Wx b2 er
            bd.66.w0 vfnmadd231sh   +Vo,Ho,Ww er
            be.66.w0 vfnmsub231ph   +Vx,Hx,Wx b2 er
            bf.66.w0 vfnmsub231sh   +Vo,Ho,Ww er
            d6.f3.w0 vfmulcph       =Vx,Hx,Wx b4 er
            d6.f2.w0 vfcmulcph      =Vx,Hx,Wx b4 er
            d7.f3.w0 vfmulcsh       =Vo,Ho,Wd er
            d7.f2.w0 vfcmulcsh      =Vo,Ho,Wd er
            """;
}
