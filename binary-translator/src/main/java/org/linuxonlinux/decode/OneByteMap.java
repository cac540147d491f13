// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.decode;

/** One-byte opcodes (Intel SDM vol. 2 appendix A). Row syntax: {@link OpcodeTable}. */
final class OneByteMap {
    private OneByteMap() {}

    static final String ROWS =
            """
            00        add               +Eb,Gb    w:*
            01        add               +Ev,Gv    w:*
            02        add               +Gb,Eb    w:*
            03        add               +Gv,Ev    w:*
            04        add               +ab,Ib    w:*
            05        add               +av,Iz    w:*
            08        or                +Eb,Gb    w:*
            09        or                +Ev,Gv    w:*
            0a        or                +Gb,Eb    w:*
            0b        or                +Gv,Ev    w:*
            0c        or                +ab,Ib    w:*
            0d        or                +av,Iz    w:*
            10        adc               +Eb,Gb    r:c w:*
            11        adc               +Ev,Gv    r:c w:*
            12        adc               +Gb,Eb    r:c w:*
            13        adc               +Gv,Ev    r:c w:*
            14        adc               +ab,Ib    r:c w:*
            15        adc               +av,Iz    r:c w:*
            18        sbb               +Eb,Gb    r:c w:*
            19        sbb               +Ev,Gv    r:c w:*
            1a        sbb               +Gb,Eb    r:c w:*
            1b        sbb               +Gv,Ev    r:c w:*
            1c        sbb               +ab,Ib    r:c w:*
            1d        sbb               +av,Iz    r:c w:*
            20        and               +Eb,Gb    w:*
            21        and               +Ev,Gv    w:*
            22        and               +Gb,Eb    w:*
            23        and               +Gv,Ev    w:*
            24        and               +ab,Ib    w:*
            25        and               +av,Iz    w:*
            28        sub               +Eb,Gb    w:*
            29        sub               +Ev,Gv    w:*
            2a        sub               +Gb,Eb    w:*
            2b        sub               +Gv,Ev    w:*
            2c        sub               +ab,Ib    w:*
            2d        sub               +av,Iz    w:*
            30        xor               +Eb,Gb    w:*
            31        xor               +Ev,Gv    w:*
            32        xor               +Gb,Eb    w:*
            33        xor               +Gv,Ev    w:*
            34        xor               +ab,Ib    w:*
            35        xor               +av,Iz    w:*
            38        cmp               Eb,Gb     w:*
            39        cmp               Ev,Gv     w:*
            3a        cmp               Gb,Eb     w:*
            3b        cmp               Gv,Ev     w:*
            3c        cmp               ab,Ib     w:*
            3d        cmp               av,Iz     w:*
            50+       push              Zs        push d64
            58+       pop               =Zs       pop d64
            63.w1     movsxd            =Gq,Ed
            63.w0     movsxd            =Gv,Ed
            68        push              Iz        push d64
            69        imul              =Gv,Ev,Iz w:*
            6a        push              Ii        push d64
            6b        imul              =Gv,Ev,Ii w:*
            6c        ins               =Yb,dw    ins r:d sens end
            6d        ins               =Yz,dw    ins r:d sens end
            6e        outs              dw,Xb     outs r:d sens end
            6f        outs              dw,Xz     outs r:d sens end
            70%       j:JCC             Jb        jcc end d64
            80/0      add               +Eb,Ib    w:*
            80/1      or                +Eb,Ib    w:*
            80/2      adc               +Eb,Ib    r:c w:*
            80/3      sbb               +Eb,Ib    r:c w:*
            80/4      and               +Eb,Ib    w:*
            80/5      sub               +Eb,Ib    w:*
            80/6      xor               +Eb,Ib    w:*
            80/7      cmp               Eb,Ib     w:*
            81/0      add               +Ev,Iz    w:*
            81/1      or                +Ev,Iz    w:*
            81/2      adc               +Ev,Iz    r:c w:*
            81/3      sbb               +Ev,Iz    r:c w:*
            81/4      and               +Ev,Iz    w:*
            81/5      sub               +Ev,Iz    w:*
            81/6      xor               +Ev,Iz    w:*
            81/7      cmp               Ev,Iz     w:*
            83/0      add               +Ev,Ii    w:*
            83/1      or                +Ev,Ii    w:*
            83/2      adc               +Ev,Ii    r:c w:*
            83/3      sbb               +Ev,Ii    r:c w:*
            83/4      and               +Ev,Ii    w:*
            83/5      sub               +Ev,Ii    w:*
            83/6      xor               +Ev,Ii    w:*
            83/7      cmp               Ev,Ii     w:*
            84        test              Eb,Gb     w:*
            85        test              Ev,Gv     w:*
            86        xchg              +Eb,+Gb
            87        xchg              +Ev,+Gv
            88        mov               =Eb,Gb
            89        mov               =Ev,Gv
            8a        mov               =Gb,Eb
            8b        mov               =Gv,Ev
            8c        mov:MOV_FROM_SREG =ES,Sw    sens
            8d        lea               =Gv,!Mn
            8e        mov:MOV_TO_SREG   =Sw,EW    sens end
            8f/0      pop               =Es       pop d64
            90.f3.b0  pause             -
            90.b0.o16 xchg:NOP          !Zv,!av
            90.b0     nop               -
            90        xchg              +Zv,+av
            91        xchg              +Zv,+av
            92        xchg              +Zv,+av
            93        xchg              +Zv,+av
            94        xchg              +Zv,+av
            95        xchg              +Zv,+av
            96        xchg              +Zv,+av
            97        xchg              +Zv,+av
            98.o16    cbw:CBW           -         i:ax o:ax
            98.o32    cwde:CBW          -         i:ax o:ax
            98.o64    cdqe:CBW          -         i:ax o:ax
            99.o16    cwd:CWD           -         i:ax,dx o:dx
            99.o32    cdq:CWD           -         i:ax o:dx
            99.o64    cqo:CWD           -         i:ax o:dx
            9b        fwait             -
            9c        pushf             -         push d64 r:*di sens
            9d        popf              -         pop d64 w:*di sens end
            9e        sahf              -         i:ax w:szapc
            9f        lahf              -         i:ax o:ax r:szapc
            a0        movabs            =ab,Ob
            a1        movabs            =av,Ov
            a2        movabs            =Ob,ab
            a3        movabs            =Ov,av
            a4        movs              =Yb,Xb    movs r:d
            a5        movs              =Yv,Xv    movs r:d
            a6        cmps              Xb,Yb     cmps r:d w:*
            a7        cmps              Xv,Yv     cmps r:d w:*
            a8        test              ab,Ib     w:*
            a9        test              av,Iz     w:*
            aa        stos              =Yb,ab    stos r:d
            ab        stos              =Yv,av    stos r:d
            ac        lods              =ab,Xb    lods r:d
            ad        lods              =av,Xv    lods r:d
            ae        scas              ab,Yb     scas r:d w:*
            af        scas              av,Yv     scas r:d w:*
            b0+       mov               =Zb,Ib
            b8+.w1    movabs            =Zv,Iv
            b8+.w0    mov               =Zv,Iv
            c0/0      rol               +Eb,Ib    w?:oc
            c0/1      ror               +Eb,Ib    w?:oc
            c0/2      rcl               +Eb,Ib    r:c w?:oc
            c0/3      rcr               +Eb,Ib    r:c w?:oc
            c0/4      shl               +Eb,Ib    w?:*
            c0/5      shr               +Eb,Ib    w?:*
            c0/6      shl               +Eb,Ib    w?:*
            c0/7      sar               +Eb,Ib    w?:*
            c1/0      rol               +Ev,Ib    w?:oc
            c1/1      ror               +Ev,Ib    w?:oc
            c1/2      rcl               +Ev,Ib    r:c w?:oc
            c1/3      rcr               +Ev,Ib    r:c w?:oc
            c1/4      shl               +Ev,Ib    w?:*
            c1/5      shr               +Ev,Ib    w?:*
            c1/6      shl               +Ev,Ib    w?:*
            c1/7      sar               +Ev,Ib    w?:*
            c2        ret               Iw        ret end pop d64
            c3        ret               -         ret end pop d64
            c6/0      mov               =Eb,Ib
            c6@f8     xabort            Ib        sens end
            c7/0      mov               =Ev,Iz
            c7@f8     xbegin            Jz        sens end o:ax
            c8        enter             Iw,Ib     push d64 i:bp o:bp
            c9        leave             -         pop d64 i:bp o:bp
            ca.o16    retfw:FAR_RET     Iw        far end sens pop
            ca.o32    retf:FAR_RET      Iw        far end sens pop
            ca.o64    retfq:FAR_RET     Iw        far end sens pop
            cb.o16    retfw:FAR_RET     -         far end sens pop
            cb.o32    retf:FAR_RET      -         far end sens pop
            cb.o64    retfq:FAR_RET     -         far end sens pop
            cc        int3              -         sens end
            cd        int               Ib        sens end
            cf.o16    iretw:IRET        -         far sens end pop w:*di
            cf.o32    iret              -         far sens end pop w:*di
            cf.o64    iretq:IRET        -         far sens end pop w:*di
            d0/0      rol               +Eb,1     w:oc
            d0/1      ror               +Eb,1     w:oc
            d0/2      rcl               +Eb,1     r:c w:oc
            d0/3      rcr               +Eb,1     r:c w:oc
            d0/4      shl               +Eb,1     w:*
            d0/5      shr               +Eb,1     w:*
            d0/6      shl               +Eb,1     w:*
            d0/7      sar               +Eb,1     w:*
            d1/0      rol               +Ev,1     w:oc
            d1/1      ror               +Ev,1     w:oc
            d1/2      rcl               +Ev,1     r:c w:oc
            d1/3      rcr               +Ev,1     r:c w:oc
            d1/4      shl               +Ev,1     w:*
            d1/5      shr               +Ev,1     w:*
            d1/6      shl               +Ev,1     w:*
            d1/7      sar               +Ev,1     w:*
            d2/0      rol               +Eb,cb    w?:oc
            d2/1      ror               +Eb,cb    w?:oc
            d2/2      rcl               +Eb,cb    r:c w?:oc
            d2/3      rcr               +Eb,cb    r:c w?:oc
            d2/4      shl               +Eb,cb    w?:*
            d2/5      shr               +Eb,cb    w?:*
            d2/6      shl               +Eb,cb    w?:*
            d2/7      sar               +Eb,cb    w?:*
            d3/0      rol               +Ev,cb    w?:oc
            d3/1      ror               +Ev,cb    w?:oc
            d3/2      rcl               +Ev,cb    r:c w?:oc
            d3/3      rcr               +Ev,cb    r:c w?:oc
            d3/4      shl               +Ev,cb    w?:*
            d3/5      shr               +Ev,cb    w?:*
            d3/6      shl               +Ev,cb    w?:*
            d3/7      sar               +Ev,cb    w?:*
            d7        xlat              -         odd mr i:ax,bx o:ax
            d8/0      fadd              Md
            d8/0      fadd              +s0,si
            d8/1      fmul              Md
            d8/1      fmul              +s0,si
            d8/2      fcom              Md
            d8/2      fcom              si
            d8/3      fcomp             Md
            d8/3      fcomp             si
            d8/4      fsub              Md
            d8/4      fsub              +s0,si
            d8/5      fsubr             Md
            d8/5      fsubr             +s0,si
            d8/6      fdiv              Md
            d8/6      fdiv              +s0,si
            d8/7      fdivr             Md
            d8/7      fdivr             +s0,si
            d9/0      fld               Md
            d9/2      fst               =Md
            d9/3      fstp              =Md
            d9/4      fldenv            Mf
            d9/5      fldcw             Mw
            d9/6      fnstenv           =Mf
            d9/7      fnstcw            =Mw
            d9/0      fld               si
            d9/1      fxch              +si
            d9@d0     fnop              -
            d9@e0     fchs              -
            d9@e1     fabs              -
            d9@e4     ftst              -
            d9@e5     fxam              -
            d9@e8     fld1              -
            d9@e9     fldl2t            -
            d9@ea     fldl2e            -
            d9@eb     fldpi             -
            d9@ec     fldlg2            -
            d9@ed     fldln2            -
            d9@ee     fldz              -
            d9@f0     f2xm1             -
            d9@f1     fyl2x             -
            d9@f2     fptan             -
            d9@f3     fpatan            -
            d9@f4     fxtract           -
            d9@f5     fprem1            -
            d9@f6     fdecstp           -
            d9@f7     fincstp           -
            d9@f8     fprem             -
            d9@f9     fyl2xp1           -
            d9@fa     fsqrt             -
            d9@fb     fsincos           -
            d9@fc     frndint           -
            d9@fd     fscale            -
            d9@fe     fsin              -
            d9@ff     fcos              -
            da/0      fiadd             Md
            da/1      fimul             Md
            da/2      ficom             Md
            da/3      ficomp            Md
            da/4      fisub             Md
            da/5      fisubr            Md
            da/6      fidiv             Md
            da/7      fidivr            Md
            da/0      fcmovb            +s0,si    r:c
            da/1      fcmove            +s0,si    r:z
            da/2      fcmovbe           +s0,si    r:cz
            da/3      fcmovu            +s0,si    r:p
            da@e9     fucompp           -
            db/0      fild              Md
            db/1      fisttp            =Md
            db/2      fist              =Md
            db/3      fistp             =Md
            db/5      fld               Mt
            db/7      fstp              =Mt
            db/0      fcmovnb           +s0,si    r:c
            db/1      fcmovne           +s0,si    r:z
            db/2      fcmovnbe          +s0,si    r:cz
            db/3      fcmovnu           +s0,si    r:p
            db@e0     fneni             -
            db@e1     fndisi            -
            db@e2     fnclex            -
            db@e3     fninit            -
            db@e4     fnsetpm           -
            db/5      fucomi            s0,si     w?:*
            db/6      fcomi             s0,si     w?:*
            dc/0      fadd              Mq
            dc/1      fmul              Mq
            dc/2      fcom              Mq
            dc/3      fcomp             Mq
            dc/4      fsub              Mq
            dc/5      fsubr             Mq
            dc/6      fdiv              Mq
            dc/7      fdivr             Mq
            dc/0      fadd              +si,s0
            dc/1      fmul              +si,s0
            dc/4      fsubr             +si,s0
            dc/5      fsub              +si,s0
            dc/6      fdivr             +si,s0
            dc/7      fdiv              +si,s0
            dd/0      fld               Mq
            dd/1      fisttp            =Mq
            dd/2      fst               =Mq
            dd/3      fstp              =Mq
            dd/4      frstor            MF
            dd/6      fnsave            =MF
            dd/7      fnstsw            =Mw
            dd/0      ffree             si
            dd/2      fst               =si
            dd/3      fstp              =si
            dd/4      fucom             si
            dd/5      fucomp            si
            de/0      fiadd             Mw
            de/1      fimul             Mw
            de/2      ficom             Mw
            de/3      ficomp            Mw
            de/4      fisub             Mw
            de/5      fisubr            Mw
            de/6      fidiv             Mw
            de/7      fidivr            Mw
            de@d9     fcompp            -
            de/0      faddp             +si,s0
            de/1      fmulp             +si,s0
            de/4      fsubrp            +si,s0
            de/5      fsubp             +si,s0
            de/6      fdivrp            +si,s0
            de/7      fdivp             +si,s0
            df/0      fild              Mw
            df/1      fisttp            =Mw
            df/2      fist              =Mw
            df/3      fistp             =Mw
            df/4      fbld              Mt
            df/5      fild              Mq
            df/6      fbstp             =Mt
            df/7      fistp             =Mq
            df/0      ffreep            si
            df@e0     fnstsw            =aw
            df/5      fucomip           s0,si     w?:*
            df/6      fcomip            s0,si     w?:*
            e0        loopne            Jb        loop end r:z i:cx o:cx d64
            e1        loope             Jb        loop end r:z i:cx o:cx d64
            e2        loop              Jb        loop end i:cx o:cx d64
            e3        jrcxz             Jb        jrcxz end i:cx d64
            e4        in                =ab,Ib    sens end
            e5        in                =az,Ib    sens end
            e6        out               Ib,ab     sens end
            e7        out               Ib,az     sens end
            e8        call              Jz        call end push d64
            e9        jmp               Jz        jmp end d64
            eb        jmp               Jb        jmp end d64
            ec        in                =ab,dw    sens end
            ed        in                =az,dw    sens end
            ee        out               dw,ab     sens end
            ef        out               dw,az     sens end
            f1        int1              -         sens end
            f4        hlt               -         sens end
            f5        cmc               -         r:c w:c
            f6/0      test              Eb,Ib     w:*
            f6/1      test              Eb,Ib     w:*
            f6/2      not               +Eb
            f6/3      neg               +Eb       w:*
            f6/4      mul               Eb        i:ax o:ax w:*
            f6/5      imul              Eb        i:ax o:ax w:*
            f6/6      div               Eb        i:ax o:ax w:*
            f6/7      idiv              Eb        i:ax o:ax w:*
            f7/0      test              Ev,Iz     w:*
            f7/1      test              Ev,Iz     w:*
            f7/2      not               +Ev
            f7/3      neg               +Ev       w:*
            f7/4      mul               Ev        i:ax o:ax,dx w:*
            f7/5      imul              Ev        i:ax o:ax,dx w:*
            f7/6      div               Ev        i:ax,dx o:ax,dx w:*
            f7/7      idiv              Ev        i:ax,dx o:ax,dx w:*
            f8        clc               -         w:c
            f9        stc               -         w:c
            fa        cli               -         sens w:i
            fb        sti               -         sens end w:i
            fc        cld               -         w:d
            fd        std               -         w:d
            fe/0      inc               +Eb       w:oszap
            fe/1      dec               +Eb       w:oszap
            ff/0      inc               +Ev       w:oszap
            ff/1      dec               +Ev       w:oszap
            ff/2      call              Es        icall end push d64
            ff/3      call:FAR_CALL     Mp        far end sens push
            ff/4      jmp               Es        ijmp end d64
            ff/5      jmp:FAR_JMP       Mp        far end sens
            ff/6      push              Es        push d64
            """;
}
