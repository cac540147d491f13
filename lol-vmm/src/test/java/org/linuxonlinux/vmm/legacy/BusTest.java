// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.UnknownAccesses;

final class BusTest {
    private final List<String> log = new ArrayList<>();
    private final UnknownAccesses unknown = new UnknownAccesses("place", log::add);

    /** Remembers accesses; answers with more bits than asked for. */
    private static final class Recorder implements PortDevice, MmioDevice {
        private final List<String> accesses = new ArrayList<>();

        @Override
        public int in(int port, int widthBytes) {
            return (int) read(port, widthBytes);
        }

        @Override
        public void out(int port, int widthBytes, int value) {
            write(port, widthBytes, Integer.toUnsignedLong(value));
        }

        @Override
        public long read(long offset, int widthBytes) {
            accesses.add("read " + Long.toHexString(offset) + " " + widthBytes);
            return 0xfedc_ba98_7654_3210L;
        }

        @Override
        public void write(long offset, int widthBytes, long value) {
            accesses.add(
                    "write "
                            + Long.toHexString(offset)
                            + " "
                            + widthBytes
                            + " "
                            + Long.toHexString(value));
        }
    }

    private final Recorder device = new Recorder();

    @Nested
    class Ports {
        private final PortBus bus = new PortBus(unknown);

        @Test
        void cutsValuesToTheirWidth() {
            bus.register(0x60, 4, device);
            assertEquals(0x10, bus.in(0x60, 1));
            assertEquals(0x3210, bus.in(0x62, 2));
            assertEquals(0x7654_3210, bus.in(0x60, 4));
            bus.out(0x63, 1, 0xabcd);
            assertEquals(
                    List.of("read 60 1", "read 62 2", "read 60 4", "write 63 1 cd"),
                    device.accesses);
        }

        @Test
        void unknownPortsReadAllOnesAndAreReportedOnce() {
            assertEquals(0xff, bus.in(0x1234, 1));
            assertEquals(0xffff, bus.in(0x1234, 2));
            assertEquals(-1, bus.in(0x1234, 4));
            bus.out(0xffff, 1, 7);
            assertEquals(
                    List.of(
                            "place unknown: place=0x1234, read bytes=1",
                            "place unknown: place=0xffff, write bytes=1, value=0x7"),
                    log);
            assertEquals(4, unknown.total());
            assertEquals(Map.of(0x1234L, 3L, 0xffffL, 1L), unknown.byPlace());
        }

        @Test
        void aPortHasOneOwner() {
            bus.register(0x60, 4, device);
            assertThrows(IllegalArgumentException.class, () -> bus.register(0x63, 1, device));
        }

        @Test
        void theWholeMachineFits() {
            bus.register(0x3f8, Uart16550.PORT_COUNT, device);
            bus.register(Rtc.BASE_PORT, Rtc.PORT_COUNT, device);
            PowerPorts.register(bus, new RecordingControl());
            LegacyPorts.register(bus);
            assertEquals(0xff, bus.in(0x80, 1));
            assertEquals(0, bus.in(0x61, 1));
            assertEquals(List.of(), log);
            assertTrue(bus.claimedPorts().length > 40);
        }
    }

    @Nested
    class DeviceMemory {
        private final MmioBus bus = new MmioBus(unknown);

        @Test
        void passesOffsetsAndCutsValues() {
            bus.register(0xfec0_0000L, 0x20, device);
            assertEquals(0x7654_3210L, bus.read(0xfec0_0010L, 4));
            assertEquals(0xfedc_ba98_7654_3210L, bus.read(0xfec0_0000L, 8));
            bus.write(0xfec0_001cL, 4, -1);
            assertEquals(List.of("read 10 4", "read 0 8", "write 1c 4 ffffffff"), device.accesses);
            assertTrue(bus.isClaimed(0xfec0_001fL));
            assertFalse(bus.isClaimed(0xfec0_0020L));
        }

        @Test
        void unknownAddressesAreReportedOncePerPage() {
            assertEquals(-1, bus.read(0xd000_0008L, 8));
            assertEquals(0xff, bus.read(0xd000_0010L, 1));
            bus.write(0xd000_0ff8L, 4, 0);
            assertEquals(List.of("place unknown: place=0xd0000000, read bytes=8"), log);
            assertEquals(3, unknown.total());
        }

        @Test
        void rangesDoNotOverlap() {
            bus.register(0x1000, 0x1000, device);
            bus.register(0x2000, 0x1000, device);
            assertThrows(IllegalArgumentException.class, () -> bus.register(0x1fff, 0x10, device));
            assertThrows(IllegalArgumentException.class, () -> bus.register(0x800, 0x801, device));
            assertThrows(IllegalArgumentException.class, () -> bus.register(0, 0x8000, device));
        }
    }

    /** Remembers how the machine ended. */
    static final class RecordingControl implements MachineControl {
        final List<String> events = new ArrayList<>();

        @Override
        public void reset(String how) {
            events.add("reset " + how);
        }

        @Override
        public void powerOff() {
            events.add("power off");
        }
    }
}
