// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** Opcodes after 0F (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class TwoByteMap {
    private TwoByteMap() {}

    static final String ROWS =
            """
            00/0       sldt                        =ES       sens
            00/1       str                         =ES       sens
            00/2       lldt                        Ew        sens end
            00/3       ltr                         Ew        sens end
            00/4       verr                        Ew        sens w:z
            00/5       verw                        Ew        sens w:z
            01@c0.np   enclv:SENSITIVE_OTHER       -         sens end
            01@c1.np   vmcall                      -         sens end
            01@c2.np   vmlaunch:VM_OTHER           -         sens end
            01@c3.np   vmresume:VM_OTHER           -         sens end
            01@c4.np   vmxoff:VM_OTHER             -         sens end
            01@c5.np   pconfig:SENSITIVE_OTHER     -         sens end
            01@c8.np   monitor                     -         sens end i:ax,cx,dx odd mr
            01@c9.np   mwait                       -         sens end i:ax,cx
            01@ca.np   clac                        -         sens end
            01@cb.np   stac                        -         sens end
            01@cf.np   encls:SENSITIVE_OTHER       -         sens end
            01@d0.np   xgetbv                      -         i:cx o:ax,dx
            01@d1.np   xsetbv                      -         sens end i:ax,cx,dx
            01@d4.np   vmfunc:VM_OTHER             -         sens end i:ax,cx
            01@d5.np   xend                        -         sens end
            01@d6.np   xtest                       -         w:*
            01@d7.np   enclu:SENSITIVE_OTHER       -         sens end
            01@d8      vmrun:VM_OTHER              -         sens end i:ax
            01@d9.np   vmmcall                     -         sens end
            01@d9      vmgexit:VMMCALL             -         sens end
            01@da      vmload:VM_OTHER             -         sens end i:ax
            01@db      vmsave:VM_OTHER             -         sens end i:ax
            01@dc      stgi:VM_OTHER               -         sens end
            01@dd      clgi:VM_OTHER               -         sens end
            01@de      skinit:VM_OTHER             -         sens end i:ax
            01@df      invlpga                     -         sens end i:ax,cx
            01@c6.np   wrmsrns:SENSITIVE_OTHER     -         sens end i:ax,cx,dx
            01@c6.f2   rdmsrlist:SENSITIVE_OTHER   -         sens end i:ax,cx,dx
            01@c6.f3   wrmsrlist:SENSITIVE_OTHER   -         sens end i:ax,cx,dx
            01@cc.66   tdcall:SENSITIVE_OTHER      -         sens end i:ax,cx,dx
            01@cd.66   seamret:SENSITIVE_OTHER     -         sens end i:ax,cx,dx
            01@ce.66   seamops:SENSITIVE_OTHER     -         sens end i:ax,cx,dx
            01@cf.66   seamcall:SENSITIVE_OTHER    -         sens end i:ax,cx,dx
            01@e8.np   serialize:SENSITIVE_OTHER   -         sens end
            01@e8.f3   setssbsy:SENSITIVE_OTHER    -         sens end
            01@e8.f2   xsusldtrk:SENSITIVE_OTHER   -         sens end
            01@e9.f2   xresldtrk:SENSITIVE_OTHER   -         sens end
            01@ea.f3   saveprevssp:SENSITIVE_OTHER -         sens end
            01@ec.f3   uiret:SENSITIVE_OTHER       -         sens end
            01@ed.f3   testui:SENSITIVE_OTHER      -         sens end
            01@ee.f3   clui:SENSITIVE_OTHER        -         sens end
            01@ef.f3   stui:SENSITIVE_OTHER        -         sens end
            01@ee.np   rdpkru                      -         sens i:cx o:ax,dx
            01@ef.np   wrpkru                      -         sens end i:ax,cx,dx
            01@f8      swapgs                      -         sens end
            01@f9      rdtscp                      -         o:ax,cx,dx
            01@fa      monitorx                    -         sens end i:ax,cx,dx odd mr
            01@fb      mwaitx                      -         sens end i:ax,bx,cx
            01@fc      clzero:SENSITIVE_OTHER      -         sens end i:ax odd mw
            01@fd      rdpru:SENSITIVE_OTHER       -         sens i:cx o:ax,dx w:*
            01@fe.np   invlpgb:INVLPGB             -         sens end i:ax,cx,dx
            01@fe.f3   rmpadjust:SENSITIVE_OTHER   -         sens end i:ax,cx,dx
            01@fe.f2   rmpupdate:SENSITIVE_OTHER   -         sens end i:ax,cx,dx
            01@ff.np   tlbsync                     -         sens end i:ax,cx,dx
            01@ff.f3   psmash:SENSITIVE_OTHER      -         sens end i:ax,cx,dx
            01@ff.f2   pvalidate:SENSITIVE_OTHER   -         sens end i:ax,cx,dx
            01/0       sgdt                        =Mg       sens
            01/1       sidt                        =Mg       sens
            01/2       lgdt                        Mg        sens end
            01/3       lidt                        Mg        sens end
            01/4       smsw                        =ES       sens
            01/5.f3    rstorssp:SENSITIVE_OTHER    +Mq       sens end
            01/6       lmsw                        Ew        sens end
            01/7       invlpg                      !Mb       sens end
            02         lar                         +Gv,ES    sens w:z
            03         lsl                         +Gv,ES    sens w:z
            05         syscall                     -         sens end o:cx,r11 r:*di w:*di
            06         clts                        -         sens end
            07.w1      sysretq:SYSRET              -         sens end i:cx,r11 w:*di
            07.w0      sysretd:SYSRET              -         sens end i:cx,r11 w:*di
            08         invd                        -         sens end
            09.f3      wbnoinvd                    -         sens end
            09         wbinvd                      -         sens end
            0b         ud2                         -         sens end
            0d/1       prefetchw                   !Mb
            0d/2       prefetchwt1                 !Mb
            0d/0       prefetch                    !Mb
            0d/3       prefetch                    !Mb
            0d/4       prefetch                    !Mb
            0d/5       prefetch                    !Mb
            0d/6       prefetch                    !Mb
            0d/7       prefetch                    !Mb
            0d         nop                         !Rv
            0e         femms                       -
            10.np      movups                      =Vo,Wo
            10.66      movupd                      =Vo,Wo
            10.f3      movss                       =Vd,Wd
            10.f2      movsd                       =Vq,Wq
            11.np      movups                      =Wo,Vo
            11.66      movupd                      =Wo,Vo
            11.f3      movss                       =Wd,Vd
            11.f2      movsd                       =Wq,Vq
            12.np      movlps                      =Vq,Mq
            12.np      movhlps                     =Vq,Uq
            12.66      movlpd                      =Vq,Mq
            12.f3      movsldup                    =Vo,Wo
            12.f2      movddup                     =Vo,Wq
            13.np      movlps                      =Mq,Vq
            13.66      movlpd                      =Mq,Vq
            14.np      unpcklps                    +Vo,Wo
            14.66      unpcklpd                    +Vo,Wo
            15.np      unpckhps                    +Vo,Wo
            15.66      unpckhpd                    +Vo,Wo
            16.np      movhps                      =Vq,Mq
            16.np      movlhps                     =Vq,Uq
            16.66      movhpd                      =Vq,Mq
            16.f3      movshdup                    =Vo,Wo
            17.np      movhps                      =Mq,Vq
            17.66      movhpd                      =Mq,Vq
            18/0       prefetchnta                 !Mb
            18/1       prefetcht0                  !Mb
            18/2       prefetcht1                  !Mb
            18/3       prefetcht2                  !Mb
            18         nop                         !Ev
            19         nop                         !Ev
            1a.f3      bndcl                       bg,!Er
            1a.f2      bndcu                       bg,!Er
            1a.66      bndmov                      =bg,bo
            1a.np      bndldx                      =bg,!Mn   odd mr
            1a         nop                         !Ev
            1b.f3      bndmk                       =bg,!Mn
            1b.f2      bndcn                       bg,!Er
            1b.66      bndmov                      =bo,bg
            1b.np      bndstx                      !Mn,bg    odd mw
            1b         nop                         !Ev
            1c/0.np    cldemote                    !Mb
            1c         nop                         !Ev
            1d         nop                         !Ev
            1e@fa.f3   endbr64                     -
            1e@fb.f3   endbr32                     -
            1e/1.f3.w0 rdsspd                      +Rd
            1e/1.f3.w1 rdsspq                      +Rq
            1e         nop                         !Ev
            1f         nop                         !Ev
            20         mov:MOV_FROM_CR             =Rr,C     sens end nomod w:*
            21         mov:MOV_FROM_DR             =Rr,D     sens end nomod w:*
            22         mov:MOV_TO_CR               =C,Rr     sens end nomod w:*
            23         mov:MOV_TO_DR               =D,Rr     sens end nomod w:*
            28.np      movaps                      =Vo,Wo
            28.66      movapd                      =Vo,Wo
            29.np      movaps                      =Wo,Vo
            29.66      movapd                      =Wo,Vo
            2a.np      cvtpi2ps                    =Vq,Qq
            2a.66      cvtpi2pd                    =Vo,Qq
            2a.f3      cvtsi2ss                    =Vd,Ey
            2a.f2      cvtsi2sd                    =Vq,Ey
            2b.np      movntps                     =Mo,Vo
            2b.66      movntpd                     =Mo,Vo
            2b.f3      movntss                     =Md,Vd
            2b.f2      movntsd                     =Mq,Vq
            2c.np      cvttps2pi                   =Pq,Wq
            2c.66      cvttpd2pi                   =Pq,Wo
            2c.f3      cvttss2si                   =Gy,Wd
            2c.f2      cvttsd2si                   =Gy,Wq
            2d.np      cvtps2pi                    =Pq,Wq
            2d.66      cvtpd2pi                    =Pq,Wo
            2d.f3      cvtss2si                    =Gy,Wd
            2d.f2      cvtsd2si                    =Gy,Wq
            2e.np      ucomiss                     Vd,Wd     w:*
            2e.66      ucomisd                     Vq,Wq     w:*
            2f.np      comiss                      Vd,Wd     w:*
            2f.66      comisd                      Vq,Wq     w:*
            30         wrmsr                       -         sens end i:ax,cx,dx
            31         rdtsc                       -         o:ax,dx
            32         rdmsr                       -         sens end i:cx o:ax,dx
            33         rdpmc                       -         sens end i:cx o:ax,dx
            34         sysenter                    -         sens end w:i
            35.w1      sysexitq:SYSEXIT            -         sens end i:cx,dx
            35.w0      sysexitd:SYSEXIT            -         sens end i:cx,dx
            37         getsec                      -         sens end i:ax,bx,cx
            40%        cmov                        +Gv,Ev
            50.np      movmskps                    =Gy,Uo
            50.66      movmskpd                    =Gy,Uo
            51.np      sqrtps                      =Vo,Wo
            51.66      sqrtpd                      =Vo,Wo
            51.f3      sqrtss                      =Vd,Wd
            51.f2      sqrtsd                      =Vq,Wq
            52.np      rsqrtps                     =Vo,Wo
            52.f3      rsqrtss                     =Vd,Wd
            53.np      rcpps                       =Vo,Wo
            53.f3      rcpss                       =Vd,Wd
            54.np      andps                       +Vo,Wo
            54.66      andpd                       +Vo,Wo
            55.np      andnps                      +Vo,Wo
            55.66      andnpd                      +Vo,Wo
            56.np      orps                        +Vo,Wo
            56.66      orpd                        +Vo,Wo
            57.np      xorps                       +Vo,Wo
            57.66      xorpd                       +Vo,Wo
            58.np      addps                       +Vo,Wo
            58.66      addpd                       +Vo,Wo
            58.f3      addss                       +Vd,Wd
            58.f2      addsd                       +Vq,Wq
            59.np      mulps                       +Vo,Wo
            59.66      mulpd                       +Vo,Wo
            59.f3      mulss                       +Vd,Wd
            59.f2      mulsd                       +Vq,Wq
            5a.np      cvtps2pd                    =Vo,Wq
            5a.66      cvtpd2ps                    =Vo,Wo
            5a.f3      cvtss2sd                    =Vq,Wd
            5a.f2      cvtsd2ss                    =Vd,Wq
            5b.np      cvtdq2ps                    =Vo,Wo
            5b.66      cvtps2dq                    =Vo,Wo
            5b.f3      cvttps2dq                   =Vo,Wo
            5c.np      subps                       +Vo,Wo
            5c.66      subpd                       +Vo,Wo
            5c.f3      subss                       +Vd,Wd
            5c.f2      subsd                       +Vq,Wq
            5d.np      minps                       +Vo,Wo
            5d.66      minpd                       +Vo,Wo
            5d.f3      minss                       +Vd,Wd
            5d.f2      minsd                       +Vq,Wq
            5e.np      divps                       +Vo,Wo
            5e.66      divpd                       +Vo,Wo
            5e.f3      divss                       +Vd,Wd
            5e.f2      divsd                       +Vq,Wq
            5f.np      maxps                       +Vo,Wo
            5f.66      maxpd                       +Vo,Wo
            5f.f3      maxss                       +Vd,Wd
            5f.f2      maxsd                       +Vq,Wq
            60.np      punpcklbw                   +Pq,Qd
            60.66      punpcklbw                   +Vo,Wo
            61.np      punpcklwd                   +Pq,Qd
            61.66      punpcklwd                   +Vo,Wo
            62.np      punpckldq                   +Pq,Qd
            62.66      punpckldq                   +Vo,Wo
            63.np      packsswb                    +Pq,Qq
            63.66      packsswb                    +Vo,Wo
            64.np      pcmpgtb                     +Pq,Qq
            64.66      pcmpgtb                     +Vo,Wo
            65.np      pcmpgtw                     +Pq,Qq
            65.66      pcmpgtw                     +Vo,Wo
            66.np      pcmpgtd                     +Pq,Qq
            66.66      pcmpgtd                     +Vo,Wo
            67.np      packuswb                    +Pq,Qq
            67.66      packuswb                    +Vo,Wo
            68.np      punpckhbw                   +Pq,Qq
            68.66      punpckhbw                   +Vo,Wo
            69.np      punpckhwd                   +Pq,Qq
            69.66      punpckhwd                   +Vo,Wo
            6a.np      punpckhdq                   +Pq,Qq
            6a.66      punpckhdq                   +Vo,Wo
            6b.np      packssdw                    +Pq,Qq
            6b.66      packssdw                    +Vo,Wo
            6c.66      punpcklqdq                  +Vo,Wo
            6d.66      punpckhqdq                  +Vo,Wo
            6e.np.w0   movd                        =Pd,Ed
            6e.np.w1   movq                        =Pq,Eq
            6e.66.w0   movd                        =Vo,Ed
            6e.66.w1   movq                        =Vo,Eq
            6f.np      movq                        =Pq,Qq
            6f.66      movdqa                      =Vo,Wo
            6f.f3      movdqu                      =Vo,Wo
            70.np      pshufw                      =Pq,Qq,Ib
            70.66      pshufd                      =Vo,Wo,Ib
            70.f3      pshufhw                     =Vo,Wo,Ib
            70.f2      pshuflw                     =Vo,Wo,Ib
            71/2.np    psrlw                       +Nq,Ib
            71/2.66    psrlw                       +Uo,Ib
            71/4.np    psraw                       +Nq,Ib
            71/4.66    psraw                       +Uo,Ib
            71/6.np    psllw                       +Nq,Ib
            71/6.66    psllw                       +Uo,Ib
            72/2.np    psrld                       +Nq,Ib
            72/2.66    psrld                       +Uo,Ib
            72/4.np    psrad                       +Nq,Ib
            72/4.66    psrad                       +Uo,Ib
            72/6.np    pslld                       +Nq,Ib
            72/6.66    pslld                       +Uo,Ib
            73/2.np    psrlq                       +Nq,Ib
            73/2.66    psrlq                       +Uo,Ib
            73/3.66    psrldq                      +Uo,Ib
            73/6.np    psllq                       +Nq,Ib
            73/6.66    psllq                       +Uo,Ib
            73/7.66    pslldq                      +Uo,Ib
            74.np      pcmpeqb                     +Pq,Qq
            74.66      pcmpeqb                     +Vo,Wo
            75.np      pcmpeqw                     +Pq,Qq
            75.66      pcmpeqw                     +Vo,Wo
            76.np      pcmpeqd                     +Pq,Qq
            76.66      pcmpeqd                     +Vo,Wo
            77         emms                        -
            78.np      vmread:VM_OTHER             =Er,Gr    sens end w:*
            78/0.66    extrq                       +Uo,Ib,Ib
            78.f2      insertq                     +Vo,Uo,Ib,Ib
            79.np      vmwrite:VM_OTHER            Gr,Er     sens end w:*
            79.66      extrq                       +Vo,Uo
            79.f2      insertq                     +Vo,Uo
            7c.66      haddpd                      +Vo,Wo
            7c.f2      haddps                      +Vo,Wo
            7d.66      hsubpd                      +Vo,Wo
            7d.f2      hsubps                      +Vo,Wo
            7e.np.w0   movd                        =Ed,Pd
            7e.np.w1   movq                        =Eq,Pq
            7e.66.w0   movd                        =Ed,Vo
            7e.66.w1   movq                        =Eq,Vo
            7e.f3      movq                        =Vo,Wq
            7f.np      movq                        =Qq,Pq
            7f.66      movdqa                      =Wo,Vo
            7f.f3      movdqu                      =Wo,Vo
            80%        j:JCC                       Jz        jcc end d64
            90%        set                         =Eb
            a0         push:PUSH_SREG              s4        push d64 sens
            a1         pop:POP_SREG                =s4       pop d64 sens end
            a2         cpuid                       -         sens i:ax,cx o:ax,bx,cx,dx
            a3         bt                          Ev,Gv     w:osapc
            a4         shld                        +Ev,Gv,Ib w?:*
            a5         shld                        +Ev,Gv,cb w?:*
            a6@c0      montmul:SENSITIVE_OTHER     -         sens end odd mr mw
            a6@c8      xsha1:SENSITIVE_OTHER       -         sens end odd mr mw
            a6@d0      xsha256:SENSITIVE_OTHER     -         sens end odd mr mw
            a7@c0      xstore-rng:SENSITIVE_OTHER  -         sens end odd mw
            a7@c8      xcrypt-ecb:SENSITIVE_OTHER  -         sens end odd mr mw
            a7@d0      xcrypt-cbc:SENSITIVE_OTHER  -         sens end odd mr mw
            a7@d8      xcrypt-ctr:SENSITIVE_OTHER  -         sens end odd mr mw
            a7@e0      xcrypt-cfb:SENSITIVE_OTHER  -         sens end odd mr mw
            a7@e8      xcrypt-ofb:SENSITIVE_OTHER  -         sens end odd mr mw
            a8         push:PUSH_SREG              s5        push d64 sens
            a9         pop:POP_SREG                =s5       pop d64 sens end
            aa         rsm                         -         sens end
            ab         bts                         +Ev,Gv    w:osapc
            ac         shrd                        +Ev,Gv,Ib w?:*
            ad         shrd                        +Ev,Gv,cb w?:*
            ae/0.np.w1 fxsave64                    =MX
            ae/1.np.w1 fxrstor64                   MX
            ae/4.np.w1 xsave64                     +Mn       i:ax,dx
            ae/5.np.w1 xrstor64                    Mn        i:ax,dx
            ae/6.np.w1 xsaveopt64                  +Mn       i:ax,dx
            ae/0.np.w0 fxsave                      =MX
            ae/1.np.w0 fxrstor                     MX
            ae/4.np.w0 xsave                       +Mn       i:ax,dx
            ae/5.np.w0 xrstor                      Mn        i:ax,dx
            ae/6.np.w0 xsaveopt                    +Mn       i:ax,dx
            ae/2.np    ldmxcsr                     Md
            ae/3.np    stmxcsr                     =Md
            ae/7.np    clflush                     Mb
            ae/6.66    clwb                        Mb
            ae/7.66    clflushopt                  Mb
            ae/5.np.m3 lfence                      -
            ae/6.np.m3 mfence                      -
            ae/7.np.m3 sfence                      -
            ae/6.66    tpause:SENSITIVE_OTHER      Rd        sens i:ax,dx w:*
            ae/6.f2    umwait:SENSITIVE_OTHER      Rd        sens i:ax,dx w:*
            ae/6.f3    umonitor:SENSITIVE_OTHER    Rr        sens odd mr
            ae/0.f3    rdfsbase                    =Ry       sens
            ae/1.f3    rdgsbase                    =Ry       sens
            ae/2.f3    wrfsbase                    Ry        sens
            ae/3.f3    wrgsbase                    Ry        sens
            ae/4.f3    ptwrite                     Ey
            ae/5.f3.w0 incsspd:SENSITIVE_OTHER     Rd        sens
            ae/5.f3.w1 incsspq:SENSITIVE_OTHER     Rq        sens
            ae/6.f3    clrssbsy:SENSITIVE_OTHER    +Mq       sens
            af         imul                        +Gv,Ev    w:*
            b0         cmpxchg                     +Eb,Gb    i:ax o:ax w:*
            b1         cmpxchg                     +Ev,Gv    i:ax o:ax w:*
            b2         lss                         =Gv,Mp    sens end
            b3         btr                         +Ev,Gv    w:osapc
            b4         lfs                         =Gv,Mp    sens end
            b5         lgs                         =Gv,Mp    sens end
            b6         movzx                       =Gv,Eb
            b7         movzx                       =Gv,Ew
            b8.f3      popcnt                      =Gv,Ev    w:*
            b9         ud1                         !Gv,!Ev   sens end
            ba/4       bt                          Ev,Ib     w:osapc
            ba/5       bts                         +Ev,Ib    w:osapc
            ba/6       btr                         +Ev,Ib    w:osapc
            ba/7       btc                         +Ev,Ib    w:osapc
            bb         btc                         +Ev,Gv    w:osapc
            bc.f3      tzcnt                       =Gv,Ev    w:*
            bc         bsf                         +Gv,Ev    w:*
            bd.f3      lzcnt                       =Gv,Ev    w:*
            bd         bsr                         +Gv,Ev    w:*
            be         movsx                       =Gv,Eb
            bf         movsx                       =Gv,Ew
            c0         xadd                        +Eb,+Gb   w:*
            c1         xadd                        +Ev,+Gv   w:*
            c2.np      cmpps                       +Vo,Wo,Ib
            c2.66      cmppd                       +Vo,Wo,Ib
            c2.f3      cmpss                       +Vd,Wd,Ib
            c2.f2      cmpsd                       +Vq,Wq,Ib
            c3.np      movnti                      =My,Gy
            c4.np      pinsrw                      +Pq,Ec,Ib
            c4.66      pinsrw                      +Vo,Ec,Ib
            c5.np      pextrw                      =Gd,Nq,Ib
            c5.66      pextrw                      =Gd,Uo,Ib
            c6.np      shufps                      +Vo,Wo,Ib
            c6.66      shufpd                      +Vo,Wo,Ib
            c7/1.w0    cmpxchg8b                   +Mq       i:ax,bx,cx,dx o:ax,dx w:z
            c7/1.w1    cmpxchg16b                  +MO       i:ax,bx,cx,dx o:ax,dx w:z
            c7/3.np.w1 xrstors64:XRSTORS           Mn        sens i:ax,dx
            c7/4.np.w1 xsavec64                    +Mn       i:ax,dx
            c7/5.np.w1 xsaves64:XSAVES             +Mn       sens i:ax,dx
            c7/3.np.w0 xrstors:XRSTORS             Mn        sens i:ax,dx
            c7/4.np.w0 xsavec                      +Mn       i:ax,dx
            c7/5.np.w0 xsaves:XSAVES               +Mn       sens i:ax,dx
            c7/6.np    vmptrld:VM_OTHER            Mq        sens end w:*
            c7/6.66    vmclear:VM_OTHER            Mq        sens end w:*
            c7/6.f3    vmxon:VM_OTHER              Mq        sens end w:*
            c7/7.np    vmptrst:VM_OTHER            =Mq       sens end w:*
            c7/6.n     rdrand                      =Rv       w:*
            c7/7.n     rdseed                      =Rv       w:*
            c7/7.f3    rdpid                       =Rr       sens
            c7/6.f3    senduipi:SENSITIVE_OTHER    Rr        sens end
            c8+        bswap                       +Zv
            d0.66      addsubpd                    +Vo,Wo
            d0.f2      addsubps                    +Vo,Wo
            d1.np      psrlw                       +Pq,Qq
            d1.66      psrlw                       +Vo,Wo
            d2.np      psrld                       +Pq,Qq
            d2.66      psrld                       +Vo,Wo
            d3.np      psrlq                       +Pq,Qq
            d3.66      psrlq                       +Vo,Wo
            d4.np      paddq                       +Pq,Qq
            d4.66      paddq                       +Vo,Wo
            d5.np      pmullw                      +Pq,Qq
            d5.66      pmullw                      +Vo,Wo
            d6.66      movq                        =Wq,Vo
            d6.f3      movq2dq                     =Vo,Nq
            d6.f2      movdq2q                     =Pq,Uo
            d7.np      pmovmskb                    =Gy,Nq
            d7.66      pmovmskb                    =Gy,Uo
            d8.np      psubusb                     +Pq,Qq
            d8.66      psubusb                     +Vo,Wo
            d9.np      psubusw                     +Pq,Qq
            d9.66      psubusw                     +Vo,Wo
            da.np      pminub                      +Pq,Qq
            da.66      pminub                      +Vo,Wo
            db.np      pand                        +Pq,Qq
            db.66      pand                        +Vo,Wo
            dc.np      paddusb                     +Pq,Qq
            dc.66      paddusb                     +Vo,Wo
            dd.np      paddusw                     +Pq,Qq
            dd.66      paddusw                     +Vo,Wo
            de.np      pmaxub                      +Pq,Qq
            de.66      pmaxub                      +Vo,Wo
            df.np      pandn                       +Pq,Qq
            df.66      pandn                       +Vo,Wo
            e0.np      pavgb                       +Pq,Qq
            e0.66      pavgb                       +Vo,Wo
            e1.np      psraw                       +Pq,Qq
            e1.66      psraw                       +Vo,Wo
            e2.np      psrad                       +Pq,Qq
            e2.66      psrad                       +Vo,Wo
            e3.np      pavgw                       +Pq,Qq
            e3.66      pavgw                       +Vo,Wo
            e4.np      pmulhuw                     +Pq,Qq
            e4.66      pmulhuw                     +Vo,Wo
            e5.np      pmulhw                      +Pq,Qq
            e5.66      pmulhw                      +Vo,Wo
            e6.66      cvttpd2dq                   =Vo,Wo
            e6.f3      cvtdq2pd                    =Vo,Wq
            e6.f2      cvtpd2dq                    =Vo,Wo
            e7.np      movntq                      =Mq,Pq
            e7.66      movntdq                     =Mo,Vo
            e8.np      psubsb                      +Pq,Qq
            e8.66      psubsb                      +Vo,Wo
            e9.np      psubsw                      +Pq,Qq
            e9.66      psubsw                      +Vo,Wo
            ea.np      pminsw                      +Pq,Qq
            ea.66      pminsw                      +Vo,Wo
            eb.np      por                         +Pq,Qq
            eb.66      por                         +Vo,Wo
            ec.np      paddsb                      +Pq,Qq
            ec.66      paddsb                      +Vo,Wo
            ed.np      paddsw                      +Pq,Qq
            ed.66      paddsw                      +Vo,Wo
            ee.np      pmaxsw                      +Pq,Qq
            ee.66      pmaxsw                      +Vo,Wo
            ef.np      pxor                        +Pq,Qq
            ef.66      pxor                        +Vo,Wo
            f0.f2      lddqu                       =Vo,Mo
            f1.np      psllw                       +Pq,Qq
            f1.66      psllw                       +Vo,Wo
            f2.np      pslld                       +Pq,Qq
            f2.66      pslld                       +Vo,Wo
            f3.np      psllq                       +Pq,Qq
            f3.66      psllq                       +Vo,Wo
            f4.np      pmuludq                     +Pq,Qq
            f4.66      pmuludq                     +Vo,Wo
            f5.np      pmaddwd                     +Pq,Qq
            f5.66      pmaddwd                     +Vo,Wo
            f6.np      psadbw                      +Pq,Qq
            f6.66      psadbw                      +Vo,Wo
            f7.np      maskmovq                    Pq,Nq     odd mw i:di
            f7.66      maskmovdqu                  Vo,Uo     odd mw i:di
            f8.np      psubb                       +Pq,Qq
            f8.66      psubb                       +Vo,Wo
            f9.np      psubw                       +Pq,Qq
            f9.66      psubw                       +Vo,Wo
            fa.np      psubd                       +Pq,Qq
            fa.66      psubd                       +Vo,Wo
            fb.np      psubq                       +Pq,Qq
            fb.66      psubq                       +Vo,Wo
            fc.np      paddb                       +Pq,Qq
            fc.66      paddb                       +Vo,Wo
            fd.np      paddw                       +Pq,Qq
            fd.66      paddw                       +Vo,Wo
            fe.np      paddd                       +Pq,Qq
            fe.66      paddd                       +Vo,Wo
            ff         ud0                         !Gv,!Ev   sens end
            """;
}
