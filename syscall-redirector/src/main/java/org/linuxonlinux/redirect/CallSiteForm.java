// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.redirect;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The shapes of user code around a SYSCALL instruction that can be patched. In each, seven bytes
 * become {@code jmp *[abs32]} (ff 24 sib disp32), and every other way into those bytes that a
 * program or its kernel takes ends in an instruction that does not exist, 06, which is then
 * repaired.
 *
 * <pre>
 *   MOV_EAX   b8 n0 n1 n2 n3 0f 05          mov $n,%eax; syscall
 *          →  ff 24 25 d0 d1 06 d3          restart at the SYSCALL: 06
 *   MOV_RAX   48 c7 c0 n0 n1 n2 n3 0f 05    mov $n,%rax; syscall
 *          →  ff 24 25 d0 d1 d2 d3 0f 05    restart at the SYSCALL: it is still there
 *   COMPARE   0f 05 48 3d i0 i1 i2 i3       syscall; cmp $i,%rax
 *          →  ff 24 65 06 d1 d2 d3 i3       return behind the SYSCALL: gs 06; restart: the jump
 * </pre>
 *
 * <p>An index of none makes the scale in the SIB byte (25, 65) meaningless.
 */
enum CallSiteForm {
    MOV_EAX(5, 7),
    MOV_RAX(7, 9),
    COMPARE(0, 8);

    static final int SYSCALL_BYTES = 2;
    private static final int JUMP_BYTES = 7;
    private static final int SIB_NO_BASE = 0x25;
    private static final int SIB_NO_BASE_GS = 0x65;

    private final int syscallOffset;
    private final int lengthBytes;

    CallSiteForm(int syscallOffset, int lengthBytes) {
        this.syscallOffset = syscallOffset;
        this.lengthBytes = lengthBytes;
    }

    /** Where in the form the SYSCALL instruction stands. */
    int syscallOffset() {
        return syscallOffset;
    }

    /** Bytes of the form's instructions. */
    int lengthBytes() {
        return lengthBytes;
    }

    /** Whether the form's instructions, all of them in the page, may be at an offset. */
    boolean matches(byte[] page, int start) {
        int syscallAt = start + syscallOffset;
        if (start < 0
                || start + lengthBytes > page.length
                || page[syscallAt] != 0x0f
                || page[syscallAt + 1] != 0x05) {
            return false;
        }
        return switch (this) {
            case MOV_EAX -> (page[start] & 0xff) == 0xb8;
            case MOV_RAX ->
                    page[start] == 0x48
                            && (page[start + 1] & 0xff) == 0xc7
                            && (page[start + 2] & 0xff) == 0xc0;
            case COMPARE -> page[start + 2] == 0x48 && page[start + 3] == 0x3d;
        };
    }

    /** The 32-bit operand: the call's number, or what the result is compared with. */
    int operand(byte[] page, int start) {
        int at = start + (this == MOV_EAX ? 1 : this == MOV_RAX ? 3 : 4);
        return (page[at] & 0xff)
                | (page[at + 1] & 0xff) << 8
                | (page[at + 2] & 0xff) << 16
                | page[at + 3] << 24;
    }

    /** RAX behind the {@code mov} at an offset. */
    long numberOf(byte[] page, int start) {
        int operand = operand(page, start);
        return this == MOV_EAX ? operand & 0xffff_ffffL : operand;
    }

    /** The jump through a table entry. */
    byte[] jump(int entryHva) {
        int sib = this == COMPARE ? SIB_NO_BASE_GS : SIB_NO_BASE;
        return ByteBuffer.allocate(JUMP_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) 0xff)
                .put((byte) 0x24)
                .put((byte) sib)
                .putInt(entryHva)
                .array();
    }
}
