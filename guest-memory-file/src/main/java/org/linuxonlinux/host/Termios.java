// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.host;

import java.util.Arrays;

/**
 * {@code struct ktermios} as {@code TCGETS} fills it: the settings of one terminal. Immutable.
 *
 * <pre>
 *   byte 0 c_iflag   4 c_oflag   8 c_cflag   12 c_lflag   16 c_line   17..35 c_cc
 * </pre>
 *
 * <p>Source: Linux v6.1 {@code include/uapi/asm-generic/termbits.h}.
 */
public final class Termios {
    private static final int STRUCT_BYTES = 36;
    private static final int C_IFLAG = 0;
    private static final int C_OFLAG = 4;
    private static final int C_CFLAG = 8;
    private static final int C_LFLAG = 12;
    private static final int C_CC = 17;

    private static final int BRKINT = 0x2;
    private static final int IGNBRK = 0x1;
    private static final int PARMRK = 0x8;
    private static final int ISTRIP = 0x20;
    private static final int INLCR = 0x40;
    private static final int IGNCR = 0x80;
    private static final int ICRNL = 0x100;
    private static final int IXON = 0x400;
    private static final int OPOST = 0x1;
    private static final int CSIZE = 0x30;
    private static final int CS8 = 0x30;
    private static final int PARENB = 0x100;
    private static final int ISIG = 0x1;
    private static final int ICANON = 0x2;
    private static final int ECHO = 0x8;
    private static final int ECHONL = 0x40;
    private static final int IEXTEN = 0x8000;
    private static final int VTIME = 5;
    private static final int VMIN = 6;

    private final byte[] bytes;

    private Termios(byte[] bytes) {
        this.bytes = bytes;
    }

    static boolean isTerminal(int fd) {
        try (NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES)) {
            return HostCalls.rawSyscall(HostAbi.SYS_ioctl, fd, HostAbi.TCGETS, memory.hva(), 0, 0)
                    == 0;
        }
    }

    /** The settings of the terminal behind a descriptor. */
    public static Termios get(int fd) {
        try (NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES)) {
            HostCalls.ioctl(fd, HostAbi.TCGETS, memory.hva());
            byte[] bytes = new byte[STRUCT_BYTES];
            memory.get(0, bytes, 0, STRUCT_BYTES);
            return new Termios(bytes);
        }
    }

    /** Applies the settings after pending output has drained ({@code TCSETSW}). */
    public void set(int fd) {
        try (NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES)) {
            memory.put(0, bytes, 0, STRUCT_BYTES);
            HostCalls.ioctl(fd, HostAbi.TCSETSW, memory.hva());
        }
    }

    /** The same settings in raw mode: every byte passes unchanged, reads return single bytes. */
    public Termios raw() {
        try (NativeMemory memory = NativeMemory.allocate(STRUCT_BYTES)) {
            memory.put(0, bytes, 0, STRUCT_BYTES);
            int inputOff = IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON;
            memory.putInt(C_IFLAG, memory.getInt(C_IFLAG) & ~inputOff);
            memory.putInt(C_OFLAG, memory.getInt(C_OFLAG) & ~OPOST);
            memory.putInt(C_CFLAG, (memory.getInt(C_CFLAG) & ~(CSIZE | PARENB)) | CS8);
            int localOff = ECHO | ECHONL | ICANON | ISIG | IEXTEN;
            memory.putInt(C_LFLAG, memory.getInt(C_LFLAG) & ~localOff);
            memory.putByte(C_CC + VTIME, (byte) 0);
            memory.putByte(C_CC + VMIN, (byte) 1);
            byte[] raw = new byte[STRUCT_BYTES];
            memory.get(0, raw, 0, STRUCT_BYTES);
            return new Termios(raw);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Termios that && Arrays.equals(bytes, that.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }
}
