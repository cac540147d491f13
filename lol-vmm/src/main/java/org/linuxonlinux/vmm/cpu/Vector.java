// SPDX-License-Identifier: Apache-2.0
package org.linuxonlinux.vmm.cpu;

/** Exception vectors (Intel SDM vol. 3A §6.3.1). */
public final class Vector {
    public static final int DE = 0;
    public static final int DB = 1;
    public static final int BP = 3;
    public static final int OF = 4;
    public static final int UD = 6;
    public static final int NM = 7;
    public static final int DF = 8;
    public static final int TS = 10;
    public static final int NP = 11;
    public static final int SS = 12;
    public static final int GP = 13;
    public static final int PF = 14;
    public static final int MF = 16;
    public static final int AC = 17;
    public static final int MC = 18;
    public static final int XM = 19;

    private static final int ERROR_CODE_VECTORS =
            (1 << DF) | (1 << TS) | (1 << NP) | (1 << SS) | (1 << GP) | (1 << PF) | (1 << AC);

    private Vector() {}

    /** Whether the exception pushes an error code. */
    static boolean hasErrorCode(int vector) {
        return vector < 32 && ((ERROR_CODE_VECTORS >>> vector) & 1) != 0;
    }

    /**
     * Whether an exception that hits during the delivery of another makes a double fault (SDM vol.
     * 3A table 6-5). A page fault while a contributory exception is delivered does not.
     */
    static boolean isDoubleFault(int first, int second) {
        return isContributory(first) ? isContributory(second) : first == PF && isSerious(second);
    }

    private static boolean isContributory(int vector) {
        return vector == DE || (vector >= TS && vector <= GP);
    }

    private static boolean isSerious(int vector) {
        return vector == PF || isContributory(vector);
    }

    /** Whether the saved RIP is the instruction's own, which also sets RF in the saved flags. */
    static boolean isFault(int vector) {
        return vector != DB && vector != BP && vector != OF && vector != DF && vector != MC;
    }
}
