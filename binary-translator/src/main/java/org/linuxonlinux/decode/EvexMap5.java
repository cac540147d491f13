// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/**
 * EVEX-encoded opcodes of map 5 (AVX512-FP16) (Intel SDM vol. 2 appendix A). Row syntax: {@link
 * OpcodeTable}.
 */
final class EvexMap5 {
    private EvexMap5() {}

    static final String ROWS =
            """
            10.f3.w0 vmovsh      =Vo,Mw
            10.f3.w0 vmovsh      =Vo,Ho,Uo
            11.f3.w0 vmovsh      =Mw,Vo
            11.f3.w0 vmovsh      =Uo,Ho,Vo
            1d.np.w0 vcvtss2sh   =Vo,Ho,Wd er
            1d.66.w0 vcvtps2phx  =Vj,Wx    b4 er
            2a.f3    vcvtsi2sh   =Vo,Ho,Ey er
            2c.f3    vcvttsh2si  =Gy,Ww    sae
            2d.f3    vcvtsh2si   =Gy,Ww    er
            2e.np.w0 vucomish    Vo,Ww     sae w:*
            2f.np.w0 vcomish     Vo,Ww     sae w:*
            51.np.w0 vsqrtph     =Vx,Wx    b2 er
            51.f3.w0 vsqrtsh     =Vo,Ho,Ww er
            58.np.w0 vaddph      =Vx,Hx,Wx b2 er
            58.f3.w0 vaddsh      =Vo,Ho,Ww er
            59.np.w0 vmulph      =Vx,Hx,Wx b2 er
            59.f3.w0 vmulsh      =Vo,Ho,Ww er
            5a.np.w0 vcvtph2pd   =Vx,Wk    b2 sae
            5a.66.w1 vcvtpd2ph   =Vk,Wx    b8 er
            5a.f3.w0 vcvtsh2sd   =Vo,Ho,Ww sae
            5a.f2.w1 vcvtsd2sh   =Vo,Ho,Wq er
            5b.np.w0 vcvtdq2ph   =Vj,Wx    b4 er
            5b.np.w1 vcvtqq2ph   =Vk,Wx    b8 er
            5b.66.w0 vcvtph2dq   =Vx,Wj    b2 er
            5b.f3.w0 vcvttph2dq  =Vx,Wj    b2 sae
            5c.np.w0 vsubph      =Vx,Hx,Wx b2 er
            5c.f3.w0 vsubsh      =Vo,Ho,Ww er
            5d.np.w0 vminph      =Vx,Hx,Wx b2 sae
            5d.f3.w0 vminsh      =Vo,Ho,Ww sae
            5e.np.w0 vdivph      =Vx,Hx,Wx b2 er
            5e.f3.w0 vdivsh      =Vo,Ho,Ww er
            5f.np.w0 vmaxph      =Vx,Hx,Wx b2 sae
            5f.f3.w0 vmaxsh      =Vo,Ho,Ww sae
            6e.66.l0 vmovw       =Vo,Ec
            78.np.w0 vcvttph2udq =Vx,Wj    b2 sae
            78.66.w0 vcvttph2uqq =Vx,Wk    b2 sae
            78.f3    vcvttsh2usi =Gy,Ww    sae
            79.np.w0 vcvtph2udq  =Vx,Wj    b2 er
            79.66.w0 vcvtph2uqq  =Vx,Wk    b2 er
            79.f3    vcvtsh2usi  =Gy,Ww    er
            7a.66.w0 vcvttph2qq  =Vx,Wk    b2 sae
            7a.f2.w0 vcvtudq2ph  =Vj,Wx    b4 er
            7a.f2.w1 vcvtuqq2ph  =Vk,Wx    b8 er
            7b.66.w0 vcvtph2qq   =Vx,Wk    b2 er
            7b.f3    vcvtusi2sh  =Vo,Ho,Ey er
            7c.np.w0 vcvttph2uw  =Vx,Wx    b2 sae
            7c.66.w0 vcvttph2w   =Vx,Wx    b2 sae
            7d.np.w0 vcvtph2uw   =Vx,Wx    b2 er
            7d.66.w0 vcvtph2w    =Vx,Wx    b2 er
            7d.f3.w0 vcvtw2ph    =Vx,Wx    b2 er
            7d.f2.w0 vcvtuw2ph   =Vx,Wx    b2 er
            7e.66.l0 vmovw       =Ec,Vo
            """;
}
