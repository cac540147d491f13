// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

import java.util.function.IntPredicate;
import java.util.function.IntToLongFunction;

/** Model-specific registers that belong to something other than the CPU core. */
public interface MsrDevice {
    /** Whether reads and writes of this register go to the device. */
    boolean owns(int msr);

    /**
     * Reads an owned register.
     *
     * @throws org.linuxonlinux.vmm.GeneralProtectionException if it cannot be read
     */
    long read(int msr);

    /**
     * Writes an owned register.
     *
     * @throws org.linuxonlinux.vmm.GeneralProtectionException if it does not take the value
     */
    void write(int msr, long value);

    /** The write half of a device. */
    @FunctionalInterface
    interface Writer {
        /** Writes an owned register. */
        void write(int msr, long value);
    }

    /** Puts a device together from its three methods. */
    static MsrDevice of(IntPredicate owns, IntToLongFunction reader, Writer writer) {
        return new MsrDevice() {
            @Override
            public boolean owns(int msr) {
                return owns.test(msr);
            }

            @Override
            public long read(int msr) {
                return reader.applyAsLong(msr);
            }

            @Override
            public void write(int msr, long value) {
                writer.write(msr, value);
            }
        };
    }
}
