// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.legacy;

/**
 * Reset and power-off: the ways the guest ends its machine.
 *
 * <ul>
 *   <li>ACPI sleep control (ACPI 6.5 §4.8.3.7): SLP_EN with SLP_TYP of S5 switches off.
 *   <li>ACPI reset register: the reset control register below, named by the FADT.
 *   <li>Reset control register, port 0xcf9 (Intel ICH data sheets): bit 2 resets.
 *   <li>Keyboard controller, port 0x64: command 0xfe pulses the reset line. There is no controller
 *       otherwise: its status reads all ones.
 * </ul>
 */
public final class PowerPorts {
    /** ACPI sleep control register. */
    public static final int SLEEP_CONTROL_PORT = 0x600;

    /** ACPI sleep status register. */
    public static final int SLEEP_STATUS_PORT = 0x601;

    /** Reset control register; also the ACPI reset register. */
    public static final int RESET_PORT = 0xcf9;

    /** What to write to {@link #RESET_PORT}: full reset, hard. */
    public static final int RESET_VALUE = 0x06;

    /** SLP_TYP of S5, as the DSDT's \_S5 gives it. Arbitrary. */
    public static final int SLEEP_TYPE_S5 = 5;

    private static final int KEYBOARD_PORT = 0x64;
    private static final int KEYBOARD_PULSE_RESET = 0xfe;

    private static final int RESET_CPU = 1 << 2;

    private static final int SLP_EN = 1 << 5;
    private static final int SLP_TYP_SHIFT = 2;

    private final MachineControl machine;

    private PowerPorts(MachineControl machine) {
        this.machine = machine;
    }

    /** Puts the registers on a bus, and with the reset register the PCI ports around it. */
    public static void register(PortBus bus, MachineControl machine) {
        PowerPorts ports = new PowerPorts(machine);
        bus.register(SLEEP_CONTROL_PORT, 2, device(0, ports::writeSleepControl));
        bus.register(
                PciConfigPorts.BASE_PORT,
                PciConfigPorts.PORT_COUNT,
                new PciConfigPorts(device(0, ports::writeReset)));
        bus.register(KEYBOARD_PORT, 1, device(-1, ports::writeKeyboard));
    }

    private interface Write {
        void accept(int port, int value);
    }

    private static PortDevice device(int readValue, Write write) {
        return new PortDevice() {
            @Override
            public int in(int port, int widthBytes) {
                return readValue;
            }

            @Override
            public void out(int port, int widthBytes, int value) {
                write.accept(port, value);
            }
        };
    }

    private void writeSleepControl(int port, int value) {
        boolean go = port == SLEEP_CONTROL_PORT && (value & SLP_EN) != 0;
        if (go && (value >>> SLP_TYP_SHIFT & 7) == SLEEP_TYPE_S5) {
            machine.powerOff();
        }
    }

    private void writeReset(int port, int value) {
        if ((value & RESET_CPU) != 0) {
            machine.reset("reset register: port=0xcf9");
        }
    }

    private void writeKeyboard(int port, int value) {
        if (value == KEYBOARD_PULSE_RESET) {
            machine.reset("keyboard controller: port=0x64");
        }
    }
}
