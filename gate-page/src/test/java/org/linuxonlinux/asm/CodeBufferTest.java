// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.asm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class CodeBufferTest {
    @Test
    void growsAndKeepsLittleEndianOrder() {
        CodeBuffer code = new CodeBuffer(0x1000, 1);
        for (int i = 0; i < 100; i++) {
            code.emit64(0x0807_0605_0403_0201L);
        }
        code.emit16(0xbbaa);
        code.emit8(0x1cc);
        assertEquals(803, code.position());
        assertEquals(0x1000 + 803, code.hva());
        assertEquals(0x0403_0201, code.getInt(792));
        assertEquals(0xaa, code.getByte(800));
        assertEquals(0xbb, code.getByte(801));
        assertEquals(0xcc, code.getByte(802));
    }

    @Test
    void patchesOnlyWhatWasEmitted() {
        CodeBuffer code = new CodeBuffer(0);
        code.emit32(0);
        code.putInt(0, 0x8090_a0b0);
        assertEquals(0x8090_a0b0, code.getInt(0));
        assertThrows(IndexOutOfBoundsException.class, () -> code.putInt(1, 0));
        assertThrows(IndexOutOfBoundsException.class, () -> code.putByte(4, 0));
        assertThrows(IndexOutOfBoundsException.class, () -> code.getByte(-1));
    }

    @Test
    void startsAgainAtANewBase() {
        CodeBuffer code = new CodeBuffer(0x1000);
        code.emit32(1);
        code.truncate(2);
        assertEquals(2, code.position());
        assertThrows(IllegalArgumentException.class, () -> code.truncate(3));
        code.reset(0x2000);
        assertEquals(0x2000, code.hva());
    }

    @Test
    void copiesToATargetOffset() {
        CodeBuffer code = new CodeBuffer(0);
        code.emit(new byte[] {1, 2, 3, 4}, 1, 2);
        ByteBuffer target = ByteBuffer.allocate(4);
        code.copyTo(target, 1);
        assertArrayEquals(new byte[] {0, 2, 3, 0}, target.array());
        assertEquals(0, target.position());
    }
}
