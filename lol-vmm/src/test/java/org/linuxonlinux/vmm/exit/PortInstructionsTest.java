// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.exit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.linuxonlinux.vmm.cpu.GuestFixture.FREE;
import static org.linuxonlinux.vmm.cpu.GuestState.RAX;
import static org.linuxonlinux.vmm.cpu.GuestState.RCX;
import static org.linuxonlinux.vmm.cpu.GuestState.RDI;
import static org.linuxonlinux.vmm.cpu.GuestState.RDX;
import static org.linuxonlinux.vmm.cpu.GuestState.RSI;

import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.linuxonlinux.vmm.cpu.GuestFixture;
import org.linuxonlinux.vmm.cpu.Rflags;
import org.linuxonlinux.vmm.cpu.Vector;
import org.linuxonlinux.vmm.legacy.PortDevice;

final class PortInstructionsTest extends InstructionTestBase {
    private static final int PORT = 0x500;

    private final Device device = new Device();

    @BeforeEach
    void plugIn() {
        fixture.ports.register(PORT, 8, device);
        fixture.ports.register(0x80, 1, device);
        state.setGpr(RDX, 0xffff_0000L | PORT);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "ec,    1, 11223344556677d1",
        "66 ed, 2, 112233445566d2d1",
        "ed,    4, d4d3d2d1",
        "48 ed, 4, d4d3d2d1",
    })
    void inputReplacesAsMuchOfRaxAsItIsWide(String bytes, int width, String rax) {
        state.setGpr(RAX, 0x1122_3344_5566_7788L);
        completes(bytes);
        assertEquals(rax, Long.toHexString(state.gpr(RAX)));
        assertEquals(List.of("in 500 " + width), fixture.log);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({"ee, 1, 88", "66 ef, 2, 7788", "ef, 4, 55667788", "48 ef, 4, 55667788"})
    void outputSendsTheLowPart(String bytes, int width, String value) {
        state.setGpr(RAX, 0x1122_3344_5566_7788L);
        completes(bytes);
        assertEquals(List.of("out 500 " + width + " " + value), fixture.log);
    }

    @Test
    void portsMayBeImmediate() {
        state.setGpr(RAX, 0x42);
        completes("e6 80");
        completes("e4 80");
        assertEquals(List.of("out 80 1 42", "in 80 1"), fixture.log);
    }

    @Test
    void stringOutputSendsEachElementAndMovesOn() {
        guest.put(FREE, 1, 2, 3, 4, 5, 6);
        state.setGpr(RSI, FREE);
        state.setGpr(RCX, 3);
        completes("f3 66 6f");
        assertEquals(List.of("out 500 2 201", "out 500 2 403", "out 500 2 605"), fixture.log);
        assertEquals(FREE + 6, state.gpr(RSI));
        assertEquals(0, state.gpr(RCX));
    }

    @Test
    void stringInputFillsMemoryBackwardsWithDirectionSet() {
        state.setRflags(FLAGS | Rflags.DF);
        state.setGpr(RDI, FREE + 8);
        state.setGpr(RCX, 2);
        completes("f3 6d");
        assertEquals(0xd4d3_d2d1, guest.memory.getInt(FREE + 8 - GuestFixture.BASE));
        assertEquals(0xd4d3_d2d1, guest.memory.getInt(FREE + 4 - GuestFixture.BASE));
        assertEquals(FREE, state.gpr(RDI));
    }

    @Test
    void withoutRepeatCountIsLeftAlone() {
        state.setGpr(RDI, FREE);
        state.setGpr(RCX, 7);
        completes("6c");
        assertEquals(7, state.gpr(RCX));
        assertEquals(FREE + 1, state.gpr(RDI));
        assertEquals(List.of("in 500 1"), fixture.log);
    }

    @Test
    void repeatOfZeroDoesNothing() {
        state.setGpr(RDI, NOT_CANONICAL);
        state.setGpr(RCX, 0);
        completes("f3 6c");
        assertTrue(fixture.log.isEmpty());
    }

    @Test
    void sourceObeysTheSegmentOverride() {
        control.setGsBase(FREE);
        guest.put(FREE + 0x20, 0x99);
        state.setGpr(RSI, 0x20);
        completes("65 6e");
        assertEquals(List.of("out 500 1 99"), fixture.log);
    }

    @Test
    void aPageFaultInTheMiddleKeepsWhatIsDone() {
        guest.unmap(FREE + 0x1000);
        state.setGpr(RDI, FREE + 0xffc);
        state.setGpr(RCX, 3);
        faults(Vector.PF, 2, "f3 6d");
        assertEquals(FREE + 0x1000, state.gpr(RDI));
        assertEquals(2, state.gpr(RCX));
        assertEquals(List.of("in 500 4"), fixture.log);
        assertEquals(FREE + 0x1000, control.cr2());
    }

    @Test
    void noInputIsLostWhenItsElementReachesIntoAnAbsentPage() {
        guest.unmap(FREE + 0x1000);
        state.setGpr(RDI, FREE + 0xffe);
        faults(Vector.PF, 2, "6d");
        assertTrue(fixture.log.isEmpty());
    }

    @Test
    void longRepeatsAreInterruptible() {
        state.setGpr(RDI, FREE);
        state.setGpr(RCX, 5000);
        emulate("f3 6c");
        assertEquals(RIP, state.rip(), "runs again");
        assertEquals(5000 - 4096, state.gpr(RCX));
        completes("f3 6c");
        assertEquals(FREE + 5000, state.gpr(RDI));
    }

    /** Answers 0xd4d3d2d1 and remembers. */
    private final class Device implements PortDevice {
        @Override
        public int in(int port, int widthBytes) {
            fixture.log.add(String.format("in %x %d", port, widthBytes));
            return 0xd4d3_d2d1;
        }

        @Override
        public void out(int port, int widthBytes, int value) {
            fixture.log.add(String.format("out %x %d %x", port, widthBytes, value));
        }
    }
}
