// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.linuxonlinux.vmm.UnknownAccesses;

final class PowerPortsTest {
    private final BusTest.RecordingControl machine = new BusTest.RecordingControl();
    private final PortBus bus = new PortBus(new UnknownAccesses("I/O port", line -> {}));

    @BeforeEach
    void register() {
        PowerPorts.register(bus, machine);
    }

    @Test
    void sleepStateS5SwitchesOff() {
        bus.out(0x601, 1, 0x80); // clear the wake-up status
        bus.out(0x600, 1, 5 << 2); // type without enable
        bus.out(0x600, 1, 1 << 5 | 3 << 2); // another state
        assertEquals(List.of(), machine.events);
        bus.out(0x600, 1, 1 << 5 | 5 << 2);
        assertEquals(List.of("power off"), machine.events);
    }

    @Test
    void resetRegisterResets() {
        bus.out(0xcf9, 1, 0x02); // choose the kind of reset, as Linux does first
        assertEquals(List.of(), machine.events);
        bus.out(0xcf9, 1, 0x06);
        assertEquals(List.of("reset reset register: port=0xcf9"), machine.events);
    }

    @Test
    void keyboardControllerPulsesReset() {
        assertEquals(0xff, bus.in(0x64, 1));
        bus.out(0x64, 1, 0xfe);
        assertEquals(List.of("reset keyboard controller: port=0x64"), machine.events);
    }

    @Test
    void pciIsThereWithAHostBridgeAlone() {
        bus.out(0xcf8, 4, 0x8000_0000);
        assertEquals(0x8000_0000, bus.in(0xcf8, 4));
        assertEquals(0x0d57_8086, bus.in(0xcfc, 4));
        assertEquals(0x0d57, bus.in(0xcfe, 2));
        bus.out(0xcf8, 4, 0x8000_0008);
        assertEquals(0x0600, bus.in(0xcfe, 2), "class: host bridge");
        bus.out(0xcf8, 4, 0x8000_0800); // device 1
        assertEquals(-1, bus.in(0xcfc, 4));
        bus.out(0xcf8, 4, 0);
        assertEquals(-1, bus.in(0xcfc, 4));
    }
}
