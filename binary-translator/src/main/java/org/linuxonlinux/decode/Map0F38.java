// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** Opcodes after 0F 38 (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class Map0F38 {
    private Map0F38() {}

    static final String ROWS =
            """
            00.np    pshufb                    +Pq,Qq
            00.66    pshufb                    +Vo,Wo
            01.np    phaddw                    +Pq,Qq
            01.66    phaddw                    +Vo,Wo
            02.np    phaddd                    +Pq,Qq
            02.66    phaddd                    +Vo,Wo
            03.np    phaddsw                   +Pq,Qq
            03.66    phaddsw                   +Vo,Wo
            04.np    pmaddubsw                 +Pq,Qq
            04.66    pmaddubsw                 +Vo,Wo
            05.np    phsubw                    +Pq,Qq
            05.66    phsubw                    +Vo,Wo
            06.np    phsubd                    +Pq,Qq
            06.66    phsubd                    +Vo,Wo
            07.np    phsubsw                   +Pq,Qq
            07.66    phsubsw                   +Vo,Wo
            08.np    psignb                    +Pq,Qq
            08.66    psignb                    +Vo,Wo
            09.np    psignw                    +Pq,Qq
            09.66    psignw                    +Vo,Wo
            0a.np    psignd                    +Pq,Qq
            0a.66    psignd                    +Vo,Wo
            0b.np    pmulhrsw                  +Pq,Qq
            0b.66    pmulhrsw                  +Vo,Wo
            10.66    pblendvb                  +Vo,Wo,x0
            14.66    blendvps                  +Vo,Wo,x0
            15.66    blendvpd                  +Vo,Wo,x0
            17.66    ptest                     Vo,Wo  w:*
            1c.np    pabsb                     =Pq,Qq
            1c.66    pabsb                     =Vo,Wo
            1d.np    pabsw                     =Pq,Qq
            1d.66    pabsw                     =Vo,Wo
            1e.np    pabsd                     =Pq,Qq
            1e.66    pabsd                     =Vo,Wo
            20.66    pmovsxbw                  =Vo,Wq
            21.66    pmovsxbd                  =Vo,Wd
            22.66    pmovsxbq                  =Vo,Ww
            23.66    pmovsxwd                  =Vo,Wq
            24.66    pmovsxwq                  =Vo,Wd
            25.66    pmovsxdq                  =Vo,Wq
            28.66    pmuldq                    +Vo,Wo
            29.66    pcmpeqq                   +Vo,Wo
            2a.66    movntdqa                  =Vo,Mo
            2b.66    packusdw                  +Vo,Wo
            30.66    pmovzxbw                  =Vo,Wq
            31.66    pmovzxbd                  =Vo,Wd
            32.66    pmovzxbq                  =Vo,Ww
            33.66    pmovzxwd                  =Vo,Wq
            34.66    pmovzxwq                  =Vo,Wd
            35.66    pmovzxdq                  =Vo,Wq
            37.66    pcmpgtq                   +Vo,Wo
            38.66    pminsb                    +Vo,Wo
            39.66    pminsd                    +Vo,Wo
            3a.66    pminuw                    +Vo,Wo
            3b.66    pminud                    +Vo,Wo
            3c.66    pmaxsb                    +Vo,Wo
            3d.66    pmaxsd                    +Vo,Wo
            3e.66    pmaxuw                    +Vo,Wo
            3f.66    pmaxud                    +Vo,Wo
            40.66    pmulld                    +Vo,Wo
            41.66    phminposuw                =Vo,Wo
            80.66    invept:VM_OTHER           Gr,MO  sens end w:*
            81.66    invvpid:VM_OTHER          Gr,MO  sens end w:*
            82.66    invpcid                   Gr,MG  sens end
            c8.np    sha1nexte                 +Vo,Wo
            c9.np    sha1msg1                  +Vo,Wo
            ca.np    sha1msg2                  +Vo,Wo
            cb.np    sha256rnds2               +Vo,Wo,x0
            cc.np    sha256msg1                +Vo,Wo
            cd.np    sha256msg2                +Vo,Wo
            cf.66    gf2p8mulb                 +Vo,Wo
            d8/0.f3  aesencwide128kl           Mn     w:*
            d8/1.f3  aesdecwide128kl           Mn     w:*
            d8/2.f3  aesencwide256kl           Mn     w:*
            d8/3.f3  aesdecwide256kl           Mn     w:*
            db.66    aesimc                    =Vo,Wo
            dc.66    aesenc                    +Vo,Wo
            dc.f3    aesenc128kl               +Vo,Mn w:*
            dc.f3    loadiwkey:SENSITIVE_OTHER Vo,Uo  sens w:*
            dd.66    aesenclast                +Vo,Wo
            dd.f3    aesdec128kl               +Vo,Mn w:*
            de.66    aesdec                    +Vo,Wo
            de.f3    aesenc256kl               +Vo,Mn w:*
            df.66    aesdeclast                +Vo,Wo
            df.f3    aesdec256kl               +Vo,Mn w:*
            f0.n     movbe                     =Gv,Mv
            f0.f2    crc32                     +Gy,Eb
            f1.n     movbe                     =Mv,Gv
            f1.f2    crc32                     +Gy,Ev
            f5.66.w0 wrussd:SENSITIVE_OTHER    =Md,Gd sens
            f5.66.w1 wrussq:SENSITIVE_OTHER    =Mq,Gq sens
            f6.np.w0 wrssd:SENSITIVE_OTHER     =Md,Gd sens
            f6.np.w1 wrssq:SENSITIVE_OTHER     =Mq,Gq sens
            f6.66    adcx                      +Gy,Ey r:c w:c
            f6.f3    adox                      +Gy,Ey r:o w:o
            f8.66    movdir64b:SENSITIVE_OTHER Gr,Mn  sens odd mr mw
            f8.f2    enqcmd:SENSITIVE_OTHER    Gr,Mn  sens odd mr mw w:*
            f8.f3    enqcmds:SENSITIVE_OTHER   Gr,Mn  sens odd mr mw w:*
            f9.np    movdiri                   =My,Gy
            fa.f3    encodekey128              +Gd,Rd w:*
            fb.f3    encodekey256              +Gd,Rd w:*
            fc.np    aadd                      +My,Gy
            fc.66    aand                      +My,Gy
            fc.f3    axor                      +My,Gy
            fc.f2    aor                       +My,Gy
            """;
}
